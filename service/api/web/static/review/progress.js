/** How far the queue is, what more labels buy, and the pace of this reviewer. */

import { counted, element, find } from "./dom.js";

const LONGEST_PAUSE_MS = 120_000;
const FEWEST_FOR_PACE = 5;

export class Progress {
  #server = null;
  #unsent = 0;
  #pace = new Pace();

  /** What the server says. */
  update(progress) {
    this.#server = progress;
    this.#draw();
  }

  /** How many reviews the server does not count yet. */
  waiting(number) {
    this.#unsent = number;
    this.#draw();
  }

  reviewed() {
    this.#pace.add();
  }

  #draw() {
    if (!this.#server) return;
    const { done, total, skipped, sentence, reviewers } = this.#server;
    const shown = total ? Math.min(total, done + this.#unsent) : done + this.#unsent;
    const bar = find("#progress-bar");
    bar.max = Math.max(1, total);
    bar.value = shown;
    find("#progress-count").textContent = `${shown.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    const words = [sentence, skipped ? `${skipped.toLocaleString("en")} skipped` : "", this.#pace.words];
    find("#progress-words").textContent = words.filter(Boolean).join(" · ");
    find("#saved").textContent = this.#unsent ? `Sending ${counted(this.#unsent, "label")}` : "Saved";
    const rows = (reviewers ?? []).map((each) =>
      element("li", {}, element("bdi", {}, each.name), ` ${each.done.toLocaleString("en")}`),
    );
    find("#reviewers").replaceChildren(...rows);
    find("#reviewers-box").hidden = rows.length === 0;
    find("#reviewers-count").textContent = counted(rows.length, "reviewer");
  }
}

/** Items per hour of work; pauses count as at most two minutes. */
class Pace {
  #items = 0;
  #worked = 0;
  #last = performance.now();

  add() {
    const now = performance.now();
    this.#worked += Math.min(now - this.#last, LONGEST_PAUSE_MS);
    this.#last = now;
    this.#items += 1;
  }

  get words() {
    if (this.#items < FEWEST_FOR_PACE) return "";
    const hourly = (3_600_000 * this.#items) / this.#worked;
    return `${Math.round(hourly).toLocaleString("en")} items an hour`;
  }
}
