/** The list of review queues: cards with progress, drawn from the server's JSON. */

import { counted, element, find } from "./dom.js";
import { waitingByQueue } from "./outbox.js";
import { fetchJson } from "./queue_api.js";

/** By the first part of a queue's id. */
const KINDS = {
  period: "Live answers",
  promotion: "Champion or challenger",
  differing: "Reviewers differ",
  file: "File",
};

const { root, reviewer: keyName } = JSON.parse(find("#list-settings").textContent);

async function load() {
  const query = new URLSearchParams();
  if (keyName === null) query.set("reviewer", rememberedReviewer());
  find("#loading").hidden = false;
  find("#failure").replaceChildren();
  try {
    const { queues } = await fetchJson(`${root}/ui/review/queues.json?${query}`);
    const waiting = waitingByQueue();
    find("#queues").replaceChildren(...queues.map((each) => card(each, waiting.get(each.id) ?? 0)));
    find("#none").hidden = queues.length > 0;
  } catch (error) {
    const retry = element("button", { type: "button", class: "btn btn-secondary mt-3" }, "Try again");
    retry.addEventListener("click", load);
    find("#failure").replaceChildren(window.Studio.problem(error), retry);
  } finally {
    find("#loading").hidden = true;
  }
}

function card(queue, waiting) {
  const address = `${root}/ui/review/${encodeURIComponent(queue.id)}`;
  const link = element("a", { href: address, class: "stretched-link" }, element("bdi", {}, queue.title));
  const isDone = queue.total > 0 && queue.done >= queue.total;
  const head = element(
    "div",
    { class: "queue-head" },
    element("span", { class: "queue-kind" }, KINDS[queue.id.split(":")[0]]),
    isDone ? status("good", "✓", "Complete") : "",
  );
  const bar = element("progress", {
    max: Math.max(1, queue.total), value: queue.done, "aria-label": `${queue.done} of ${queue.total} reviewed`,
  });
  const count = element("p", { class: "queue-count" }, element("strong", {}, queue.done.toLocaleString("en")));
  count.append(` of ${queue.total.toLocaleString("en")}`);
  if (queue.mine) count.append(element("span", { class: "quiet" }, ` · ${queue.mine.toLocaleString("en")} by you`));
  const body = element("div", { class: "card-body" }, head, element("h2", { class: "h3" }, link));
  if (queue.about) body.append(element("p", { class: "quiet" }, element("bdi", {}, queue.about)));
  body.append(bar, count);
  if (queue.sentence) body.append(element("p", { class: "buys" }, queue.sentence));
  if (queue.agreement) {
    const { alpha, words } = queue.agreement;
    const number = typeof alpha === "number" ? ` (α ${alpha.toFixed(2)})` : "";
    body.append(element("p", { class: "quiet" }, `Agreement of reviewers: ${words}${number}`));
  }
  if (waiting) body.append(status("warn", "!", `${counted(waiting, "label")} in this browser not sent: open to send`));
  if (queue.export) {
    const name = `Download the labels of ${queue.title}`;
    body.append(element("a", { href: root + queue.export, class: "export", download: true, "aria-label": name }, "Download"));
  }
  return element("li", { class: "col" }, element("article", { class: "card h-100" }, body));
}

function status(kind, sign, words) {
  return element("span", { class: `status status-${kind}` }, element("span", { "aria-hidden": "true" }, sign), words);
}

function rememberedReviewer() {
  try {
    return localStorage.getItem("glossator.reviewer") ?? "anonymous";
  } catch {
    return "anonymous";
  }
}

load();
