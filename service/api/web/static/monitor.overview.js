// The list of models refreshes itself: soon while a large log is being counted, else every 30 seconds.
const overview = document.getElementById("overview");
let timer = 0;

function plan(seconds) {
  clearTimeout(timer);
  timer = setTimeout(() => (document.hidden ? plan(seconds) : htmx.trigger(overview, "refresh")), 1e3 * seconds);
}

document.addEventListener("htmx:afterSettle", () => {
  overview.dataset.keep = "";
  plan(document.getElementById("overview-state")?.dataset.complete === "false" ? 1 : 30);
});
for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(failure, () => plan(60));
}
