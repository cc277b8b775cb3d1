"""Labelled rows from what people said about logged answers: reviews and feedback, with the texts of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, Record
from glossator.service.monitoring.prediction_log.records import format_time, hash_text
from glossator.service.reviews.records import SERVED
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.offsets import offset_converter
from glossator.workflows.loop.training_rows import Origin, TrainingRow

if TYPE_CHECKING:
    from pathlib import Path

    from glossator.service.bundle.task import Task
    from glossator.service.promotion.store import PromotionStore
    from glossator.service.reviews.feedback import FeedbackStore
    from glossator.service.reviews.store import ReviewStore

ANSWER = "answer"
"""The label of an answer's span."""
NO_TEXT = "the text is not in the log"
NO_GOLD = "wrong, and the right answer was not given"
SKIPPED = "skipped by the reviewer"
OTHER_TASK = "the right answer is of another task"
BAD_SPAN = "a span is outside of its text"


class Answered(NamedTuple):
    """Which answer a statement is about."""

    request: str
    place: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What is right for a text, as one person said. `right`: labels, entities or span, in the unit of `offset_unit`;
    None if the answer that was served is right, and its record says which."""

    origin: Origin
    answered: Answered | None
    right: Mapping[str, Any] | None
    offset_unit: str | None
    text: str | None = None
    second: str | None = None


@dataclass(slots=True)
class GoldRows:
    """Rows that people labelled, the oldest first, and what could not be used.

    `unusable`: the number of statements by reason. `masked`: rows whose text was masked when it was logged.
    """

    rows: list[TrainingRow] = field(default_factory=list)
    unusable: Counter[str] = field(default_factory=Counter)
    masked: int = 0


def read_statements(
    model: str, reviews: ReviewStore, feedback: FeedbackStore, promotions: PromotionStore, unusable: Counter[str]
) -> list[Statement]:
    """Return what people said about the answers of a model, the oldest first. What says nothing about the right answer
    is counted in `unusable`."""
    found = [
        *_from_reviews(model, reviews, unusable),
        *_from_disagreements(model, promotions, unusable),
        *_from_feedback(model, feedback, unusable),
    ]
    return sorted(found, key=lambda each: (each.origin.made, each.origin.reference))


def _from_reviews(model: str, store: ReviewStore, unusable: Counter[str]) -> Iterator[Statement]:
    from glossator.service.reviews.accuracy.periods import population_of

    for period in store.periods(model):
        reviews = store.reviews(period.id)
        if not reviews:
            continue
        probabilities = population_of(period).probabilities
        for place, review in sorted(reviews.items()):
            item = period.items[place]
            if review.verdict == "skipped":
                unusable[SKIPPED] += 1
                continue
            if review.verdict == "wrong" and review.gold is None:
                unusable[NO_GOLD] += 1
                continue
            origin = Origin(
                source="review",
                reviewer=review.reviewer,
                made=format_time(review.made),
                why="drawn to measure live accuracy",
                probability=f"{float(probabilities[place]):.6g}",
                reference=f"{period.id}/{place}",
                request=item.request,
                sha256=item.sha256,
            )
            right = item.served if review.gold is None else review.gold
            yield Statement(origin, Answered(item.request, item.place), right, item.offset_unit)


def _from_disagreements(model: str, store: PromotionStore, unusable: Counter[str]) -> Iterator[Statement]:
    """Yield what reviewers of disagreements between two versions said."""
    for challenge in store.challenges(model):
        items = {
            (batch.number, place): item
            for batch in store.batches(challenge.id)
            for place, item in enumerate(batch.kept)
        }
        for key, review in sorted(store.reviews(challenge.id).items()):
            item = items[key]
            right = review.gold
            if right is None and review.verdict in ("candidate", "both"):
                right = item.candidate
            elif right is None and review.verdict == "baseline":
                right = item.baseline
            if review.verdict == "skipped" or not right or not item.sha256:
                unusable[SKIPPED if review.verdict == "skipped" else NO_GOLD] += 1
                continue
            origin = Origin(
                source="review",
                reviewer=review.reviewer,
                made=format_time(review.made),
                why="two versions disagreed",
                reference=f"{challenge.id}/{key[0]}-{key[1]}",
                request=item.request,
                sha256=item.sha256,
            )
            yield Statement(origin, Answered(item.request, item.place), right, right.get("offset_unit"))


def _from_feedback(model: str, store: FeedbackStore, unusable: Counter[str]) -> Iterator[Statement]:
    for each in store.feedback(model):
        if each.gold is None and not each.correct:
            unusable[NO_GOLD] += 1
            continue
        origin = Origin(
            source="feedback",
            reviewer=each.reviewer,
            made=format_time(each.made),
            why="given by a caller",
            reference=each.id,
            request=each.request or "",
            sha256=each.sha256,
        )
        answered = None if each.request is None else Answered(each.request, each.place or 0)
        right = each.served if each.gold is None else each.gold
        yield Statement(origin, answered, right, each.offset_unit, each.text, each.second)


def gold_rows(
    statements: Sequence[Statement],
    log: Path,
    model: str,
    task: Task,
    *,
    known: Mapping[str, TrainingRow] | None = None,
) -> GoldRows:
    """Return a labelled row for each statement whose text is known.

    Args:
        statements: What people said.
        log: The folder of the prediction log, which has the texts.
        model: The name of the model.
        task: Its task.
        known: Rows of an earlier corpus by the hash of their text: the log may have dropped the texts since.
    """
    found = GoldRows()
    records = _records(log, model, {(each.answered, each.origin.sha256) for each in statements})
    for each in statements:
        record = records.get((each.answered, each.origin.sha256), {})
        sides = _sides(each, record, (known or {}).get(each.origin.sha256))
        if sides is None:
            found.unusable[NO_TEXT] += 1
            continue
        text, second = sides
        right = each.right
        unit = each.offset_unit
        if right is None:
            right, unit = {name: record[name] for name in SERVED if name in record}, record.get("offset_unit")
        try:
            labels, spans = _gold(right, task, text if second is None else second, unit)
        except _Unusable as reason:
            found.unusable[str(reason)] += 1
            continue
        found.masked += hash_text(text if second is None else Pair(text, second)) != each.origin.sha256
        found.rows.append(TrainingRow(text, labels, second, spans, each.origin))
    return found


def _records(
    log: Path, model: str, wanted: set[tuple[Answered | None, str]]
) -> dict[tuple[Answered | None, str], Record]:
    """Return the records of answers by the answer and the hash of its text: places repeat in each chunk of a job."""
    found: dict[tuple[Answered | None, str], Record] = {}
    if wanted:
        for record in LogReader(log, LogFilter(model=model)):
            answered = Answered(str(record.get("request")), int(record.get("place", 0)))
            key = (answered, str(record.get("sha256")))
            if key in wanted:
                found[key] = record
    return found


def _sides(statement: Statement, record: Record, known: TrainingRow | None) -> tuple[str, str | None] | None:
    if statement.text is not None:
        return statement.text, statement.second
    if "text" in record:
        return str(record["text"]), record.get("second")
    return None if known is None else (known.text, known.second)


class _Unusable(Exception):
    """A statement that gives no row; the message is the reason."""


def _gold(
    right: Mapping[str, Any], task: Task, text: str, unit: str | None
) -> tuple[tuple[str, ...], tuple[GoldSpan, ...] | None]:
    """Return the labels and the spans of a row. `text`: what the spans are in. Raises _Unusable."""
    if task.task == "token-classification" and "entities" in right:
        spans = tuple(sorted(_span(each, str(each["label"]), text, unit) for each in right["entities"]))
        return tuple(sorted({span.label for span in spans})), spans
    if task.task == "question-answering" and "span" in right:
        span = right["span"]
        return ((), ()) if span is None else ((ANSWER,), (_span(span, ANSWER, text, unit),))
    if task.task in ("text-classification", "text-pair") and "labels" in right:
        given = right["labels"]
        labels = tuple(sorted({str(each) for each in ([given] if isinstance(given, str) else given)}))
        if getattr(task, "problem_type", "") == "single_label_classification" and len(labels) != 1:
            raise _Unusable(f"{len(labels)} labels, but the model gives exactly one")
        return labels, None
    raise _Unusable(OTHER_TASK)


def _span(given: Mapping[str, Any], label: str, text: str, unit: str | None) -> GoldSpan:
    start, end = int(given["start"]), int(given["end"])
    if unit not in (None, "codepoint"):
        convert = offset_converter(text, unit)  # type: ignore[arg-type]
        points = {convert(point): point for point in range(len(text) + 1)}
        if start not in points or end not in points:
            raise _Unusable(BAD_SPAN)
        start, end = points[start], points[end]
    if not 0 <= start < end <= len(text):
        raise _Unusable(BAD_SPAN)
    return GoldSpan(start, end, label)
