"""What a reviewer gets, and what they say: the rows of files of reviews."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.reviews.records import SERVED, Item, Period, Review

if TYPE_CHECKING:
    from pathlib import Path

    from glossator.service.reviews.store import ReviewStore


def review_tasks(store: ReviewStore, log: Path, period: Period) -> Iterator[dict[str, Any]]:
    """Yield a task for each drawn item without a review, in the order of the draws, with its text if it was logged."""
    reviewed = store.reviews(period.id)
    waiting = list(dict.fromkeys(item for item in store.draws(period.id) if item not in reviewed))
    wanted = {(period.items[item].request, period.items[item].place): item for item in waiting}
    texts: dict[int, Mapping[str, Any]] = {}
    for record in LogReader(log, LogFilter(model=period.model, digest=period.digest)):
        item = wanted.get((str(record["request"]), int(record["place"])))
        if item is not None:
            texts[item] = {name: record[name] for name in ("text", "second") if name in record}
    for item in waiting:
        answer = period.items[item]
        yield {
            "period": period.id,
            "item": item,
            "sha256": answer.sha256,
            **texts.get(item, {}),
            **answer.served,
            "correct": None,
        }


def read_reviews(
    rows: Iterable[tuple[int, Mapping[str, Any]]], period: Period, drawn: Sequence[int], reviewer: str
) -> tuple[list[Review], list[str]]:
    """Return the reviews in the numbered rows of a file, and a sentence for each row that cannot be used.

    A row is a task with one of these added: `correct` (true or false), `gold_labels`, `gold_entities` or
    `gold_span`, `skip` (true). Rows without any are not reviewed yet, and are left out.
    """
    found: list[Review] = []
    faults: list[str] = []
    known = set(drawn)
    for number, row in rows:
        item = row.get("item")
        if row.get("period") != period.id:
            faults.append(f"row {number}: it belongs to another period ({row.get('period')})")
        elif item not in known:
            faults.append(f"row {number}: item {item} was not drawn")
        else:
            assert isinstance(item, int)
            try:
                review = _read_review(row, period.items[item], item, str(row.get("reviewer") or reviewer))
            except ValueError as error:
                faults.append(f"row {number}: {error}")
            else:
                found += [] if review is None else [review]
    return found, faults


def _read_review(row: Mapping[str, Any], item: Item, number: int, reviewer: str) -> Review | None:
    right = {name: row[f"gold_{name}"] for name in SERVED if row.get(f"gold_{name}") is not None}
    said = [name for name in ("correct", "skip") if row.get(name) is not None and row.get(name) != ""]
    if len(said) + bool(right) > 1:
        raise ValueError(f"it says more than one thing: {', '.join([*said, *(f'gold_{name}' for name in right)])}")
    comment = None if row.get("comment") is None else str(row["comment"])
    if right:
        verdict = _compare(item, right)
        return Review(number, "right" if verdict else "wrong", reviewer, right, comment)
    if not said:
        return None
    value = row[said[0]]
    if not isinstance(value, bool):
        raise ValueError(f"{said[0]} is {json.dumps(value)}, expected true or false")
    if said[0] == "skip":
        return Review(number, "skipped", reviewer, None, comment) if value else None
    return Review(number, "right" if value else "wrong", reviewer, None, comment)


def _compare(item: Item, right: Mapping[str, Any]) -> bool:
    """Return whether the whole answer is right: all labels, all entities, or the span."""
    for name, value in right.items():
        if name not in item.served:
            raise ValueError(f"gold_{name} does not fit an answer with {', '.join(item.served)}")
        if _canonical(name, value) != _canonical(name, item.served[name]):
            return False
    return True


def _canonical(name: str, value: Any) -> Any:
    try:
        if name == "labels":
            return {str(each) for each in ([value] if isinstance(value, str) else value)}
        spans = value if name == "entities" else [value] if value else []
        return {(int(each["start"]), int(each["end"]), str(each.get("label", ""))) for each in spans}
    except (TypeError, KeyError, ValueError, AttributeError):
        expected = {
            "labels": "a list of labels",
            "entities": "a list of objects with start, end and label",
            "span": "an object with start and end",
        }
        raise ValueError(f"gold_{name} is {json.dumps(value)}, expected {expected[name]}") from None
