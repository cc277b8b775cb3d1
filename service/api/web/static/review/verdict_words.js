/** An answer in words, for the opinions of others and for two answers side by side. */

import { element } from "./dom.js";
import { Offsets } from "./text_offsets.js";

/** A fragment with the labels, entities, span, score or skip of an answer. */
export function verdictWords(verdict, text) {
  const fragment = document.createDocumentFragment();
  const tag = (words) => fragment.append(element("bdi", { class: "tag" }, words), " ");
  const offsets = verdict.entities || verdict.span ? new Offsets(text) : null;
  const slice = ({ start, end }) => text.slice(offsets.toUnits(start), offsets.toUnits(end));
  if (verdict.labels) verdict.labels.forEach((each) => tag(typeof each === "string" ? each : each.label));
  if (verdict.entities) verdict.entities.forEach((each) => tag(`${slice(each)}: ${each.label}`));
  if (verdict.labels?.length === 0) fragment.append("no label");
  if (verdict.entities?.length === 0) fragment.append("no entities");
  if (verdict.span) tag(slice(verdict.span));
  if (verdict.span === null) fragment.append("no answer in the text");
  if (typeof verdict.score === "number") tag(String(verdict.score));
  if (verdict.option) fragment.append({ a: "A", b: "B", both: "both", neither: "neither" }[verdict.option]);
  if (verdict.correct !== undefined && !fragment.hasChildNodes()) fragment.append(verdict.correct ? "right" : "wrong");
  if (verdict.skip !== undefined) fragment.append(`skipped: ${verdict.skip || "no reason"}`);
  return fragment;
}
