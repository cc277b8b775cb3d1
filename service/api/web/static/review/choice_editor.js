/** Chooses between two answers without knowing whose they are, or gives a score. */

import { element, find } from "./dom.js";
import { verdictWords } from "./verdict_words.js";
import { fillMarked } from "./marked_text.js";
import { Offsets } from "./text_offsets.js";

const CHOICES = [
  { key: "a", digit: "1", words: "A is right" },
  { key: "b", digit: "2", words: "B is right" },
  { key: "both", digit: "3", words: "Both are right" },
  { key: "neither", digit: "4", words: "Neither is right" },
];

export class PreferenceEditor {
  element = element("section", { class: "preference", "aria-label": "Answers" });
  #sides = new Map();
  #labels;
  #actions;

  constructor({ labels, actions }) {
    this.#labels = labels;
    this.#actions = actions;
    const sides = ["a", "b"].map((key) => {
      const content = element("div", { class: "side-content", dir: "auto" });
      this.#sides.set(key, content);
      return element("div", { class: "side" }, element("h3", { class: "h4" }, `Answer ${key.toUpperCase()}`), content);
    });
    const buttons = CHOICES.map((choice) => {
      const button = element(
        "button",
        { type: "button", class: "label btn", "data-option": choice.key, "aria-pressed": "false" },
        element("kbd", { "aria-hidden": "true" }, choice.digit),
        element("span", { class: "name" }, choice.words),
      );
      button.addEventListener("click", () => this.#save(choice));
      return button;
    });
    this.element.append(element("div", { class: "sides" }, ...sides), element("div", { class: "choices" }, ...buttons));
  }

  keys = [
    ["1, a, ←", "A is right"],
    ["2, b, →", "B is right"],
    ["3", "Both are right"],
    ["4", "Neither is right"],
  ];

  acceptText = null;

  show(item, _suggestion, earlier) {
    for (const [key, target] of this.#sides) {
      const option = item.options?.find((each) => each.key === key) ?? {};
      const spans = option.entities ?? (option.span ? [{ ...option.span, label: "answer" }] : null);
      if (spans) {
        const offsets = new Offsets(item.text);
        const units = spans.map((each) => ({
          ...each,
          start: offsets.toUnits(each.start),
          end: offsets.toUnits(each.end),
        }));
        fillMarked(target, item.text, units, this.#labels);
      } else target.replaceChildren(verdictWords(option, item.text));
    }
    for (const { key } of CHOICES) {
      find(`[data-option=${key}]`, this.element).setAttribute("aria-pressed", earlier?.option === key);
    }
  }

  suggestionText() {
    return null;
  }

  handleKey(event) {
    const arrows = { ArrowLeft: "a", ArrowRight: "b" };
    const found = CHOICES.find(
      ({ key, digit }) => event.key === digit || event.key === key || arrows[event.key] === key,
    );
    if (found) this.#save(found);
    return found !== undefined;
  }

  accept() {
    this.#actions.warn("Choose one: 1 for A, 2 for B, 3 for both, 4 for neither.");
  }

  #save({ key }) {
    this.#actions.save({ option: key });
  }
}

export class ScoreEditor {
  element = element("section", { class: "score-editor", "aria-label": "Score" });
  keys = [
    ["0 … 9", "Set the score in tenths of the range"],
    ["← →", "Lower or raise the score"],
    ["Enter, Space", "Save the score"],
  ];
  #input;
  #value = element("output", { class: "score-value", for: "score" });
  #low;
  #high;
  #isSet = false;
  #actions;

  constructor({ range, actions }) {
    [this.#low, this.#high] = range;
    this.#actions = actions;
    const attributes = { id: "score", type: "range", class: "form-range", min: this.#low, max: this.#high };
    this.#input = element("input", { ...attributes, step: this.#step });
    this.#input.addEventListener("input", () => this.#set(Number(this.#input.value)));
    const label = element("label", { for: "score", class: "form-label" }, `Score, ${this.#low} to ${this.#high}`);
    this.element.append(label, this.#input, this.#value);
  }

  get acceptText() {
    return this.#isSet ? "Save the score" : null;
  }

  get #step() {
    return (this.#high - this.#low) / 20;
  }

  show(_item, suggestion, earlier) {
    const score = earlier?.score ?? suggestion?.score;
    this.#isSet = typeof score === "number";
    this.#input.value = this.#isSet ? score : (this.#low + this.#high) / 2;
    this.#value.textContent = this.#isSet ? this.#words(score) : "not set";
  }

  suggestionText(suggestion) {
    return typeof suggestion?.score === "number" ? this.#words(suggestion.score) : null;
  }

  handleKey(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 };
    if (event.key in steps) this.#set(Number(this.#input.value) + steps[event.key] * this.#step);
    else if (/^\d$/.test(event.key)) this.#set(this.#low + (Number(event.key) * (this.#high - this.#low)) / 10);
    else return false;
    return true;
  }

  accept() {
    if (this.#isSet) this.#actions.save({ score: Number(Number(this.#input.value).toFixed(4)) });
    else this.#actions.warn("Set a score first: 0 to 9, or ← and →.");
  }

  #words(score) {
    return Number(score).toFixed(2);
  }

  #set(score) {
    this.#isSet = true;
    this.#input.value = Math.max(this.#low, Math.min(this.#high, score));
    this.#value.textContent = this.#words(this.#input.value);
    this.#actions.touched();
  }
}
