/** The JSON routes of one queue. They throw StudioError, as Studio.fetchJson does. */

const TIMEOUT_MS = 20_000;

export class QueueApi {
  #base;
  #reviewer;

  /** `reviewer` is null on servers with keys: the name of the key is the reviewer. */
  constructor(base, reviewer) {
    this.#base = base;
    this.#reviewer = reviewer;
  }

  items(count, blind) {
    const query = new URLSearchParams({ count, blind: blind ? 1 : 0 });
    if (this.#reviewer !== null) query.set("reviewer", this.#reviewer);
    return fetchJson(`${this.#base}/items.json?${query}`);
  }

  review(reviews) {
    return this.#post("reviews.json", { reviews });
  }

  undo(id) {
    return this.#post("undo.json", { id });
  }

  #post(name, body) {
    const content = this.#reviewer === null ? body : { reviewer: this.#reviewer, ...body };
    return fetchJson(`${this.#base}/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(content),
    });
  }
}

export const fetchJson = (url, options = {}) =>
  window.Studio.fetchJson(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
