// What the page does by itself: the key, the fields that a model needs, files that are dropped, Ctrl+Enter.
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
  htmx.trigger(document.body, "keyed");
});

function fitFields() {
  const chosen = byId("model")?.selectedOptions[0];
  if (!chosen) return;
  byId("second-field").hidden = !chosen.dataset.pairs;
  byId("explain-field").hidden = !chosen.dataset.explains;
  const jobModel = byId("job-model");
  if (jobModel) jobModel.value = chosen.value;
}

document.body.addEventListener("change", (event) => {
  if (event.target.id === "model") fitFields();
});
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "models") fitFields();
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
  if (event.key === "Enter" && event.ctrlKey) byId("ask").requestSubmit();
});

// A link carries no key: with one, the file is fetched and handed over.
document.body.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-keyed]");
  if (!link || !key) return;
  event.preventDefault();
  const answer = await fetch(link.href, { headers: { Authorization: `Bearer ${key}` } });
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "labelled";
  const handed = document.createElement("a");
  handed.href = URL.createObjectURL(await answer.blob());
  handed.download = name;
  handed.click();
  URL.revokeObjectURL(handed.href);
});
