/** The dialogs of a queue: why an item is skipped, a note on it, and the list of keys. */

import { element, find } from "./dom.js";

export class SkipDialog {
  #dialog = find("#skip");
  #other = find("#skip-other");
  #resolve = null;

  constructor() {
    const buttons = [...this.#dialog.querySelectorAll("[data-reason]")];
    for (const button of buttons) button.addEventListener("click", () => this.#close(button.dataset.reason));
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.target === this.#other) return;
      const button = buttons[Number(event.key) - 1];
      if (button) {
        event.preventDefault();
        this.#close(button.dataset.reason);
      } else if (event.key === "o" || event.key === "/") {
        event.preventDefault();
        this.#other.focus();
      }
    });
    find("form", this.#dialog).addEventListener("submit", (event) => {
      event.preventDefault();
      const reason = this.#other.value.trim();
      if (reason) this.#close(reason);
    });
    this.#dialog.addEventListener("close", () => this.#resolve?.(null));
  }

  /** The reason, or null if the reviewer changed their mind. */
  ask() {
    this.#other.value = "";
    this.#dialog.showModal();
    find("[data-reason]", this.#dialog).focus();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  #close(reason) {
    this.#resolve?.(reason);
    this.#resolve = null;
    this.#dialog.close();
  }
}

/** The note on the current item. It is sent with the review. */
export class Note {
  #box = find("#note-box");
  #field = find("#note");

  constructor() {
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        if (!this.text) this.#box.hidden = true;
        find("#item").focus();
      }
    });
  }

  get text() {
    return this.#field.value.trim();
  }

  set text(text) {
    this.#field.value = text;
    this.#box.hidden = !text;
  }

  open() {
    this.#box.hidden = false;
    this.#field.focus();
  }
}

const COMMON_KEYS = [
  ["s", "Skip, with a reason"],
  ["n", "Write a note; Escape returns to the item"],
  ["u", "Undo, as often as you like"],
  ["h", "Hide or show suggestions"],
  ["?", "Show this list"],
];

/** Fill the list of keys. `?` opens it. */
export function fillKeys(keys) {
  const rows = [...keys, ...COMMON_KEYS].map(([names, words]) => {
    const caps = names.split(/(, | \+ | )/).map((part) => (/^(, | \+ | )$/.test(part) ? part : part === "…" ? part : element("kbd", {}, part)));
    return element("tr", {}, element("td", { class: "caps" }, ...caps), element("td", {}, words));
  });
  find("#shortcuts tbody").replaceChildren(...rows);
}
