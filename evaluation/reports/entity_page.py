"""Shows predicted and gold entities in their texts, as a page of HTML drawn by displaCy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import cycle
from typing import Any

from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.errors import ExtraMissing
from glossator.service.files.report_metadata import MARKER, ReportMetadata
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.token_classification import Entities, Entity

MAX_ROWS = 40
_COLOURS = ("#9ecae9", "#ffcf8f", "#b5dfa8", "#f4b6c2", "#cdbfe8", "#f2e394", "#a8dcd9", "#d9c4ae")


def entity_page(rows: LabelledRows, predictions: Sequence[Prediction], *, name: str) -> str:
    """Return a page with the first rows that have predicted or gold entities, wrong rows first.

    A wrong row is followed by its gold entities. Raises ExtraMissing if spaCy is not installed.
    """
    try:
        from spacy import displacy
    except ImportError as error:
        raise ExtraMissing(
            "the page of entities needs a package that is not installed",
            found=error,
            hint="pip install 'glossator[spacy]'",
        ) from error
    assert rows.spans is not None
    predicted = [_displacy_entities(each.entities) for each in predictions if isinstance(each, Entities)]
    gold = [_displacy_entities(sorted(spans)) for spans in rows.spans]
    order = [row for row in range(len(rows)) if predicted[row] or gold[row]]
    order.sort(key=lambda row: predicted[row] == gold[row])
    documents: list[dict[str, Any]] = []
    for row in order[:MAX_ROWS]:
        right = predicted[row] == gold[row]
        title = f"{name} row {row + 1}, predicted{' (right)' if right else ''}"
        documents.append({"text": rows.texts[row], "ents": predicted[row], "title": title})
        if not right:
            documents.append({"text": rows.texts[row], "ents": gold[row], "title": f"{name} row {row + 1}, gold"})
    labels = sorted({entity["label"] for document in documents for entity in document["ents"]})
    options = {"colors": dict(zip(labels, cycle(_COLOURS), strict=False))}
    page: str = displacy.render(documents, style="ent", manual=True, page=True, options=options)
    about = ReportMetadata(kind="entities", title=f"Entities of {len(rows):,} {name} rows", data=name)
    head = (
        f'<meta charset="utf-8"><meta name="{MARKER}" content="{escape(about.to_json())}">'
        f"<title>{escape(about.title)}</title>"
    )
    return page.replace("<title>displaCy</title>", head)


def _displacy_entities(entities: Iterable[Entity | GoldSpan]) -> list[dict[str, Any]]:
    return [{"start": each.start, "end": each.end, "label": each.label} for each in entities]
