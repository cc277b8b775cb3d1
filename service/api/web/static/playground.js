// The Playground: the fields of the selected model, dropped files, Ctrl+Enter.
"use strict";

const byId = (id) => document.getElementById(id);

function showFields() {
  const selected = byId("model")?.selectedOptions[0];
  if (!selected) return;
  byId("second-field").hidden = !selected.dataset.readsPairs;
  byId("explain-field").hidden = !selected.dataset.canExplain;
}

document.body.addEventListener("change", (event) => {
  if (event.target.id === "model") showFields();
  // The answer shown is that of another model.
  if (event.target.id === "model" || event.target.id === "other") byId("answer").replaceChildren();
});
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "models") showFields();
});

// An answer must never stay next to a request that it does not belong to.
byId("predict").addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "predict") byId("answer").replaceChildren();
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
