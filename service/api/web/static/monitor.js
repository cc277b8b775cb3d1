// One model over time: asks for the view of the wanted time, draws its charts, and refreshes it.
import { drawCharts } from "./monitor.charts.js";

const REFRESH_SECONDS = 15;
const MOST_SECONDS = 120;

const form = document.getElementById("wanted");
const view = document.getElementById("view");
const freshness = document.getElementById("freshness");
const auto = document.getElementById("auto");
const since = document.getElementById("since");
const until = document.getElementById("until");
const version = document.getElementById("version");

let charts = [];
let timer = 0;
let wait = REFRESH_SECONDS;
let opened = [];

const refresh = () => htmx.trigger(form, "refresh");

function plan(seconds) {
  clearTimeout(timer);
  if (!auto.checked && seconds >= REFRESH_SECONDS) return;
  timer = setTimeout(() => (document.hidden ? plan(seconds) : refresh()), 1e3 * seconds);
}

function toField(seconds) {
  return new Date(1e3 * seconds).toISOString().slice(0, 16);
}

/** Show a time that was marked in a chart. */
function zoom(from, to) {
  since.value = toField(from);
  until.value = toField(Math.max(to, from + 60));
  for (const each of form.querySelectorAll("[name=range]")) each.checked = false;
  document.getElementById("custom").open = true;
  refresh();
}

function fillVersions(versions) {
  const known = new Set([...version.options].map((each) => each.value));
  for (const digest of versions) {
    if (known.has(digest)) continue;
    version.append(new Option(digest.slice(0, 12), digest));
  }
}

/** Keep the wanted time in the address, so that the page can be shared and loaded again. */
function remember() {
  const fields = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", `?${new URLSearchParams(fields)}`);
}

function draw() {
  for (const each of charts) each.destroy();
  charts = [];
  const found = document.getElementById("timeline");
  if (!found) return;
  const data = JSON.parse(found.dataset.chart);
  fillVersions(data.versions);
  charts = drawCharts(view, data, zoom);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  remember();
  freshness.textContent = `Updated ${new Date().toISOString().slice(11, 19)} UTC`;
  view.dataset.keep = "";
  wait = REFRESH_SECONDS;
  plan(data.complete ? wait : 1);
}

function showAlarm(id) {
  const alarm = document.getElementById(id);
  if (!alarm) return;
  alarm.open = true;
  alarm.querySelector("summary").focus();
  alarm.scrollIntoView({ block: "nearest" });
}

form.addEventListener("change", (event) => {
  if (event.target === auto) {
    plan(REFRESH_SECONDS);
    return;
  }
  if (event.target.name === "range") since.value = until.value = "";
  if (event.target !== since && event.target !== until) refresh();
});

document.addEventListener("htmx:beforeRequest", () => {
  if (view.dataset.keep !== undefined) freshness.textContent = "Updating…";
});
document.addEventListener("htmx:beforeSwap", () => {
  opened = [...view.querySelectorAll("details[open]")].map((each) => each.id);
});
document.addEventListener("htmx:afterSwap", draw);

// No answer: keep what is shown, say so, and ask less often.
for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(failure, () => {
    freshness.textContent = "Not up to date: the last refresh failed.";
    wait = Math.min(2 * wait, MOST_SECONDS);
    plan(wait);
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-alarm]");
  if (!link) return;
  event.preventDefault();
  showAlarm(link.dataset.alarm);
});

// Other colours, or another width: draw again.
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  draw();
});
