/**
 * Marks entities in a text, or the one span that answers a question, with the mouse or the keyboard. Selections snap to
 * whole tokens; with Alt, the mouse selects exact characters.
 */

import { element, find, percent } from "./dom.js";
import { LabelList } from "./label_list.js";
import { fillMarked, selectedRange, seriesOf } from "./marked_text.js";
import { Offsets, snap, tokensOf } from "./text_offsets.js";

const ANSWER = "answer";
const NEIGHBOURS = 300; // characters around a selection of the mouse in which tokens are searched

export class SpanEditor {
  element = element("div", { class: "span-editor" });
  #text = "";
  #target = null;
  #offsets;
  #tokens = null;
  #spans = []; // {start, end, label, score?} in units, in order
  #range = null;
  #anchor = null; // tokens of a selection by keyboard: where it began, and where it ends
  #head = null;
  #isQuestion;
  #labels;
  #list = null;
  #found = element("ul", { class: "found list-unstyled", "aria-label": "Marked" });
  #actions;

  constructor({ labels, isQuestion, allowNew, actions }) {
    this.#isQuestion = isQuestion;
    this.#labels = isQuestion ? [ANSWER] : labels;
    this.#actions = actions;
    if (isQuestion) {
      const none = element("button", { type: "button", class: "btn btn-outline-secondary" }, "No answer in the text ");
      none.append(element("kbd", { "aria-hidden": "true" }, "0"));
      none.addEventListener("click", () => this.#saveNoAnswer());
      this.element.append(none);
    } else {
      this.#list = new LabelList({ labels, allowNew, onPick: (label) => this.#label(label) });
      this.element.append(this.#list.element);
    }
    this.element.append(element("h3", { class: "h4" }, isQuestion ? "Answer" : "Entities"), this.#found);
  }

  get keys() {
    return [
      ["← →", "Move by one token, in reading direction"],
      ["Shift + ← →", "Extend the selection"],
      ...(this.#isQuestion
        ? [["1", "Mark the selection as the answer"], ["0", "Save: no answer in the text"]]
        : [["1 … 9, 0", "Label the selection"], ["/", "Search a label for the selection"], ["↑ ↓", "Go to an entity"]]),
      ["Backspace", "Remove what is marked at the selection"],
      ["Mouse", "Select to mark; hold Alt for exact characters"],
      ["Enter, Space", "Save what is marked"],
    ];
  }

  get acceptText() {
    if (this.#isQuestion) return this.#spans.length || this.#range ? "Save the answer" : null;
    return this.#spans.length ? "Save" : "Save: no entities";
  }

  show(item, suggestion, earlier, target) {
    this.#text = item.text;
    this.#target = target;
    this.#tokens = null;
    this.#offsets = new Offsets(item.text);
    const given = earlier ?? suggestion ?? {};
    const spans = given.entities ?? (given.span ? [{ ...given.span, label: ANSWER }] : []);
    this.#spans = spans.map((each) => ({
      ...each,
      label: each.label ?? ANSWER,
      start: this.#offsets.toUnits(each.start),
      end: this.#offsets.toUnits(each.end),
    }));
    this.#clearSelection();
    this.#list?.clearSearch();
    this.#draw();
    target.onmouseup = (event) => this.#selectByMouse(event.altKey);
    document.getSelection()?.removeAllRanges();
  }

  suggestionText(suggestion) {
    if (!suggestion) return null;
    if (this.#isQuestion) return suggestion.span ? "the marked answer" : "no answer in the text";
    return suggestion.entities?.length ? `${suggestion.entities.length} marked` : "no entities";
  }

  handleKey(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    if (event.key in steps) {
      const isRtl = getComputedStyle(this.#target).direction === "rtl";
      this.#moveBy(isRtl ? -steps[event.key] : steps[event.key], event.shiftKey);
    } else if (event.key === "Backspace" || event.key === "Delete") this.#removeSelected();
    else if (event.key === "Escape" && this.#range) {
      this.#clearSelection();
      this.#draw();
    } else if (this.#isQuestion && event.key === "0") this.#saveNoAnswer();
    else if (this.#isQuestion && event.key === "1") this.#label(ANSWER);
    else if (this.#list?.labelOfKey(event.key)) this.#label(this.#list.labelOfKey(event.key));
    else if (!this.#isQuestion && (event.key === "ArrowDown" || event.key === "ArrowUp"))
      this.#goToSpan(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "/") return this.#list?.handleKey(event) ?? false;
    else return false;
    return true;
  }

  accept() {
    if (this.#isQuestion && this.#range && !this.#label(ANSWER)) return;
    if (this.#isQuestion) {
      if (!this.#spans.length) {
        this.#actions.warn("Mark the answer, or press 0 if the text has none.");
        return;
      }
      this.#actions.save({ span: this.#points(this.#spans[0]) });
      return;
    }
    this.#actions.save({ entities: this.#spans.map((each) => ({ ...this.#points(each), label: each.label })) });
  }

  #saveNoAnswer() {
    this.#actions.save({ span: null });
  }

  #points({ start, end }) {
    return { start: this.#offsets.toPoints(start), end: this.#offsets.toPoints(end) };
  }

  get #allTokens() {
    this.#tokens ??= tokensOf(this.#text);
    return this.#tokens;
  }

  #moveBy(step, extends_) {
    const tokens = this.#allTokens;
    if (!tokens.length) return;
    const last = tokens.length - 1;
    let head = this.#head;
    if (head === null && this.#range) {
      const touching = tokens.findIndex((token) => token.end > this.#range.start);
      head = this.#anchor = Math.max(0, touching);
      if (extends_) head = tokens.findLastIndex((token) => token.start < this.#range.end);
    }
    head = head === null ? (step > 0 ? 0 : last) : Math.max(0, Math.min(last, head + step));
    if (!extends_ || this.#anchor === null) this.#anchor = head;
    this.#head = head;
    const [first, end] = [Math.min(this.#anchor, head), Math.max(this.#anchor, head)];
    this.#range = { start: tokens[first].start, end: tokens[end].end };
    this.#draw();
    this.#target.querySelector(".selection")?.scrollIntoView({ block: "nearest" });
    this.#actions.announce(this.#text.slice(this.#range.start, this.#range.end));
  }

  #goToSpan(step) {
    if (!this.#spans.length) return;
    const at = this.#range?.start ?? (step > 0 ? -1 : Infinity);
    const next =
      step > 0 ? this.#spans.find((each) => each.start > at) : this.#spans.findLast((each) => each.start < at);
    if (!next) return;
    this.#select({ start: next.start, end: next.end });
    this.#actions.announce(`${this.#text.slice(next.start, next.end)}, ${next.label}`);
  }

  #selectByMouse(isExact) {
    if (this.#takeSelection(isExact) && this.#isQuestion) this.#label(ANSWER);
  }

  /** Take over the selection of the browser. Returns whether there was one. */
  #takeSelection(isExact) {
    const range = selectedRange(this.#target);
    if (!range) return false;
    document.getSelection().removeAllRanges();
    const near = { start: Math.max(0, range.start - NEIGHBOURS), end: range.end + NEIGHBOURS };
    const tokens = tokensOf(this.#text.slice(near.start, near.end)).map((token) => ({
      start: token.start + near.start,
      end: token.end + near.start,
    }));
    const snapped = snap(range, tokens);
    if (!snapped) return false;
    this.#select(isExact ? range : snapped);
    return true;
  }

  #select(range) {
    this.#range = range;
    this.#anchor = this.#head = null;
    this.#draw();
    this.#target.querySelector(".selection")?.scrollIntoView({ block: "nearest" });
  }

  #clearSelection() {
    this.#range = this.#anchor = this.#head = null;
  }

  /** Label the selection. Returns whether it could be labelled. */
  #label(label) {
    // On a touch screen, no event of the mouse says that there is a selection.
    if (!this.#range && !this.#takeSelection(false)) {
      this.#actions.warn("Select some words first: with the mouse, or with ← and → (Shift extends).");
      return false;
    }
    const { start, end } = this.#range;
    if (this.#isQuestion) this.#spans = [];
    const others = this.#spans.filter((each) => each.start !== start || each.end !== end);
    const overlapping = others.find((each) => each.start < end && each.end > start);
    if (overlapping) {
      const words = this.#text.slice(overlapping.start, overlapping.end);
      this.#actions.warn(`It overlaps with “${words}” (${overlapping.label}). Remove that first: Backspace.`);
      return false;
    }
    this.#spans = [...others, { start, end, label }].sort((first, second) => first.start - second.start);
    this.#clearSelection();
    this.#changed(`${this.#text.slice(start, end)}: ${label}`);
    find("#item").focus({ preventScroll: true }); // not on the button of the label: Enter saves
    return true;
  }

  #removeSelected() {
    const range = this.#range;
    const kept = range ? this.#spans.filter((each) => each.end <= range.start || each.start >= range.end) : this.#spans;
    if (kept.length === this.#spans.length) {
      this.#actions.warn("Nothing is marked at the selection.");
      return;
    }
    this.#spans = kept;
    this.#changed("removed");
  }

  #changed(words) {
    this.#draw();
    this.#actions.touched();
    this.#actions.announce(words);
  }

  #draw() {
    fillMarked(this.#target, this.#text, this.#spans, this.#labels, this.#range);
    const rows = this.#spans.map((each) => {
      const words = this.#text.slice(each.start, each.end);
      const remove = element("button", { type: "button", class: "btn-close", "aria-label": `Remove ${words}` });
      remove.addEventListener("click", () => {
        this.#spans = this.#spans.filter((other) => other !== each);
        this.#changed(`${words}: removed`);
      });
      const name = element("span", { class: `tag series-${seriesOf(each.label, this.#labels)}` }, each.label);
      const score = typeof each.score === "number" ? percent(each.score) : "";
      return element("li", {}, element("bdi", {}, words), name, element("span", { class: "score" }, score), remove);
    });
    const empty = this.#isQuestion ? "Nothing is marked yet." : "None yet. Select words, then choose a label.";
    this.#found.replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, empty)]));
  }
}
