"""Answers as HTML for notebooks: bars for labels, marked entities and spans, and a table of many texts.

Every text is escaped. Colours are transparent layers over the page's own, so that light and dark themes both work.
Styles are inline: notebooks remove style sheets when they are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from zlib import crc32

from glossator.service.errors import InputError, shorten
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity

_BARS = 10
_ROWS = 20
_CHARACTERS = 20_000
"""Longer documents are not shown with marks: a notebook would become slow."""
_CELL_CHARACTERS = 160
_BLUE = "background:rgba(56,132,255,0.35);"
_CELL = "padding:2px 8px;text-align:left;vertical-align:top;"
_MUTED = "opacity:0.7;"


def answer_html(prediction: Prediction, text: str) -> str:
    """Return a prediction as HTML. `text` is what the offsets of entities and spans refer to."""
    if isinstance(prediction, Classification):
        return _classification(prediction)
    if isinstance(prediction, Entities):
        return _marked(text, prediction.entities) or _entity_table(prediction.entities)
    if isinstance(prediction, Extraction):
        return _extraction(prediction, text)
    if isinstance(prediction, Embedding):
        first = ", ".join(f"{value:.3f}" for value in prediction.vector[:4])
        return f"<div>vector of {len(prediction.vector)} numbers: {first}, …</div>"
    return f"<div>score <b>{prediction.score:.4f}</b></div>"


def answers_html(answers: Sequence[InputError | tuple[str, Prediction]]) -> str:
    """Return a table of the answers to many texts: the first ones, and how many more there are."""
    rows = [
        [str(place), "", f"<i>{escape(each.code)}: {escape(each.message)}</i>"]
        if isinstance(each, InputError)
        else [str(place), escape(shorten(each[0], _CELL_CHARACTERS)), _brief(each[1])]
        for place, each in enumerate(answers[:_ROWS])
    ]
    more = len(answers) - len(rows)
    note = f"<div style='{_MUTED}'>… {more:,} more</div>" if more else ""
    return table_html(("", "text", "answer"), rows) + note


def counts_html(title: str, counts: Mapping[str, int]) -> str:
    """Return named counts under a title."""
    rows = ([escape(name), f"{count:,}"] for name, count in counts.items())
    return f"<div><b>{escape(title)}</b></div>" + table_html(("", "rows"), rows)


def table_html(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table. The cells are HTML already."""
    names = "".join(f"<th style='{_CELL}'>{name}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td style='{_CELL}'>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table style='border-collapse:collapse;'><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _classification(found: Classification) -> str:
    scores = found.scores[:_BARS]
    rows = [[_label(each.label, each.label in found.labels), _bar(each.score), f"{each.score:.4f}"] for each in scores]
    more = len(found.scores) - len(scores)
    notes = [*(["out of scope"] if found.out_of_scope else []), *([f"… {more:,} more labels"] if more else [])]
    return table_html(("label", "", "score"), rows) + "".join(f"<div style='{_MUTED}'>{note}</div>" for note in notes)


def _label(label: str, assigned: bool) -> str:
    return f"<b>{escape(label)}</b>" if assigned else escape(label)


def _bar(share: float) -> str:
    width = round(100 * min(max(share, 0.0), 1.0), 1)
    return (
        "<div style='width:160px;background:rgba(128,128,128,0.2);border-radius:3px;'>"
        f"<div style='width:{width}%;height:0.9em;border-radius:3px;{_BLUE}'></div></div>"
    )


def _extraction(found: Extraction, text: str) -> str:
    if found.answer is None:
        return f"<div>no answer <span style='{_MUTED}'>(score {found.no_answer_score:.4f})</span></div>"
    rows = [[escape(each.text), _bar(each.score), f"{each.score:.4f}"] for each in found.candidates[:_BARS]]
    return _marked(text, [found.answer]) + table_html(("answer", "", "score"), rows)


def _entity_table(entities: Sequence[Entity]) -> str:
    if not entities:
        return "<div>no entities</div>"
    rows = [[escape(each.text), escape(each.label), f"{each.score:.4f}"] for each in entities[:_ROWS]]
    return table_html(("text", "label", "score"), rows)


def _marked(text: str, spans: Sequence[Entity | Span]) -> str:
    """Return the text with its spans marked; empty if it has none, is long, or offsets are not in code points."""
    if not spans or len(text) > _CHARACTERS or any(text[each.start : each.end] != each.text for each in spans):
        return ""
    parts, end = [], 0
    for each in sorted(spans, key=lambda span: span.start):
        if each.start < end:
            return ""  # spans that overlap are listed
        parts += [escape(text[end : each.start]), _mark(each)]
        end = each.end
    return f"<div style='white-space:pre-wrap;line-height:1.8;'>{''.join(parts)}{escape(text[end:])}</div>"


def _mark(span: Entity | Span) -> str:
    label = span.label if isinstance(span, Entity) else "answer"
    hue = crc32(label.encode()) % 360
    return (
        f"<mark title='{span.score:.4f}' style='background:hsla({hue},70%,50%,0.3);color:inherit;"
        f"padding:1px 3px;border-radius:3px;'>{escape(span.text)} "
        f"<small style='{_MUTED}'>{escape(label)}</small></mark>"
    )


def _brief(prediction: Prediction) -> str:
    """Return a prediction as HTML for one cell of a table."""
    if isinstance(prediction, Classification):
        labels = ", ".join(map(escape, prediction.labels)) or "(no label)"
        return f"<b>{labels}</b> <span style='{_MUTED}'>{prediction.score:.4f}</span>"
    if isinstance(prediction, Entities):
        return ", ".join(f"{escape(each.text)} <small>{escape(each.label)}</small>" for each in prediction.entities)
    if isinstance(prediction, Extraction):
        return "(no answer)" if prediction.answer is None else escape(prediction.answer.text)
    return answer_html(prediction, "")
