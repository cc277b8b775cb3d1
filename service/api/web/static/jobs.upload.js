// New files: each is previewed as the server would read it, then uploaded with its own progress.

import { sentence, showPreview, size } from "./jobs.preview.js";

const SLICE = 1 << 18;
const IN_LINES = /\.(csv|tsv|tab|psv|jsonl|ndjson|jsonlines|txt|log)$/i;
const LOADING_WAIT = 1_000;
const form = document.getElementById("upload");
const chosen = document.getElementById("chosen");
const start = document.getElementById("start");
const drop = document.getElementById("drop");
const picker = document.getElementById("files");
const modelChoice = document.getElementById("job-model");
const news = document.getElementById("upload-news");
const template = document.getElementById("file-template");
const previewBytes = Number(form.dataset.previewBytes);
const mostBytes = Number(form.dataset.mostBytes);
const files = new Set();

const field = (id) => document.getElementById(id).value.trim();
const modelData = () => modelChoice.selectedOptions[0].dataset;

/** The options that hold for all files. */
function sharedFields() {
  const fields = { model: modelChoice.value };
  const score = modelData().score;
  const optional = {
    output_format: field("output-format"), limit: field("row-limit"), prefix: field("prefix"), encoding: field("encoding"),
    truncate: document.getElementById("truncate").checked ? "true" : "",
    ...(score ? { [score]: field("least-score") } : {}),
  };
  for (const [name, value] of Object.entries(optional)) if (value) fields[name] = value;
  return fields;
}

function formOf(fields, blob, name) {
  const data = new FormData();
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  data.append("file", blob, name);
  return data;
}

/** The beginning of a file, cut after a complete line. */
async function beginning(file) {
  const bytes = new Uint8Array(await file.slice(0, SLICE).arrayBuffer());
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const end = bytes.lastIndexOf(10) + (isUtf16 ? 2 : 1);
  return new Blob([end > 1 ? bytes.slice(0, end) : bytes]);
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

class ChosenFile {
  constructor(file) {
    this.file = file;
    this.picked = {}; // columns that the user has chosen
    this.isReady = false;
    this.isSending = false;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find = (selector) => this.element.querySelector(selector);
    const name = this.find(".file-name");
    name.textContent = file.name;
    this.find("[data-facts]").textContent = size(file.size);
    this.find("[data-remove] span").textContent = ` ${file.name}`;
    this.find("[role=region]").setAttribute("aria-label", `First rows of ${file.name}`);
    this.find("progress").setAttribute("aria-label", `Upload of ${file.name}`);
    for (const kind of ["text", "second"]) {
      const id = `${kind}-${randomKey()}`;
      const column = kind === "text" ? "text_column" : "second_column";
      this.find(`[data-label=${kind}]`).htmlFor = id;
      this.find(`[data-column=${column}]`).id = id;
      this.find(`[data-column=${column}]`).addEventListener("change", (event) => {
        this.picked[column] = event.target.value;
        this.preview({ keep: true });
      });
    }
    this.find("[data-remove]").addEventListener("click", () => this.remove());
    this.find("[data-stop]").addEventListener("click", () => this.request?.abort());
    chosen.append(this.element);
    this.preview();
  }

  remove() {
    this.request?.abort();
    this.reading?.abort();
    files.delete(this);
    this.element.remove();
    showStart();
    picker.focus();
  }

  state(...content) {
    this.find("[data-state]").replaceChildren(...content);
  }

  /** Ask the server how it reads the file. With `keep`, a file that is ready stays so: a click on the button is not lost. */
  async preview({ keep = false } = {}) {
    this.reading?.abort();
    const reading = (this.reading = new AbortController());
    this.isReady &&= keep;
    showStart();
    if (this.file.size === 0) return this.fail(new Studio.Error("The file is empty.", { hint: "Choose another file." }));
    if (this.file.size > mostBytes) {
      return this.fail(new Studio.Error(`The file is too large: ${size(this.file.size)}.`, { hint: `The server takes files of at most ${size(mostBytes)}.` }));
    }
    const inLines = IN_LINES.test(this.file.name);
    if (this.file.size > previewBytes && !inLines) return this.skipPreview();
    try {
      const isCut = inLines && this.file.size > SLICE;
      const blob = isCut ? await beginning(this.file) : this.file;
      const fields = { ...sharedFields(), ...this.picked, ...(isCut ? { total_bytes: this.file.size } : {}) };
      const found = await this.ask(formOf(fields, blob, this.file.name), reading.signal);
      if (!reading.signal.aborted) this.show(found);
    } catch (error) {
      if (reading.signal.aborted) return;
      this.isReady = false;
      this.fail(error);
    }
  }

  async ask(data, signal) {
    for (;;) {
      try {
        return await Studio.fetchJson(form.dataset.preview, { method: "POST", body: data, signal });
      } catch (error) {
        if (error.problem?.code !== "model-loading") throw error;
        await new Promise((resolve) => setTimeout(resolve, LOADING_WAIT)); // the request has begun to load it
        signal.throwIfAborted();
      }
    }
  }

  skipPreview() {
    this.find("[data-body]").hidden = true;
    this.state(Object.assign(document.createElement("p"), {
      className: "quiet mb-0", textContent: "Too large for a preview. The job finds the text column by itself.",
    }));
    this.isReady = true;
    showStart();
  }

  fail(error, retry = () => this.preview()) {
    const again = document.createElement("button");
    again.type = "button";
    again.className = "btn btn-secondary btn-sm mt-2";
    again.textContent = "Try again";
    again.addEventListener("click", retry);
    const start = error.message.slice(0, this.file.name.length);
    if (start.toLowerCase() === this.file.name.toLowerCase()) error.message = this.file.name + error.message.slice(start.length);
    const box = Studio.problem(error);
    box.append(again);
    this.state(box);
    showStart();
  }

  show(found) {
    showPreview(this.element, found, { bytes: this.file.size, readsPairs: modelData().pairs === "true" });
    this.state();
    const { problem } = found;
    if (problem && problem.code !== "unknown-column") { // that one is a warning next to the columns
      const text = sentence(problem.message) + (problem.found ? `: ${problem.found}` : "");
      this.state(Studio.problem(new Studio.Error(text, { hint: problem.hint, problem })));
    }
    this.isReady = !problem;
    showStart();
  }

  /** Upload the file. A retry of the same request creates no second job. */
  send() {
    const fields = { ...sharedFields(), ...this.selected() };
    const asked = JSON.stringify(fields);
    if (asked !== this.asked) [this.asked, this.key] = [asked, randomKey()];
    this.isSending = true;
    this.reading?.abort();
    this.state();
    this.progress(0);
    this.find("[data-sending]").hidden = false;
    return new Promise((resolve) => {
      const request = (this.request = new XMLHttpRequest());
      request.open("POST", form.action);
      request.setRequestHeader("Idempotency-Key", this.key);
      request.upload.onprogress = (event) => this.progress(event.loaded / Math.max(1, event.total));
      request.onload = () => this.end(request, resolve);
      request.onerror = () => this.end(request, resolve, new Studio.Error(Studio.dead));
      request.onabort = () => this.end(request, resolve, new Studio.Error("The upload was stopped."));
      request.send(formOf(fields, this.file, this.file.name));
    });
  }

  selected() {
    const names = ["text_column", ...(modelData().pairs === "true" ? ["second_column"] : [])];
    return Object.fromEntries(names.map((name) => [name, this.find(`[data-column=${name}]`).value]).filter(([, value]) => value));
  }

  progress(share) {
    this.find("progress").value = share;
    this.find("[data-sent]").textContent = share < 1 ? `${Math.floor(100 * share)} % of ${size(this.file.size)} sent` : "Stored on the server …";
  }

  end(request, resolve, error = null) {
    this.isSending = false;
    this.find("[data-sending]").hidden = true;
    if (error === null && request.status === 202) {
      files.delete(this);
      this.element.remove();
      news.textContent = `${this.file.name}: submitted`;
      document.dispatchEvent(new Event("jobs:changed"));
      resolve(true);
      return;
    }
    this.fail(error ?? problemOf(request), async () => {
      await this.send();
      showStart();
    });
    resolve(false);
  }
}

function problemOf(request) {
  let body = null;
  try {
    body = JSON.parse(request.responseText);
  } catch { /* not our server's words: a proxy, for example */ }
  if (request.status === 401) return new Studio.Error("The key is missing or has expired.", { status: 401 });
  const detail = body?.detail ?? `The server answered with status ${request.status}.`;
  const text = sentence(detail) + (body?.found ? `: ${body.found}` : "");
  return new Studio.Error(text, { hint: body?.hint ?? "", status: request.status, problem: body });
}

function showStart() {
  const waiting = [...files].filter((each) => each.isReady && !each.isSending);
  start.hidden = files.size === 0;
  const button = start.querySelector("button");
  button.disabled = waiting.length === 0;
  button.textContent = `Label ${waiting.length || ""} ${waiting.length === 1 ? "file" : "files"}`.replace("  ", " ");
  const others = files.size - waiting.length;
  start.querySelector("[data-note]").textContent = others ? `${others} ${others === 1 ? "file is" : "files are"} not ready.` : "";
}

function add(list) {
  for (const file of list) files.add(new ChosenFile(file));
  picker.value = "";
  showStart();
}

function showOptions() {
  document.getElementById("score-field").hidden = !modelData().score;
}

picker.addEventListener("change", () => add(picker.files));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const each of [...files].filter((file) => file.isReady)) {
    if (files.has(each) && !each.isSending) await each.send();
  }
  showStart();
  if (files.size === 0) document.getElementById("jobs-title").scrollIntoView({ block: "nearest" });
});
modelChoice.addEventListener("change", () => {
  showOptions();
  for (const each of files) each.preview();
});
for (const id of ["output-format", "least-score", "prefix", "encoding"]) {
  document.getElementById(id).addEventListener("change", () => files.forEach((each) => each.preview({ keep: true })));
}
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  drop.classList.remove("over");
  add(event.dataTransfer.files);
});
showOptions();
