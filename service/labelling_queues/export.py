"""Writes a queue as a file again: every row, in order, with what reviewers say.

A row keeps its columns. `label`, `labels`, `entities`, `answers` or `score` is what is right; `review_status` says
whether the row is labelled, skipped, not reviewed yet, or unusable. A column of the file with one of these names is
kept as `original_NAME`, unless it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from glossator.service.documents.row_formats import CsvFormat, JsonlFormat, RowFormat
from glossator.service.labelling_queues.records import (
    GOLD,
    Kind,
    LabellingQueue,
    Row,
    Suggestion,
    canonical_answer,
    plain_answer,
)
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.accuracy.counting import Answers, counting_review
from glossator.service.reviews.records import Review

ExportFormat = Literal["jsonl", "csv", "prodigy"]
ANSWER_COLUMN: Mapping[Kind, str] = {
    "single_label": "label",
    "multi_label": "labels",
    "entities": "entities",
    "span": "answers",
    "score": "score",
}
_REVIEW_COLUMNS = ("review_status", "suggestion", "reviewer", "reviewers_differ", "note", "line", "error")
_EMPTY_MEANS_NOTHING: tuple[Kind, ...] = ("entities", "span")
"""Kinds in which an empty value is read as a text without entities, or without an answer: rows that nobody has labelled
say so instead, and `glossator train` rejects them."""
_OURS = frozenset({*ANSWER_COLUMN.values(), *_REVIEW_COLUMNS})
"""No other column has one of these names: training must not take an older label column for what is right."""
State = Literal["labelled", "skipped", "unreviewed", "unusable"]


def export_rows(
    store: LabellingStore, queue: LabellingQueue, format: ExportFormat, *, only_labelled: bool = False
) -> Iterator[bytes]:
    """Yield the bytes of the file, some rows at a time.

    Args:
        store: The store of the queue.
        queue: The queue.
        format: `jsonl` and `csv` are read by `glossator train`; `prodigy` by `glossator wrangle --answers` and Prodigy.
        only_labelled: Leave out rows that have no label yet, that were skipped, or that have no text.
    """
    answers = store.answers(queue.id)
    writer: RowFormat = CsvFormat(_columns(store, queue)) if format == "csv" else JsonlFormat(())
    yield writer.header()
    for page in _pages(store, queue):
        rows = []
        for row in page:
            state, review = _state(row, answers)
            if only_labelled and state != "labelled":
                continue
            rows.append(
                _prodigy(queue, row, state, review)
                if format == "prodigy"
                else _row(queue, row, state, review, _differ(answers, row.number), as_text=format == "csv")
            )
        if rows:
            yield writer.encode(rows)
    yield writer.footer()


def _pages(store: LabellingStore, queue: LabellingQueue) -> Iterator[Sequence[Row]]:
    begin = 0
    while page := store.page(queue.id, begin):
        yield page
        begin = page[-1].number + 1


def _columns(store: LabellingStore, queue: LabellingQueue) -> list[str]:
    """Return every column that a row has: a CSV names them before its rows."""
    names: dict[str, None] = dict.fromkeys(_texts(queue, Row(0, 0, "", "")))
    for page in _pages(store, queue):
        for row in page:
            names |= dict.fromkeys(_original(queue, row))
    return [*names, ANSWER_COLUMN[queue.kind], *_REVIEW_COLUMNS]


def _state(row: Row, answers: Answers) -> tuple[State, Review | None]:
    if row.error is not None:
        return "unusable", None
    if row.number not in answers:
        return "unreviewed", None
    review = counting_review(answers[row.number])
    return "skipped" if review.verdict == "skipped" else "labelled", review


def _differ(answers: Answers, number: int) -> bool | None:
    """Return whether reviewers gave different answers; None for fewer than two."""
    gold = [each.gold for each in answers.get(number, ()) if each.gold is not None and each.role == "reviewer"]
    return len({str(canonical_answer(each)) for each in gold}) > 1 if len(gold) > 1 else None


def _row(
    queue: LabellingQueue, row: Row, state: State, review: Review | None, differ: bool | None, *, as_text: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {**_texts(queue, row), **_original(queue, row)}
    gold = None if review is None or review.gold is None else review.gold
    suggestion = None if row.suggestion is None else _answer(queue, row, plain_answer(row.suggestion))
    missing = state if queue.kind in _EMPTY_MEANS_NOTHING else None
    found[ANSWER_COLUMN[queue.kind]] = missing if gold is None else _answer(queue, row, gold)
    values = (
        state,
        suggestion,
        None if review is None else review.reviewer,
        differ,
        None if review is None else review.comment,
        row.line,
        row.error,
    )
    more = dict(zip(_REVIEW_COLUMNS, values, strict=True))
    return found | (more if as_text else {name: value for name, value in more.items() if value is not None})


def _texts(queue: LabellingQueue, row: Row) -> dict[str, Any]:
    first, second = queue.text_column, queue.second_column
    found: dict[str, Any] = {"text" if first in _OURS else first: row.text}
    return found if second is None else found | {"text_pair" if second in _OURS else second: row.second}


def _original(queue: LabellingQueue, row: Row) -> dict[str, Any]:
    """Return the other columns of the file, those with a name of ours as `original_NAME`."""
    found = {}
    taken = {*_OURS, *_texts(queue, row)}
    for name, value in row.fields.items():
        if name not in taken:
            found[name] = value
        elif value not in (None, "") and not (name == "line" and str(value) == str(row.line)):
            kept = f"original_{name}"
            while kept in row.fields or kept in taken:  # the file was exported before
                kept = f"original_{kept}"
            found[kept] = value
    return found


def _answer(queue: LabellingQueue, row: Row, gold: Mapping[str, Any]) -> Any:
    value = gold[GOLD[queue.kind]]
    if queue.kind == "single_label":
        return value[0] if value else None
    if queue.kind == "span":  # as in SQuAD
        context = row.text if row.second is None else row.second
        spans = [] if value is None else [value]
        return {
            "text": [context[each["start"] : each["end"]] for each in spans],
            "answer_start": [each["start"] for each in spans],
        }
    return value


def _prodigy(queue: LabellingQueue, row: Row, state: State, review: Review | None) -> dict[str, Any]:
    """Return a row as an example of Prodigy: what has no label is ignored or not answered."""
    gold: Suggestion = {} if review is None or review.gold is None else review.gold
    example: dict[str, Any] = {"text": row.text, "meta": {**row.fields, "line": row.line}}
    if queue.kind == "entities":
        example["spans"] = list(gold.get("entities", ()))
    elif GOLD[queue.kind] == "labels":
        example["options"] = [{"id": label, "text": label} for label in queue.labels]
        example["accept"] = list(gold.get("labels", ()))
    else:
        example |= gold
    example["answer"] = "accept" if state == "labelled" else "ignore"
    if review is not None and review.comment is not None:
        example["meta"]["note"] = review.comment
    return example
