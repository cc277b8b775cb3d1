/** Shows one item: its text, why it is here, the suggestion, and what others said. */

import { element, find } from "./dom.js";
import { verdictWords } from "./verdict_words.js";

const LETTERS = "abcdefg";
const LONG_TEXT = 1_200;
const ANNOUNCED = 400; // characters

export class ItemView {
  /** Whether the text scrolls in its own box. */
  isLong = false;
  #onOpinion;
  #opinions = [];

  constructor(onOpinion) {
    this.#onOpinion = onOpinion;
  }

  show(item, { kind, suggestion, isBlind }) {
    const text = find("#text");
    text.textContent = item.text;
    this.isLong = item.text.length > LONG_TEXT;
    text.classList.toggle("long", this.isLong);
    this.#fill("#second", item.second);
    find("#second").classList.toggle("question", kind === "span");
    if (kind !== "span") text.after(find("#second")); // a question stands above its context
    this.#fill("#why", item.note_for_reviewer);
    const box = find("#suggestion");
    box.hidden = suggestion === null && !isBlind;
    find("#suggestion-words").textContent = suggestion ?? "hidden";
    box.classList.toggle("is-hidden", suggestion === null);
    this.#showOpinions(item);
    text.scrollTop = 0;
    find("#item").dataset.item = item.id;
  }

  /** What a screen reader says about a new item. */
  announcement(item, suggestion) {
    const text = item.text.length > ANNOUNCED ? `${item.text.slice(0, ANNOUNCED)} …` : item.text;
    return [item.second, text, suggestion === null ? "" : `Suggested: ${suggestion}.`].filter(Boolean).join(" ");
  }

  /** Handle the letter of an opinion. Returns whether it was one. */
  handleKey(event) {
    const opinion = this.#opinions[LETTERS.indexOf(event.key)];
    if (event.key.length !== 1 || !opinion || !isStated(opinion.verdict)) return false;
    this.#onOpinion(opinion.verdict);
    return true;
  }

  #fill(selector, text) {
    const target = find(selector);
    target.hidden = !text;
    target.textContent = text ?? "";
  }

  #showOpinions(item) {
    this.#opinions = (item.opinions ?? []).slice(0, LETTERS.length);
    const rows = this.#opinions.map((opinion, index) => {
      const said = element("div", { class: "said" }, element("bdi", { class: "who" }, opinion.reviewer), " ");
      said.append(verdictWords(opinion.verdict, item.text));
      if (opinion.note) said.append(element("p", { class: "quiet", dir: "auto" }, opinion.note));
      const row = element("li", {}, said);
      if (isStated(opinion.verdict)) {
        const words = `Take the answer of ${opinion.reviewer}`;
        const take = element("button", { type: "button", class: "btn btn-outline-secondary btn-sm", "aria-label": words });
        take.append(element("kbd", { "aria-hidden": "true" }, LETTERS[index]), " Take this");
        take.addEventListener("click", () => this.#onOpinion(opinion.verdict));
        row.append(take);
      }
      return row;
    });
    find("#opinions").hidden = rows.length === 0;
    find("#opinions ul").replaceChildren(...rows);
  }
}

/** Whether a verdict says what is right, so that it can be taken over. */
const isStated = (verdict) => verdict.skip === undefined && verdict.correct !== false;
