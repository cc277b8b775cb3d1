// What all pages share: requests with readable errors, toasts, copy buttons, the list of shortcuts.
"use strict";

const DEAD = "The server does not answer. Check that it is running, then try again.";

class StudioError extends Error {
  constructor(message, { hint = "", status = 0, problem = null } = {}) {
    super(message);
    this.hint = hint;
    this.status = status; // 0: no response
    this.problem = problem;
  }
}

const Studio = {
  Error: StudioError,
  dead: DEAD,
  root: document.documentElement.dataset.root ?? "",

  /** The JSON of a response. Throws StudioError with the server's own words. */
  async fetchJson(url, options = {}) {
    const headers = { Accept: "application/json", ...options.headers };
    if (options.json !== undefined) {
      headers["Content-Type"] = "application/json";
      options = { method: "POST", ...options, body: JSON.stringify(options.json) };
    }
    let response;
    try {
      response = await fetch(url, { credentials: "same-origin", ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new StudioError(DEAD);
    }
    const body = await response.json().catch(() => null);
    if (response.ok && body !== null) return body;
    if (response.status === 401) {
      throw new StudioError("The key is missing or has expired.", { hint: "Enter an API key.", status: 401, problem: body });
    }
    const detail = body?.detail ?? `The server answered with status ${response.status}.`;
    const found = body?.found ? `: ${body.found}` : "";
    throw new StudioError(detail.charAt(0).toUpperCase() + detail.slice(1) + found, {
      hint: body?.hint ?? "", status: response.status, problem: body,
    });
  },

  /** An element with an error as all pages show it. */
  problem(error) {
    const box = document.createElement("div");
    box.className = "problem";
    box.setAttribute("role", "alert");
    const add = (text) => {
      const line = document.createElement("p");
      line.textContent = text;
      box.append(line);
      return line;
    };
    add(error.message);
    for (const fault of error.problem?.faults ?? []) add(fault.where ? `${fault.where}: ${fault.message}` : fault.message);
    if (error.problem?.expected) add(`Expected: ${error.problem.expected}`);
    if (error.status === 401) {
      const link = document.createElement("a");
      link.href = `${Studio.root}/ui/session`;
      link.textContent = "Enter an API key";
      add("").append(link);
    } else if (error.hint) {
      add(error.hint);
    }
    return box;
  },

  /** A short message at the edge of the window. Kinds: good, bad, info. */
  toast(text, kind = "info") {
    const line = document.createElement("div");
    line.className = `toast-line ${kind}`;
    line.textContent = text;
    document.getElementById("toasts").append(line);
    setTimeout(() => line.remove(), kind === "bad" ? 12_000 : 5_000);
  },

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without HTTPS, browsers give no access to the clipboard: use the selection.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  },

  isTyping(event) {
    return event.target.matches?.("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]") ?? false;
  },
};
window.Studio = Studio;

// No response at all: the server has stopped, or the network is down. A part that polls keeps what it shows.
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const target = event.detail.target;
    if (target.closest("[data-keep]")) Studio.toast(DEAD, "bad");
    else target.replaceChildren(Studio.problem(new StudioError(DEAD)));
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await Studio.copy(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2_000);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open).showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
});

document.addEventListener("keydown", (event) => {
  const shortcuts = document.getElementById("shortcuts");
  if (event.key !== "?" || !shortcuts || shortcuts.open || Studio.isTyping(event)) return;
  event.preventDefault();
  shortcuts.showModal();
});
