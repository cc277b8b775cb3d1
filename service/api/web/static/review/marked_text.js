/** A text with marked spans. Names of labels are drawn by the style sheet, so that the element's text is the text. */

import { element } from "./dom.js";

const SERIES = 8;

/** A label has the same colour everywhere on the page. Its name is always shown too. */
export const seriesOf = (label, labels) => (Math.max(0, labels.indexOf(label)) % SERIES) + 1;

/**
 * Fill an element. Spans are `{start, end, label?}` in units and do not overlap; `range` is the selection, which may
 * overlap with spans.
 */
export function fillMarked(target, text, spans, labels, range = null) {
  const cuts = new Set([0, text.length]);
  for (const each of range ? [...spans, range] : spans) cuts.add(each.start).add(each.end);
  const places = [...cuts].sort((first, second) => first - second);
  const pieces = [];
  for (let index = 0; index + 1 < places.length; index += 1) {
    const [start, end] = [places[index], places[index + 1]];
    const span = spans.find((each) => each.start <= start && end <= each.end);
    const selected = range && range.start <= start && end <= range.end;
    if (!span && !selected) {
      pieces.push(text.slice(start, end));
      continue;
    }
    const names = [span && `span series-${seriesOf(span.label, labels)}`, selected && "selection"];
    if (span && span.start === start) names.push("span-start");
    const isEnd = span && span.end === end;
    const label = isEnd && span.label !== undefined ? span.label : null;
    pieces.push(
      element("mark", { class: names.filter(Boolean).join(" "), "data-label": label }, text.slice(start, end)),
    );
  }
  target.replaceChildren(...pieces);
}

/** The selection of the mouse inside an element, as `{start, end}` in units of its text; null without one. */
export function selectedRange(target) {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!target.contains(range.startContainer) || !target.contains(range.endContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(target);
  before.setEnd(range.startContainer, range.startOffset);
  const start = before.toString().length;
  return { start, end: start + range.toString().length };
}
