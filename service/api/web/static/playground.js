// The Playground: fields of the selected model, examples, files, answers while typing, comparison, code, links.
"use strict";

const byId = (id) => document.getElementById(id);
const form = byId("predict");
const answer = byId("answer");
const FAST_MS = 150; // an answer this fast is fetched again while the user types
const PAUSE_MS = 250; // of typing
const MOST_FILE_BYTES = 2_000_000;
const LIVE_KEY = "playground.live";

/** The question as one string: two equal strings are the same question. */
const asked = () => new URLSearchParams(new FormData(form)).toString();

const playground = {
  request: null, // the request in flight, and its question
  sent: null,
  shown: null, // the question that the shown answer belongs to
  fastEnough: false,
  timer: 0,
  example: null, // name, text and second text of the example in the fields
  wanted: null, // the request of the newest example
  panelLoads: false, // the fields of a newly selected model are on their way
  askNext: false, // ask as soon as they are here
};

/* Never show an answer next to a question that it does not belong to. */
function checkStale() {
  const isStale = playground.shown !== null && playground.shown !== asked();
  answer.classList.toggle("is-stale", isStale);
  if (isStale) byId("spoken").textContent = "";
}

function wait(text) {
  const box = byId("waiting");
  box.hidden = !text;
  if (text) box.textContent = text;
}

form?.addEventListener("htmx:configRequest", (event) => {
  if (event.target === form) playground.sent = asked();
});
form?.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== form) return;
  clearTimeout(playground.timer);
  playground.request = event.detail.xhr;
  answer.classList.add("is-stale");
  const names = [byId("model"), byId("other")].map((select) => select.selectedOptions[0]);
  const unloaded = names.some((option) => option?.dataset.unloaded);
  wait(unloaded ? "Loading the version, then predicting…" : "Predicting…");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== answer) return;
  if (playground.sent !== asked()) event.detail.shouldSwap = false; // the question has changed meanwhile
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== answer) return;
  playground.shown = playground.sent;
  const found = answer.querySelector(".answer");
  const summary = found?.querySelector("[data-summary]");
  byId("spoken").textContent = summary?.textContent ?? ""; // the whole answer is too long to be read while typing
  summary?.remove();
  playground.fastEnough = found !== null && Number(found.dataset.milliseconds) < FAST_MS;
  for (const select of [byId("model"), byId("other")]) markLoaded(select, found);
  scrollToMark();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== form || event.detail.xhr !== playground.request) return;
  wait("");
  checkStale();
});
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    if (event.detail.target !== answer) return;
    playground.shown = playground.sent; // studio.js shows that nothing answered
    playground.fastEnough = false;
    checkStale();
  });
}

function markLoaded(select, found) {
  const option = select.selectedOptions[0];
  if (!found || !option?.dataset.unloaded) return;
  delete option.dataset.unloaded;
  option.textContent = option.textContent.replace(" · not loaded", "");
}

/** Bring the first entity, or the answer in its context, into view inside its own box. */
function scrollToMark() {
  for (const box of answer.querySelectorAll(".passage")) {
    const mark = box.querySelector("mark");
    if (mark && mark.offsetTop - box.offsetTop > box.clientHeight) box.scrollTop = mark.offsetTop - box.offsetTop - 40;
  }
}

/* Fields of the selected kind of question */
function showFields() {
  const mode = form.querySelector("[name=mode]:checked, [name=mode][type=hidden]");
  const label = (name, text) => {
    byId(`${name}-field`).hidden = !text;
    if (text) byId(`${name}-label`).textContent = text;
  };
  byId("text-label").textContent = mode.dataset.text;
  label("second", mode.dataset.second);
  label("lines", mode.dataset.lines);
  byId("several-field").hidden = mode.value !== "zero-shot";
  form.querySelector(".options").hidden = mode.value !== "predict";
}

/* Answers while typing */
function readLive() {
  const logged = byId("panel").dataset.logged === "yes";
  let wanted = null;
  try {
    wanted = localStorage.getItem(LIVE_KEY);
  } catch {
    // storage is disabled
  }
  byId("live").checked = wanted === null ? !logged : wanted === "yes";
  byId("live-note").textContent = logged
    ? "Answers of this model are logged: typing with this on logs unfinished texts too."
    : "As long as an answer takes less than 150 ms.";
}

function ask() {
  clearTimeout(playground.timer);
  playground.askNext = playground.panelLoads;
  if (!playground.askNext) form.requestSubmit();
}

function onEdit() {
  checkStale();
  clearTimeout(playground.timer);
  const isComplete = byId("text").value.trim() !== "" && form.checkValidity();
  if (byId("live").checked && playground.fastEnough && isComplete && playground.shown !== asked()) {
    playground.timer = setTimeout(ask, PAUSE_MS);
  }
}

form?.addEventListener("input", (event) => {
  if (event.target.matches("textarea")) onEdit();
});
form?.addEventListener("change", (event) => {
  if (event.target.id === "live") {
    try {
      localStorage.setItem(LIVE_KEY, event.target.checked ? "yes" : "no");
    } catch {
      // The choice holds for this page only.
    }
    return;
  }
  if (event.target.name === "mode") showFields();
  checkStale();
});
byId("model")?.addEventListener("htmx:beforeRequest", () => (playground.panelLoads = true));
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "panel" || event.detail.xhr.status < 400) return;
  event.detail.shouldSwap = false;
  Studio.toast("The options of this model cannot be loaded. Reload the page.", "bad");
});
byId("model")?.addEventListener("htmx:afterRequest", () => {
  playground.panelLoads = false;
  showFields();
  readLive();
  checkStale();
  if (playground.askNext) ask();
});

/* Examples */
async function useExample(name) {
  const parameters = new URLSearchParams({ model: byId("model").value, name });
  playground.wanted = parameters; // of two examples in quick succession, the last one counts
  try {
    const found = await Studio.fetchJson(`${Studio.root}/ui/playground/example?${parameters}`);
    if (playground.wanted !== parameters) return;
    playground.example = { name, ...found };
    byId("text").value = found.text;
    byId("second").value = found.second;
  } catch (error) {
    Studio.toast(error.message, "bad");
    return;
  }
  const predict = form.querySelector("[name=mode]"); // an example is an input of the model's own task
  if (predict.type === "radio") predict.checked = true;
  showFields();
  ask();
}

/* Comparison */
function compare(value, model) {
  if (model) {
    byId("model").value = model;
    byId("model").dispatchEvent(new Event("change", { bubbles: true }));
  }
  byId("other").value = value;
  checkStale();
  if (byId("text").value.trim()) ask();
}

form?.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-example]");
  if (chip) useExample(chip.dataset.example);
  const quick = event.target.closest("[data-compare]");
  if (quick) compare(quick.dataset.compare, quick.dataset.with === byId("model").value ? "" : quick.dataset.with);
});

/* Files */
async function readFile(file) {
  if (file.size > MOST_FILE_BYTES) {
    Studio.toast(`${file.name} is too large: ${(file.size / 1e6).toFixed(1)} MB. Use Jobs to label whole files.`, "bad");
    return;
  }
  try {
    byId("text").value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    Studio.toast(`${file.name} is not a text file in UTF-8. Use Jobs to label files of other formats.`, "bad");
    return;
  }
  onEdit();
  byId("text").focus();
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  byId("text")?.addEventListener(kind, (event) => {
    if (kind === "dragover" || event.dataTransfer?.files.length) event.preventDefault();
    byId("text").classList.toggle("is-dropping", kind === "dragover" || kind === "dragenter");
    if (kind === "drop" && event.dataTransfer.files[0]) readFile(event.dataTransfer.files[0]);
  });
}
byId("file")?.addEventListener("change", (event) => {
  if (event.target.files[0]) readFile(event.target.files[0]);
  event.target.value = "";
});

/* All labels of a model with many: rows are made when they are asked for. */
document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.(".all-labels") && event.target.open) fillLabels(event.target);
  },
  true,
);
document.addEventListener("input", (event) => {
  const details = event.target.closest?.(".all-labels");
  if (details) fillLabels(details, event.target.value);
});

function fillLabels(details, query = details.querySelector("input").value) {
  const rows = JSON.parse(details.querySelector(".all-rows").textContent);
  const wanted = query.trim().toLocaleLowerCase();
  const found = rows.filter(([label]) => label.toLocaleLowerCase().includes(wanted));
  const cell = (tag, text, style = "") => {
    const made = document.createElement(tag);
    if (tag === "th") made.scope = "row";
    made.className = style;
    made.textContent = text;
    made.dir = "auto";
    return made;
  };
  details.querySelector("tbody").replaceChildren(
    ...found.map(([label, score, threshold, chosen]) => {
      const row = document.createElement("tr");
      row.className = chosen ? "chosen" : "";
      row.append(cell("th", chosen ? `${label} (assigned)` : label), cell("td", `${score.toFixed(1)} %`, "right number"));
      if (threshold !== null) row.append(cell("td", `${threshold.toFixed(1)} %`, "right number"));
      return row;
    }),
  );
  details.querySelector("[role=status]").textContent = `${found.length} of ${rows.length} labels`;
}

/* Code and links */
byId("copy-as")?.addEventListener("click", async () => {
  const body = byId("code-body");
  body.replaceChildren();
  byId("code").showModal();
  try {
    await htmx.ajax("POST", `${Studio.root}/ui/playground/code`, {
      target: body,
      source: body,
      values: Object.fromEntries(new FormData(form)),
    });
  } catch {
    // studio.js shows that nothing answered
  }
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "code-choice") return;
  for (const each of document.querySelectorAll(".code-example")) each.hidden = each.dataset.code !== event.target.value;
});

/** The address of this page with model, options and example: never the text. */
function link() {
  const fields = new FormData(form);
  const kept = new URLSearchParams();
  for (const name of ["model", "other", "mode", "explain", "truncate", "coverage"]) {
    const value = fields.get(name);
    if (value && !(name === "mode" && value === "predict")) kept.set(name, value);
  }
  const example = playground.example;
  if (example && example.text === byId("text").value && example.second === byId("second").value) kept.set("example", example.name);
  return `${location.origin}${Studio.root}/ui?${kept}`;
}
document.querySelector("[data-open=share]")?.addEventListener("click", () => {
  byId("link").value = link();
});
byId("copy-link")?.addEventListener("click", async () => {
  byId("link").select();
  await Studio.copy(byId("link").value);
  byId("share").close();
  Studio.toast("The link is copied.", "good");
});

/* Keys */
document.addEventListener("keydown", (event) => {
  if (!form || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("form") === form) {
    event.preventDefault();
    ask();
    return;
  }
  if (Studio.isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("text").focus();
  } else if (/^[1-9]$/.test(event.key)) {
    document.querySelectorAll("[data-example]")[Number(event.key) - 1]?.click();
  } else if (event.key === "c") {
    const quick = document.querySelector("[data-compare]");
    if (byId("other").value) compare("", "");
    else quick?.click();
  }
});

if (form) {
  showFields();
  readLive();
  const name = new URLSearchParams(location.search).get("example");
  if (name && byId("text").value) {
    playground.example = { name, text: byId("text").value, second: byId("second").value };
    addEventListener("load", ask);
  }
}
