/** Tells other tabs of the same queue which item is open here, so that two tabs show different items. */

const BEAT_MS = 20_000;
const GONE_MS = 90_000; // timers of hidden tabs run once a minute

export class Tabs extends EventTarget {
  #id = Math.random().toString(36).slice(2);
  #channel;
  #others = new Map();
  #shown = null;
  #since = 0;

  constructor(name) {
    super();
    this.#channel = "BroadcastChannel" in self ? new BroadcastChannel(name) : null;
    if (!this.#channel) return;
    this.#channel.addEventListener("message", ({ data }) => this.#receive(data));
    addEventListener("pagehide", () => this.#post({ gone: true }));
    addEventListener("pageshow", (event) => event.persisted && this.#tell());
    setInterval(() => this.#tell(), BEAT_MS);
    this.#post({ hello: true });
  }

  show(id) {
    this.#shown = id;
    this.#since = Date.now();
    this.#tell();
  }

  done(id) {
    this.#post({ done: id });
  }

  undone(id) {
    this.#post({ undone: id });
  }

  isElsewhere(id) {
    const oldest = Date.now() - GONE_MS;
    return [...this.#others.values()].some((each) => each.shown === id && each.heard > oldest);
  }

  #receive(message) {
    if (message.gone) this.#others.delete(message.tab);
    if (message.hello) this.#tell();
    if (message.done !== undefined) this.#emit("done", message.done);
    if (message.undone !== undefined) this.#emit("undone", message.undone);
    if (message.shown === undefined) return;
    this.#others.set(message.tab, { shown: message.shown, heard: Date.now() });
    const isOlder = message.since < this.#since || (message.since === this.#since && message.tab < this.#id);
    if (message.shown !== null && message.shown === this.#shown && isOlder) this.#emit("taken", message.shown);
  }

  #tell() {
    this.#post({ shown: this.#shown, since: this.#since });
  }

  #post(message) {
    this.#channel?.postMessage({ tab: this.#id, ...message });
  }

  #emit(name, id) {
    this.dispatchEvent(new CustomEvent(name, { detail: id }));
  }
}
