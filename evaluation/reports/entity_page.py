"""Shows predicted and gold entities in their texts, as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from glossator.evaluation.reports.document.report import MarkedText, Report, Section, Tile
from glossator.evaluation.reports.document.report_page import report_page
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.files.report_metadata import ReportMetadata
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.token_classification import Entities, Entity

MAX_ROWS = 40
Marks = tuple[tuple[int, int, str], ...]


def entity_page(rows: LabelledRows, predictions: Sequence[Prediction], *, name: str) -> str:
    """Return a page with the first rows that have predicted or gold entities, wrong rows first.

    A wrong row is followed by its gold entities.
    """
    assert rows.spans is not None
    predicted = [_marks(each.entities) for each in predictions if isinstance(each, Entities)]
    gold = [_marks(spans) for spans in rows.spans]
    order = [row for row in range(len(rows)) if predicted[row] or gold[row]]
    right = [row for row in order if predicted[row] == gold[row]]
    wrong = [row for row in order if predicted[row] != gold[row]]
    shown_wrong = wrong[:MAX_ROWS]
    shown_right = right[: MAX_ROWS - len(shown_wrong)]
    texts = [
        MarkedText(f"Row {row + 1}, {side}", rows.texts[row], marks[row])
        for row in shown_wrong
        for side, marks in (("predicted", predicted), ("gold", gold))
    ]
    right_texts = [MarkedText(f"Row {row + 1}, predicted (right)", rows.texts[row], gold[row]) for row in shown_right]
    report = Report(
        metadata=ReportMetadata(kind="entities", title=f"Entities in {name} rows", data=f"{name} ({len(rows):,} rows)"),
        tiles=(
            Tile("Rows with entities", f"{len(order):,}", f"of {len(rows):,}", "predicted or gold"),
            Tile("Completely right", f"{len(right):,}", "", "same boundaries and types"),
            Tile("Wrong", f"{len(wrong):,}", "", "at least one entity differs"),
        ),
        sections=(
            *([Section(f"Wrong rows: {len(shown_wrong):,} of {len(wrong):,}", texts=tuple(texts))] if texts else []),
            *(
                [Section(f"Right rows: {len(shown_right):,} of {len(right):,}", texts=tuple(right_texts), folded=True)]
                if right_texts
                else []
            ),
        ),
    )
    return report_page(report)


def _marks(entities: Iterable[Entity | GoldSpan]) -> Marks:
    """Return the entities in their order, without those that overlap an earlier one."""
    found: list[tuple[int, int, str]] = []
    for each in sorted((each.start, each.end, each.label) for each in entities):
        if not found or each[0] >= found[-1][1]:
            found.append(each)
    return tuple(found)
