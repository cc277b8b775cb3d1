"""The accuracy of a deployed model: a period of logged answers, draws for review, reviews, an interval."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, Record
from glossator.service.reviews.records import Item, Period, Review

if TYPE_CHECKING:
    from pathlib import Path

    from glossator.evaluation.statistics.live_accuracy import Estimate, Population
    from glossator.service.reviews.store import ReviewStore

FEWEST_LABELS = 10
"""A label is shown with its own interval from this number of reviewed draws on."""
FEWEST_REVIEWS = 30
"""From this number of reviews on, an estimate of how many are needed is shown."""
HALF_WIDTH = 0.02
_SERVED = ("labels", "entities", "span")
_SEED = 20


@dataclass(frozen=True, slots=True)
class LabelEstimate:
    """How often the answers with one label are right. All labels together are covered with the stated probability."""

    label: str
    items: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """What is known about a period.

    `calibrated`: its accuracy if the confidences are calibrated, which needs no labels; None without confidences.
    `waiting`: drawn items that nobody has reviewed. `ahead`: reviews that do not count yet, because an earlier draw has
    none: whether an item is reviewed must not depend on what is in it.
    """

    period: Period
    estimate: Estimate
    needed: int | None
    calibrated: float | None
    by_label: list[LabelEstimate]
    draws: int
    waiting: int
    ahead: int
    alpha: float


def open_period(
    store: ReviewStore,
    log: Path,
    model: str,
    *,
    since: str | None,
    until: str,
    planned_labels: int,
    digest: str | None = None,
) -> Period:
    """Freeze the answers of a model in a time of the log as a period. The same answers make the same period.

    Args:
        store: The store of reviews.
        log: The folder of the prediction log.
        model: The name of the model.
        since: The time of the first answers, as `parse_time` returns it; None: all that are logged.
        until: The time of the first answers after the period.
        planned_labels: How many labels are planned. It decides how items are drawn.
        digest: The version of the model, or how its digest begins; None: the version that answered last.

    Raises:
        FileMissing: There is no log.
        ConfigError: No answers of the model were logged in that time, or they cannot be right or wrong.
    """
    records = list(LogReader(log, LogFilter(model=model, digest=digest, since=since, until=until)))
    if not records:
        known = sorted({str(record["model"]) for record in LogReader(log)})
        raise ConfigError(
            "no answers of this model were logged in this time",
            found=f"{model}, {since or 'the beginning'} to {until}; the log has {', '.join(known) or 'no answers'}",
            hint="Change --since or --until, or see `glossator log stats`.",
        )
    newest = max(records, key=lambda record: str(record["time"]))["digest"]
    kept = [record for record in records if record["digest"] == newest]
    if not any(name in record for record in kept for name in _SERVED):
        raise ConfigError(
            "the answers of this model cannot be right or wrong",
            found=f"{model}: scores or vectors",
            expected="a model that gives labels, entities or spans",
        )
    items = [_item(record) for record in kept]
    identity = json.dumps([model, newest, [[each.request, each.place, each.sha256] for each in items], planned_labels])
    period = Period(
        id=f"period_{hashlib.sha256(identity.encode()).hexdigest()[:24]}",
        model=model,
        digest=newest,
        since=since or str(min(record["time"] for record in kept)),
        until=until,
        created=0.0,
        planned_labels=planned_labels,
        seed=_SEED,
        items=items,
    )
    return store.add_period(period)


def draw_items(store: ReviewStore, period: Period, draws: int) -> None:
    """Draw items for review until there are that many draws. Repeating it draws the same items."""
    import numpy as np

    random = np.random.default_rng(period.seed)
    store.add_draws(period.id, _statistics(period).draw(draws, random).tolist())


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


def live_accuracy(store: ReviewStore, period: Period, *, alpha: float) -> LiveAccuracy:
    """Estimate the accuracy of a period from its reviews so far."""
    import numpy as np

    reviews, draws = store.reviews(period.id), store.draws(period.id)
    counted = next((place for place, item in enumerate(draws) if item not in reviews), len(draws))
    items = np.array(draws[:counted], dtype=np.int64)
    values = {"right": 1.0, "wrong": 0.0, "skipped": np.nan}
    correct = np.array([values[reviews[item].verdict] for item in draws[:counted]], dtype=np.float64)
    statistics = _statistics(period)
    confidences = [each.confidence for each in period.items if each.confidence is not None]
    return LiveAccuracy(
        period=period,
        estimate=statistics.estimate(items, correct, alpha=alpha),
        needed=(
            statistics.labels_needed(items, correct, half_width=HALF_WIDTH, alpha=alpha)
            if int((~np.isnan(correct)).sum()) >= FEWEST_REVIEWS
            else None
        ),
        calibrated=float(np.mean(confidences)) if confidences else None,
        by_label=list(_by_label(period, statistics, items, correct, alpha)),
        draws=len(draws),
        waiting=len({item for item in draws if item not in reviews}),
        ahead=len({item for item in draws[counted:] if item in reviews} - set(draws[:counted])),
        alpha=alpha,
    )


def _by_label(
    period: Period, statistics: Population, items: Any, correct: Any, alpha: float
) -> Iterator[LabelEstimate]:
    """Yield an estimate for each label with enough reviews, the most frequent first; alpha is divided by all labels."""
    import numpy as np

    places_of: dict[str, list[int]] = {}
    for place, each in enumerate(period.items):
        for label in set(each.labels):
            places_of.setdefault(label, []).append(place)
    for label, members_of in sorted(places_of.items(), key=lambda found: (-len(found[1]), found[0])):
        members = np.zeros(len(period.items), dtype=bool)
        members[members_of] = True
        inside = members[items]
        if int(inside.sum()) >= FEWEST_LABELS:
            places = np.cumsum(members) - 1
            part = statistics.part(members)
            estimate = part.estimate(places[items[inside]], correct[inside], alpha=alpha / len(places_of))
            yield LabelEstimate(label, len(members_of), estimate)


def _statistics(period: Period) -> Population:
    import numpy as np

    from glossator.evaluation.statistics.live_accuracy import Population, uniform_share

    confidence = [np.nan if each.confidence is None else each.confidence for each in period.items]
    return Population.planned(np.array(confidence, dtype=np.float64), uniform_share(period.planned_labels))


def _item(record: Record) -> Item:
    served = {name: record[name] for name in _SERVED if name in record}
    return Item(str(record["request"]), int(record["place"]), str(record["sha256"]), served, record.get("confidence"))


def _read_review(row: Mapping[str, Any], item: Item, number: int, reviewer: str) -> Review | None:
    right = {name: row[f"gold_{name}"] for name in _SERVED if row.get(f"gold_{name}") is not None}
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
