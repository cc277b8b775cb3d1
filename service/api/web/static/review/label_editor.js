/** Chooses one label, which is saved at once, or several, which Enter saves. */

import { LabelList } from "./label_list.js";

export class LabelEditor {
  element;
  #list;
  #many;
  #chosen = new Set();
  #suggestion = null;
  #actions;

  constructor({ labels, many, allowNew, actions }) {
    this.#many = many;
    this.#actions = actions;
    this.#list = new LabelList({ labels, allowNew, onPick: (label) => this.#pick(label) });
    this.element = this.#list.element;
  }

  /** Whether Enter saves even on the button of a label. Space then chooses it. */
  get savesOnEnter() {
    return this.#many;
  }

  get keys() {
    const choose = this.#many
      ? [["1 … 9, 0", "Choose or drop one of the first ten labels"], ["Enter, Space", "Save the chosen labels"]]
      : [["1 … 9, 0", "Save one of the first ten labels"], ["Enter, Space", "Accept the suggestion"]];
    return [...choose, ...this.#list.keys];
  }

  get acceptText() {
    if (this.#many) return this.#chosen.size ? "Save" : "Save: no label";
    return this.#suggestion ? "Accept" : null;
  }

  /** Show an item. `earlier`: what this reviewer said about it before an undo. */
  show(item, suggestion, earlier) {
    const suggested = suggestion?.labels ?? [];
    this.#suggestion = suggested[0]?.label ?? null;
    const before = earlier?.labels ?? (this.#many ? suggested.map(({ label }) => label) : []);
    this.#chosen = new Set(before);
    this.#list.clearSearch();
    this.#list.mark(this.#chosen, [...suggested, ...(suggestion?.others ?? [])]);
  }

  /** The suggestion in words; null without one. */
  suggestionText(suggestion) {
    const labels = suggestion?.labels;
    if (!labels) return null;
    if (this.#many) return labels.map(({ label }) => label).join(", ") || "no label";
    return labels[0]?.label ?? null;
  }

  handleKey(event) {
    const label = this.#list.labelOfKey(event.key);
    if (label !== null) {
      this.#pick(label);
      return true;
    }
    return this.#list.handleKey(event);
  }

  accept() {
    if (this.#many) this.#actions.save({ labels: this.#list.labels.filter((label) => this.#chosen.has(label)) });
    else if (this.#suggestion === null) this.#actions.warn("Choose a label: there is no suggestion to accept.");
    else this.#actions.save({ labels: [this.#suggestion] });
  }

  #pick(label) {
    if (!this.#many) {
      this.#actions.save({ labels: [label] });
      return;
    }
    if (!this.#chosen.delete(label)) this.#chosen.add(label);
    this.#list.mark(this.#chosen);
    this.#actions.touched();
    this.#actions.announce(`${label}: ${this.#chosen.has(label) ? "chosen" : "dropped"}`);
  }
}
