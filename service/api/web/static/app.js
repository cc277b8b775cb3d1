// Behaviour of the page: the API key, the fields of the selected model, dropped files, Ctrl+Enter.
"use strict";

let key = "";
const byId = (id) => document.getElementById(id);

document.body.addEventListener("htmx:configRequest", (event) => {
  if (key) event.detail.headers.Authorization = `Bearer ${key}`;
});

byId("key-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value.trim();
  byId("key").value = "";
  htmx.trigger(document.body, "key-set");
});

function showFields() {
  const selected = byId("model")?.selectedOptions[0];
  if (!selected) return;
  byId("second-field").hidden = !selected.dataset.readsPairs;
  byId("explain-field").hidden = !selected.dataset.canExplain;
  const jobModel = byId("job-model");
  if (jobModel) jobModel.value = selected.value;
}

document.body.addEventListener("change", (event) => {
  if (event.target.id === "model") showFields();
});
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "models") showFields();
});

const text = byId("text");
text.addEventListener("dragover", (event) => event.preventDefault());
text.addEventListener("drop", async (event) => {
  const file = event.dataTransfer.files[0];
  if (!file) return;
  event.preventDefault();
  text.value = await file.text();
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) byId("predict").requestSubmit();
});

// A link cannot send the key, so the script fetches the file and saves it.
document.body.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-needs-key]");
  if (!link || !key) return;
  event.preventDefault();
  const response = await fetch(link.href, { headers: { Authorization: `Bearer ${key}` } });
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "labelled";
  const download = document.createElement("a");
  download.href = URL.createObjectURL(await response.blob());
  download.download = name;
  download.click();
  URL.revokeObjectURL(download.href);
});
