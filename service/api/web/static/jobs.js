// The list of jobs and the page of one job: they follow jobs that run, and cancel, retry and delete them.

const INTERVAL = 1_000;
const SLOWEST = 15_000;
const part = document.querySelector("[data-live]");
const stale = document.querySelector("[data-stale]");
const news = document.getElementById("job-news");
const confirmation = document.getElementById("confirm-delete");
const shown = new Map(); // key -> HTML as the server sent it
let wait = INTERVAL;
let timer = 0;
let seen = Date.now();

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

/** Replace the children that changed. The others keep their state and the focus. */
function patch(children) {
  const focused = document.activeElement?.id;
  const old = new Map([...part.children].map((child) => [child.dataset.key, child]));
  const words = new Map([...old].map(([key, child]) => [key, child.dataset.word]));
  const next = children.map((child) => {
    const { key, word, name } = child.dataset;
    const html = child.outerHTML;
    if (shown.get(key) === html && old.has(key)) return old.get(key);
    if (old.has(key) && word !== words.get(key)) news.textContent = `${name}: ${word}`;
    shown.set(key, html);
    localTimes(child);
    return child;
  });
  const same = next.length === part.children.length && next.every((child, index) => child === part.children[index]);
  if (same) return;
  part.replaceChildren(...next);
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
}

async function refresh() {
  clearTimeout(timer);
  try {
    const response = await fetch(part.dataset.live, {
      headers: { "HX-Request": "true" }, credentials: "same-origin", signal: AbortSignal.timeout(SLOWEST),
    });
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    if (response.ok) {
      patch([...parsed.body.children]);
      seen = Date.now();
      wait = INTERVAL;
      stale.hidden = true;
    } else {
      stale.replaceChildren(...parsed.body.children);
      stale.hidden = false;
      if (response.status < 500 && response.status !== 429) return; // the key has expired, or the job was deleted: asking again does not help
      wait = Math.min(SLOWEST, 2 * wait);
    }
  } catch {
    const since = new Date(seen).toLocaleTimeString();
    stale.textContent = `The server does not answer. This is what it said at ${since}. Trying again …`;
    stale.hidden = false;
    wait = Math.min(SLOWEST, 2 * wait);
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden) return;
  if (part.querySelector("[data-active]") || !stale.hidden) timer = setTimeout(refresh, wait);
}

function askToDelete(name) {
  confirmation.querySelector("[data-name]").textContent = name;
  confirmation.returnValue = "";
  confirmation.showModal();
  return new Promise((resolve) => {
    confirmation.addEventListener("close", () => resolve(confirmation.returnValue === "delete"), { once: true });
  });
}

async function act(button) {
  const job = button.closest("[data-key]").dataset;
  const url = `${Studio.root}/v1/jobs/${encodeURIComponent(job.key)}`;
  const action = button.dataset.action;
  if (action === "delete" && !(await askToDelete(job.name))) return;
  button.disabled = true;
  try {
    if (action === "delete") await Studio.fetchJson(url, { method: "DELETE" });
    else await Studio.fetchJson(`${url}/${action}`, { method: "POST" });
  } catch (error) {
    if (error.status !== 204) { // a deletion is answered without a body
      button.disabled = false;
      Studio.toast([error.message, error.hint].filter(Boolean).join(" "), "bad");
      return;
    }
  }
  if (action === "delete" && part.dataset.home) {
    location.assign(part.dataset.home);
    return;
  }
  await refresh();
  if (action === "delete") document.getElementById("jobs-title")?.scrollIntoView({ block: "nearest" });
}

part.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) act(button);
});
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("jobs:changed", refresh);
for (const child of part.children) shown.set(child.dataset.key, child.outerHTML);
localTimes(part);
schedule();
