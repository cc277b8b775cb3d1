/** The page of a review queue: connects the queue, the editor of its kind, the keys and the banners. */

import { fillKeys, Note, SkipDialog } from "./dialogs.js";
import { counted, find } from "./dom.js";
import { createEditor } from "./editors.js";
import { ItemView } from "./item_view.js";
import { Outbox } from "./outbox.js";
import { Progress } from "./progress.js";
import { QueueApi } from "./queue_api.js";
import { ReviewQueue } from "./queue.js";
import { Tabs } from "./tabs.js";

const { root, queue: queueId, base, reviewer: keyName } = JSON.parse(find("#queue-settings").textContent);
const isNamed = keyName !== null;
const reviewer = keyName ?? remembered("glossator.reviewer") ?? "anonymous";
const scope = `${queueId}|${reviewer}`;
const LONGEST_SECONDS = 3_600;

const api = new QueueApi(base, isNamed ? null : reviewer);
const outbox = new Outbox(api, queueId, reviewer);
const queue = new ReviewQueue({
  api,
  outbox,
  tabs: new Tabs(`glossator.review|${scope}`),
  blind: remembered(`glossator.blind|${queueId}`) === "1",
  historyKey: `glossator.history|${scope}`,
});
const progress = new Progress();
const note = new Note();
const skipDialog = new SkipDialog();
const view = new ItemView((verdict) => save(verdict));
const actions = { save, warn, announce, touched: () => markTouched() };

let editor = null;
let isTouched = false;
let shownAt = 0;

queue.addEventListener("fetched", ({ detail }) => {
  progress.update(detail.progress);
  showKind(detail);
});
queue.addEventListener("item", ({ detail }) => showItem(detail));
queue.addEventListener("taken", () => isTouched || queue.advance());
queue.addEventListener("error", ({ detail }) => showFailure(detail));
outbox.addEventListener("change", () => showWaiting());
outbox.addEventListener("progress", ({ detail }) => progress.update(detail));
outbox.addEventListener("refused", ({ detail }) => {
  window.Studio.toast(`The server refused a label: ${detail.message} ${detail.hint ?? ""} The item comes back.`, "bad");
});

function showKind(about) {
  if (editor) return;
  editor = createEditor(about, actions);
  find("#editor").replaceChildren(editor.element);
  find("#item").dataset.kind = about.kind;
  if (about.title) find("h1").textContent = about.title;
  const canHide = about.allow_blind !== false && about.kind !== "preference";
  find("#blind").hidden = !canHide;
  const opinionKeys = queueId.startsWith("differing:") ? [["a, b", "Take what a reviewer said"]] : [];
  fillKeys([...opinionKeys, ...editor.keys]);
  const link = find("#export");
  link.hidden = !about.export;
  if (about.export) link.href = root + about.export;
}

function showItem(earlier) {
  const item = queue.current;
  find("#work").hidden = item === null;
  find("#state").hidden = item !== null;
  find("#undo").disabled = !queue.canUndo;
  isTouched = false;
  warn("");
  if (item === null) {
    showNothing();
    return;
  }
  const suggestion = queue.blind ? null : item.suggestion;
  const words = editor.suggestionText(suggestion);
  view.show(item, { kind: queue.about.kind, suggestion: words, isBlind: queue.blind && queue.about.allow_blind !== false });
  editor.show(item, suggestion, earlier?.verdict ?? null, find("#text"));
  note.text = earlier?.note ?? "";
  showAccept();
  shownAt = performance.now();
  if (!find("dialog[open]")) find(view.isLong ? "#text" : "#item").focus({ preventScroll: true });
  announce(view.announcement(item, words));
}

function showNothing() {
  const isDone = queue.isEmpty;
  find("#state-loading").hidden = isDone;
  find("#state-done").hidden = !isDone;
  find("#state-error").replaceChildren();
  if (isDone) announce("Nothing is left for you in this queue.");
}

function showFailure(error) {
  if (queue.current) return;
  find("#state-loading").hidden = true;
  find("#state-done").hidden = true;
  find("#state-error").replaceChildren(window.Studio.problem(error), retryButton());
}

function retryButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-secondary mt-3";
  button.textContent = "Try again";
  button.addEventListener("click", () => checkAgain());
  return button;
}

function checkAgain() {
  queue.isEmpty = false;
  showNothing();
  outbox.send();
  queue.refill();
}

function showAccept() {
  const button = find("#accept");
  const text = editor.acceptText;
  button.hidden = text === null;
  find("span", button).textContent = text ?? "";
}

function markTouched() {
  isTouched = true;
  warn("");
  showAccept();
}

function save(verdict) {
  if (!queue.current) return;
  const seconds = Math.min(LONGEST_SECONDS, (performance.now() - shownAt) / 1_000);
  const review = { verdict, seconds: Number(seconds.toFixed(1)), blind: queue.blind };
  if (note.text) review.note = note.text;
  progress.reviewed();
  queue.review(review);
}

async function skip() {
  const item = queue.current;
  const reason = await skipDialog.ask();
  if (reason !== null && queue.current === item) save({ skip: reason });
}

async function undo() {
  try {
    await queue.undo();
  } catch (error) {
    window.Studio.toast(`Cannot undo. ${error.message}`, "bad");
  }
}

function toggleBlind() {
  if (find("#blind").hidden) return;
  remember(`glossator.blind|${queueId}`, queue.blind ? "0" : "1");
  queue.setBlind(!queue.blind);
  showBlind();
}

function showBlind() {
  find("#blind").setAttribute("aria-pressed", queue.blind);
  announce(queue.blind ? "Suggestions are hidden." : "Suggestions are shown.");
}

/** What waits for the server, and why. */
function showWaiting() {
  const number = outbox.size;
  progress.waiting(number);
  const box = find("#waiting");
  box.hidden = outbox.failure === null || number === 0;
  find("#unkept").hidden = outbox.isKept;
  if (box.hidden) return;
  const { status, message, hint } = outbox.failure;
  const kept = `${counted(number, "label")} ${number === 1 ? "waits" : "wait"} for the server.`;
  const promise = outbox.isKept
    ? "They are kept in this browser, and sent when it answers. You can go on."
    : "Keep this page open: this browser does not store them.";
  find("#waiting-words").textContent = status ? `${kept} ${message} ${hint ?? ""}` : `${kept} ${promise}`;
  find("#waiting-key").hidden = status !== 401;
}

function warn(text) {
  find("#warning").textContent = text;
}

function announce(text) {
  find("#announcer").textContent = text;
}

const COMMANDS = { s: skip, n: () => note.open(), u: undo, h: toggleBlind };

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const isSlider = event.target.type === "range";
  if (find("dialog[open]") || (window.Studio.isTyping(event) && !isSlider)) return;
  if (event.key === "u" && queue.canUndo) {
    event.preventDefault();
    if (!event.repeat) undo();
    return;
  }
  if (!queue.current || !editor) return;
  const isRepeat = event.repeat && !event.key.startsWith("Arrow");
  const isControl = event.target.closest("button, a, summary, select") !== null;
  const accepts = event.key === "Enter" || event.key === " ";
  if (isRepeat || (accepts && isControl && !(event.key === "Enter" && editor.savesOnEnter))) return;
  if (view.handleKey(event) || editor.handleKey(event)) event.preventDefault();
  else if (accepts) {
    event.preventDefault();
    editor.accept();
  } else if (event.key in COMMANDS) {
    event.preventDefault();
    COMMANDS[event.key]();
  }
});

const CLICKS = { "#accept": () => editor.accept(), "#skip-button": skip, "#note-button": () => note.open() };
Object.assign(CLICKS, { "#undo": undo, "#blind": toggleBlind, "#again": checkAgain, "#send-now": () => outbox.send() });
for (const [selector, action] of Object.entries(CLICKS)) find(selector).addEventListener("click", action);

const name = find("#reviewer");
if (name) {
  name.value = reviewer;
  name.addEventListener("change", () => {
    remember("glossator.reviewer", name.value.trim() || "anonymous");
    location.reload();
  });
}

addEventListener("beforeunload", (event) => {
  if (!outbox.isKept && outbox.size) event.preventDefault();
});

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then it holds until the page is left
  }
}

showBlind();
showWaiting();
outbox.send();
queue.refill();
