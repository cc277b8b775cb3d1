// Opens the dialog of a change when its part has arrived, and keeps the focus where something new is said.
"use strict";

document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target;
  if (target.id === "change") {
    const dialog = target.querySelector("dialog");
    if (!dialog) return;
    const opener = event.detail.requestConfig.elt;
    dialog.addEventListener("close", () => {
      if (dialog.querySelector("[data-changed]")) location.reload();
      target.replaceChildren();
      opener.focus();
    });
    dialog.showModal();
    dialog.querySelector("textarea").focus();
  } else if (target.id === "change-body") {
    target.querySelector("[data-focus]")?.focus();
  }
});

// "Cancel" is a link for browsers without scripts; in the dialog it closes.
document.addEventListener("click", (event) => {
  if (event.target.closest("dialog [data-close]")) event.preventDefault();
});

// A dialog covers the messages at the edge of the window: a dead server is reported inside it.
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, (event) => {
    const place = event.detail.elt.closest("dialog")?.querySelector(".change-error");
    place?.replaceChildren(Studio.problem(new Studio.Error(Studio.dead)));
  });
}
