/** A list of labels to choose from: keys 1 to 9 and 0 for the first ten, a search for all of them. */

import { breakable, element, find, percent } from "./dom.js";

const FEW = 10;
const KEYS = "1234567890";

export class LabelList {
  element = element("section", { class: "labels", "aria-label": "Labels" });
  #buttons = new Map(); // label -> button
  #list = element("ul", { class: "label-list list-unstyled" });
  #search = null;
  #none = element("p", { class: "quiet", hidden: true }, "No label matches.");
  #count = element("span", { class: "visually-hidden", role: "status" });
  #marked = new Set();
  #allowNew;
  #onPick;

  constructor({ labels, allowNew, onPick }) {
    this.#allowNew = allowNew;
    this.#onPick = onPick;
    if (labels.length > FEW || allowNew) this.element.append(this.#searchBox(labels.length));
    this.element.append(this.#list, this.#none, this.#count);
    labels.forEach((label) => this.#add(label));
  }

  get labels() {
    return [...this.#buttons.keys()];
  }

  /** The keys of the list itself, for the list of keys. */
  get keys() {
    const search = this.#search ? [["/", "Search the labels; Enter takes the first"]] : [];
    return [["↑ ↓", "Move through the labels; Space chooses"], ...search];
  }

  /** The label of a key, or null. */
  labelOfKey(key) {
    return KEYS.includes(key) ? (this.labels[KEYS.indexOf(key)] ?? null) : null;
  }

  /** Mark labels as chosen, and show scores. The first label with a score is the suggested one. */
  mark(chosen, suggested = []) {
    const scores = new Map(suggested.map(({ label, score }) => [label, score]));
    const touched = new Set([...this.#marked, ...chosen, ...scores.keys()]);
    for (const label of touched) {
      if (!this.#buttons.has(label)) this.#add(label);
      const button = this.#buttons.get(label);
      button.setAttribute("aria-pressed", chosen.has(label));
      button.classList.toggle("suggested", label === suggested[0]?.label);
      const score = scores.get(label);
      find(".score", button).textContent = typeof score === "number" ? percent(score) : "";
    }
    this.#marked = touched;
  }

  /** Handle the keys of the list itself. Returns whether the key was used. */
  handleKey(event) {
    if (event.key === "/" && this.#search) {
      this.#search.focus();
      this.#search.select();
      return true;
    }
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      this.#moveFocus(steps[event.key]);
      return true;
    }
    return false;
  }

  clearSearch() {
    if (!this.#search || this.#search.value === "") return;
    this.#search.value = "";
    this.#filter();
  }

  #add(label) {
    const number = this.#buttons.size;
    const button = element(
      "button",
      { type: "button", class: "label btn", "aria-pressed": "false", "data-label": label },
      element("kbd", { "aria-hidden": "true", class: number < FEW ? null : "invisible" }, KEYS[number] ?? ""),
      element("span", { class: "check", "aria-hidden": "true" }, "✓"),
      element("bdi", { class: "name" }, ...breakable(label)),
      element("span", { class: "score" }),
    );
    button.addEventListener("click", () => this.#pick(label));
    this.#buttons.set(label, button);
    this.#list.append(element("li", {}, button));
  }

  #pick(label) {
    this.clearSearch();
    this.#onPick(label);
  }

  #searchBox(number) {
    const input = element("input", {
      type: "search", id: "label-search", class: "form-control form-control-sm", autocomplete: "off",
      placeholder: `Search ${number} labels`, "aria-keyshortcuts": "/", "aria-label": "Search labels",
    });
    input.addEventListener("input", () => this.#filter());
    input.addEventListener("keydown", (event) => this.#searchKey(event));
    this.#search = input;
    return element("div", { class: "label-search" }, input, element("kbd", { "aria-hidden": "true" }, "/"));
  }

  #searchKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) this.#moveFocus(steps[event.key]);
    else if (event.key === "Enter") this.#pickFound();
    else if (event.key === "Escape") {
      this.clearSearch();
      find("#item").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #pickFound() {
    const text = this.#search.value.trim();
    const shown = this.#visible();
    if (text && shown.length) this.#pick(shown[0].dataset.label);
    else if (text && this.#allowNew) this.#pick(text);
    else return;
    find("#item").focus();
  }

  #filter() {
    const words = this.#search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    for (const [label, button] of this.#buttons) {
      const name = label.toLocaleLowerCase();
      button.parentElement.hidden = !words.every((word) => name.includes(word));
    }
    const shown = this.#visible();
    this.#list.querySelector(".first")?.classList.remove("first");
    if (words.length && shown.length) shown[0].classList.add("first");
    this.#none.hidden = shown.length > 0;
    this.#none.textContent = this.#allowNew
      ? `No label matches. Enter adds “${this.#search.value.trim()}”.`
      : "No label matches.";
    this.#count.textContent = words.length ? `${shown.length} labels match` : "";
  }

  #visible() {
    return [...this.#buttons.values()].filter((button) => !button.parentElement.hidden);
  }

  #moveFocus(step) {
    const shown = this.#visible();
    const place = shown.indexOf(document.activeElement);
    const next = place < 0 ? (step > 0 ? 0 : shown.length - 1) : place + step;
    if (next < 0 && this.#search) this.#search.focus();
    else shown[Math.max(0, Math.min(next, shown.length - 1))]?.focus();
  }
}
