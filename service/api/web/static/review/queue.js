/** The items of one reviewer: fetched ahead, shown one at a time, reviewed, undone. */

const AHEAD = 10;
const REFILL_BELOW = 6;
const MOST_FETCHED = 100;
const MOST_REMEMBERED = 200;
const MOST_KEPT = 50; // items with their texts; an undo of an older one asks the server

export class ReviewQueue extends EventTarget {
  /** The item on the screen; null while none is there. */
  current = null;
  /** Whether the server has no more items for this reviewer. */
  isEmpty = false;
  blind;
  /** The newest answer of the server: kind, labels, title and more. */
  about = null;
  #api;
  #outbox;
  #tabs;
  #buffer = [];
  #done = new Map(); // id -> {item, review} of this tab, or null for items of other tabs and before a reload
  #fetching = null;
  #history;

  constructor({ api, outbox, tabs, blind, historyKey }) {
    super();
    this.#api = api;
    this.#outbox = outbox;
    this.#tabs = tabs;
    this.blind = blind;
    this.#history = new History(historyKey);
    tabs.addEventListener("done", ({ detail }) => this.#doneElsewhere(detail));
    tabs.addEventListener("undone", ({ detail }) => this.#done.delete(detail));
    tabs.addEventListener("taken", ({ detail }) => this.#emit("taken", detail));
    outbox.addEventListener("change", () => this.#dropReviewed());
    outbox.addEventListener("progress", () => this.current || this.refill());
    outbox.addEventListener("refused", ({ detail }) => this.#reopen(detail.id));
  }

  get canUndo() {
    return this.#history.size > 0;
  }

  /** Show the next item that is not open in another tab; fetch more when few are left. */
  advance() {
    const place = this.#buffer.findIndex((each) => !this.#tabs.isElsewhere(each.id));
    this.current = place < 0 ? null : this.#buffer.splice(place, 1)[0];
    this.#tabs.show(this.current?.id ?? null);
    this.#emit("item", null);
    if (this.#buffer.length < REFILL_BELOW) this.refill();
  }

  /** Fetch items. Resolves when they are there, or after an "error" event. */
  refill() {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  /** Fetch all items again, with or without suggestions. */
  async setBlind(blind) {
    this.blind = blind;
    await this.#fetching;
    const shown = this.current?.id;
    this.#buffer = [];
    this.current = null;
    await this.refill();
    const place = this.#buffer.findIndex((each) => each.id === shown);
    if (place > 0) this.#buffer.unshift(...this.#buffer.splice(place, 1));
    if (!this.current || this.current.id !== shown) this.advance();
  }

  /** Store what the reviewer says about the current item, and show the next. */
  review(review) {
    const item = this.current;
    this.#done.set(item.id, { item, review });
    const old = [...this.#done.keys()].at(-1 - MOST_KEPT);
    if (old !== undefined) this.#done.set(old, null);
    this.#history.add(item.id);
    this.#tabs.done(item.id);
    this.advance();
    this.#outbox.put({ id: item.id, ...review });
  }

  /** Withdraw the newest review and show its item, with the review if this tab knows it. */
  async undo() {
    const id = this.#history.pop();
    if (id === null) return;
    const known = this.#done.get(id);
    let item = known?.item;
    if (item) {
      this.#outbox.put({ id, undo: true });
    } else {
      await this.#outbox.send();
      try {
        item = (await this.#api.undo(id)).item;
      } catch (error) {
        this.#history.add(id);
        throw error;
      }
    }
    this.#done.delete(id);
    this.#tabs.undone(id);
    if (!item) {
      await this.refill(); // it has left the queue meanwhile
      return;
    }
    if (this.current) this.#buffer.unshift(this.current);
    this.current = { ...item, id };
    this.#tabs.show(id);
    this.#emit("item", known?.review ?? null);
  }

  async #fetch() {
    try {
      const count = Math.min(MOST_FETCHED, AHEAD + this.#buffer.length + this.#outbox.size + (this.current ? 1 : 0));
      const waiting = this.#outbox.reviewed(); // before: the server may confirm them while it answers
      const answer = await this.#api.items(count, this.blind);
      this.about = answer;
      const known = new Set([this.current?.id, ...this.#buffer.map((each) => each.id)]);
      const items = answer.items.map((each) => ({ ...each, id: String(each.id) }));
      const fresh = items.filter(({ id }) => !known.has(id) && !this.#done.has(id) && !waiting.has(id));
      this.#buffer.push(...fresh);
      this.#dropReviewed();
      this.isEmpty = this.#buffer.length === 0 && items.length < count;
      this.#emit("fetched", answer);
      if (!this.current) this.advance();
    } catch (error) {
      this.#emit("error", error);
    }
  }

  #doneElsewhere(id) {
    this.#done.set(id, null);
    this.#dropReviewed();
    if (this.current?.id === id) this.#emit("taken", id);
  }

  #dropReviewed() {
    const waiting = this.#outbox.reviewed();
    this.#buffer = this.#buffer.filter(({ id }) => !this.#done.has(id) && !waiting.has(id));
  }

  /** The server refused a review: its item comes back. */
  #reopen(id) {
    const known = this.#done.get(id);
    this.#done.delete(id);
    this.#history.remove(id);
    if (!known) return;
    this.#buffer.unshift(known.item);
    if (!this.current) this.advance();
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The ids of what this tab has reviewed, newest last. They survive a reload. */
class History {
  #key;
  #ids = [];

  constructor(key) {
    this.#key = key;
    try {
      this.#ids = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    } catch {
      this.#ids = [];
    }
  }

  get size() {
    return this.#ids.length;
  }

  add(id) {
    this.#ids = [...this.#ids.filter((each) => each !== id), id].slice(-MOST_REMEMBERED);
    this.#save();
  }

  remove(id) {
    this.#ids = this.#ids.filter((each) => each !== id);
    this.#save();
  }

  pop() {
    const id = this.#ids.pop() ?? null;
    this.#save();
    return id;
  }

  #save() {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(this.#ids));
    } catch {
      // undo then works until the page is left
    }
  }
}
