"""Entities on a page: what was found in rows, beside what is true of them, drawn by displaCy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.errors import ExtraMissing
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.token_classification import Entities, Entity

MAX_ROWS = 40
_COLOURS = ("#9ecae9", "#ffcf8f", "#b5dfa8", "#f4b6c2", "#cdbfe8", "#f2e394", "#a8dcd9", "#d9c4ae")


def entity_page(rows: LabelledRows, predictions: Sequence[Prediction], *, name: str) -> str:
    """A page of HTML with the first rows that have entities or were given some, those that are wrong first: what was
    found in each, and where that is not what is true, the truth below it. Raises ExtraMissing without spaCy."""
    try:
        from spacy import displacy
    except ImportError as error:
        raise ExtraMissing(
            "the page of entities cannot be drawn: an optional dependency is not installed",
            found=error,
            hint="pip install 'glossator[spacy]'",
        ) from error
    assert rows.spans is not None
    found = [_displacy_entities(each.entities) for each in predictions if isinstance(each, Entities)]
    true = [_displacy_entities(sorted(spans)) for spans in rows.spans]
    order = [row for row in range(len(rows)) if found[row] or true[row]]
    order.sort(key=lambda row: found[row] == true[row])
    documents: list[dict[str, Any]] = []
    for row in order[:MAX_ROWS]:
        right = found[row] == true[row]
        title = f"{name} row {row + 1}, found{' (right)' if right else ''}"
        documents.append({"text": rows.texts[row], "ents": found[row], "title": title})
        if not right:
            documents.append({"text": rows.texts[row], "ents": true[row], "title": f"{name} row {row + 1}, true"})
    labels = sorted({entity["label"] for document in documents for entity in document["ents"]})
    options = {"colors": dict(zip(labels, cycle(_COLOURS), strict=False))}
    page: str = displacy.render(documents, style="ent", manual=True, page=True, options=options)
    return page.replace(
        "<title>displaCy</title>", f'<meta charset="utf-8"><title>Entities of {len(rows):,} rows</title>'
    )


def _displacy_entities(entities: Iterable[Entity | GoldSpan]) -> list[dict[str, Any]]:
    return [{"start": each.start, "end": each.end, "label": each.label} for each in entities]
