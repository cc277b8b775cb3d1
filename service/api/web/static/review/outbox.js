/**
 * Reviews that the server has not confirmed. They are kept in the browser's storage, one key an item, so that a reload,
 * a crash, a dead server or a second tab loses none. Sending one twice changes nothing on the server.
 */

const MOST_AT_ONCE = 50;
const LONGEST_WAIT_MS = 30_000;
const BAD_REQUEST = new Set([400, 413, 422]);
const NEEDS_PERSON = new Set([401, 403, 404]);

export class Outbox extends EventTarget {
  /** Why the last try to send failed; null if it did not. */
  failure = null;
  /** Whether the browser's storage works. */
  isKept = true;
  #prefix;
  #api;
  #memory = new Map();
  #sending = false;
  #again = false;
  #wait = 1_000;
  #timer = 0;

  constructor(api, queue, reviewer) {
    super();
    this.#api = api;
    this.#prefix = outboxPrefix(queue, reviewer);
    addEventListener("storage", (event) => event.key?.startsWith(this.#prefix) && this.#changed());
    addEventListener("online", () => this.send());
    document.addEventListener("visibilitychange", () => document.hidden || this.send());
  }

  get size() {
    return this.#raw().length;
  }

  /** The items whose reviews wait. */
  reviewed() {
    const operations = this.#raw().map(([, raw]) => JSON.parse(raw));
    return new Set(operations.filter(({ undo }) => !undo).map(({ id }) => id));
  }

  /** Keep an operation on an item, and send it. It replaces an earlier one on the same item that is not sent yet. */
  put(operation) {
    this.#write(this.#prefix + operation.id, JSON.stringify({ ...operation, made: Date.now() }));
    this.#changed();
    this.send();
  }

  /** Send everything that waits. Resolves when it is sent or the try failed. */
  async send() {
    clearTimeout(this.#timer);
    if (this.#sending) {
      this.#again = true;
      return;
    }
    this.#sending = true;
    try {
      do {
        this.#again = false;
        await oneTab(this.#prefix, () => this.#sendAll());
      } while (this.#again);
      this.failure = null;
      this.#wait = 1_000;
    } catch (error) {
      this.failure = error;
      if (!NEEDS_PERSON.has(error.status)) this.#timer = setTimeout(() => this.send(), this.#wait);
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
    } finally {
      this.#sending = false;
      this.#changed();
    }
  }

  async #sendAll() {
    for (let waiting = this.#raw(); waiting.length; waiting = this.#raw()) {
      const undone = waiting.find(([, raw]) => JSON.parse(raw).undo);
      if (undone) await this.#sendUndo(...undone);
      else await this.#sendReviews(waiting.slice(0, MOST_AT_ONCE));
      this.#changed();
    }
  }

  async #sendReviews(waiting) {
    const reviews = waiting.map(([, raw]) => {
      const { made: _made, ...review } = JSON.parse(raw);
      return review;
    });
    try {
      const { results, progress } = await this.#api.review(reviews);
      waiting.forEach(([key, raw], index) => {
        const result = results.find((each) => String(each.id) === reviews[index].id);
        if (!result) throw new Error("The server confirmed fewer labels than it got.");
        this.#confirm(key, raw);
        if (result.status === "error") this.#refused(reviews[index].id, result.message, result.hint);
      });
      this.#emit("progress", progress);
    } catch (error) {
      if (!BAD_REQUEST.has(error.status)) throw error;
      if (waiting.length > 1) {
        for (const each of waiting) await this.#sendReviews([each]);
        return;
      }
      this.#confirm(...waiting[0]);
      this.#refused(reviews[0].id, error.message, error.hint);
    }
  }

  async #sendUndo(key, raw) {
    const { id } = JSON.parse(raw);
    try {
      this.#emit("progress", (await this.#api.undo(id)).progress);
    } catch (error) {
      if (!BAD_REQUEST.has(error.status) && error.status !== 404) throw error;
      this.#refused(id, error.message, error.hint);
    }
    this.#confirm(key, raw);
  }

  /** Forget an operation that the server has, unless a newer one on the same item replaced it meanwhile. */
  #confirm(key, raw) {
    if (this.#read(key) === raw) this.#remove(key);
  }

  /** What waits, as pairs of key and JSON, oldest first. */
  #raw() {
    const found = [...this.#memory];
    try {
      for (let index = 0; index < localStorage.length; index += 1) {
        const key = localStorage.key(index);
        if (key.startsWith(this.#prefix)) found.push([key, localStorage.getItem(key)]);
      }
    } catch {
      this.isKept = false;
    }
    return found.sort((first, second) => JSON.parse(first[1]).made - JSON.parse(second[1]).made);
  }

  #read(key) {
    try {
      return this.#memory.get(key) ?? localStorage.getItem(key);
    } catch {
      return null;
    }
  }

  #write(key, raw) {
    this.#memory.delete(key);
    try {
      localStorage.setItem(key, raw);
    } catch {
      this.isKept = false; // no storage, or it is full
      this.#remove(key);
      this.#memory.set(key, raw);
    }
  }

  #remove(key) {
    this.#memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      this.isKept = false;
    }
  }

  #refused(id, message, hint) {
    this.#emit("refused", { id, message, hint });
  }

  #changed() {
    this.#emit("change", null);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

const START = "glossator.review|";

function outboxPrefix(queue, reviewer) {
  return `${START}${encodeURIComponent(queue)}|${encodeURIComponent(reviewer)}|`;
}

/** How many operations of each queue wait in this browser, as a map from the id of the queue. */
export function waitingByQueue() {
  const found = new Map();
  try {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(START)) continue;
      const queue = decodeURIComponent(key.split("|")[1]);
      found.set(queue, (found.get(queue) ?? 0) + 1);
    }
  } catch {
    // no storage: nothing waits in it
  }
  return found;
}

/** Run a task while no other tab runs it. Browsers have locks only on HTTPS and on this machine. */
function oneTab(name, task) {
  return navigator.locks ? navigator.locks.request(name, task) : task();
}
