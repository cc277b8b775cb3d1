"""Freezes logged answers as a period, and draws from it for review."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TokenClassification
from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, Record
from glossator.service.reviews.log_checks import no_answers
from glossator.service.reviews.records import FIELDS, SERVED, Item, Kind, Period, Scheme
from glossator.service.tasks.offsets import OffsetUnit, offset_converter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from glossator.service.reviews.store import ReviewStore
    from glossator.service.statistics.live_accuracy import Population

_SEED = 20
_CERTAIN = 1.0 + 1e-4
"""The largest sum of rounded probabilities of labels that exclude each other."""


def open_period(
    store: ReviewStore,
    log: Path,
    model: str,
    *,
    since: str | None,
    until: str,
    planned_labels: int,
    digest: str | None = None,
    schemes: Mapping[str, Scheme | None] | None = None,
) -> Period:
    """Freeze the answers of a model in a time of the log as a period. The same answers make the same period.

    Args:
        store: The store of reviews.
        log: The folder of the prediction log.
        model: The name of the model.
        since: The time of the first answers, as `parse_time` returns it; None: all that are logged.
        until: The time of the first answers after the period.
        planned_labels: How many labels are planned.
        digest: The version of the model, or how its digest begins; None: the version that answered last.
        schemes: By digest, what the answers of a version are made of, for versions that are at hand. By default, what
            the log shows.

    Raises:
        FileMissing: There is no log.
        ConfigError: No answers of the model were logged in that time, or they cannot be right or wrong.
    """
    records = list(LogReader(log, LogFilter(model=model, digest=digest, since=since, until=until)))
    if not records:
        raise no_answers(log, model, digest=digest, since=since, until=until)
    newest = max(records, key=lambda record: str(record["time"]))["digest"]
    kept = [record for record in records if record["digest"] == newest]
    if not any(name in record for record in kept for name in SERVED):
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
        scheme=(schemes or {}).get(newest) or observed_scheme(kept),
    )
    return store.add_period(period)


def draw_items(store: ReviewStore, period: Period, draws: int) -> None:
    """Draw items for review until there are that many draws. Repeating it draws the same items."""
    import numpy as np

    random = np.random.default_rng(period.seed)
    store.add_draws(period.id, population_of(period).draw(draws, random).tolist())


def population_of(period: Period) -> Population:
    """Return the answers of a period, with the probabilities of drawing them."""
    import numpy as np

    from glossator.service.statistics.live_accuracy import Population

    confidence = [np.nan if each.confidence is None else each.confidence for each in period.items]
    return Population.of(np.array(confidence, dtype=np.float64))


def observed_scheme(records: Sequence[Record]) -> Scheme:
    """Return what the answers of a model are made of, as far as its records show.

    A model gives one label at most if no record has more and the logged probabilities of no record sum to more than 1.
    """
    labels = {str(label) for record in records for label in record.get("labels") or ()}
    labels |= {str(each["label"]) for record in records for each in record.get("scores") or ()}
    kind: Kind = "labels"
    if any("span" in record for record in records):
        return Scheme("span")
    if any("entities" in record for record in records):
        kind = "entities"
    elif all(len(record.get("labels") or ()) <= 1 and _probability(record) <= _CERTAIN for record in records):
        kind = "label"
    return Scheme(kind, tuple(sorted(labels)))


def scheme_of(task: Task) -> Scheme | None:
    """Return what the answers of a model of this task are made of; None if they cannot be right or wrong."""
    if isinstance(task, Classifier):
        if task.problem_type == "regression":
            return None
        return Scheme("label" if task.problem_type == "single_label_classification" else "labels", tuple(task.labels))
    if isinstance(task, TokenClassification):
        return Scheme("entities", tuple(task.types))
    return Scheme("span") if isinstance(task, QuestionAnswering) else None


def _probability(record: Record) -> float:
    return sum(float(each["score"]) for each in record.get("scores") or ())


def _item(record: Record) -> Item:
    fields = {name: record[name] for name in FIELDS if record.get(name) is not None}
    served = {name: record[name] for name in SERVED if name in record}
    if record.get("offset_unit", "codepoint") != "codepoint" and "text" in record:
        text = record["second"] if "span" in record and "second" in record else record["text"]
        served, fields["offset_unit"] = _in_code_points(served, text, record["offset_unit"]), "codepoint"
    return Item(
        str(record["request"]), int(record["place"]), str(record["sha256"]), served, record.get("confidence"), fields
    )


def _in_code_points(served: Record, text: str, unit: OffsetUnit) -> Record:
    """Return an answer whose spans count code points. Their offsets in the log are in the unit of the caller."""
    convert = offset_converter(text, unit)
    points = {convert(place): place for place in range(len(text) + 1)}

    def converted(span: Record) -> Record:
        return span | {name: points.get(span[name], span[name]) for name in ("start", "end")}

    found = dict(served)
    if found.get("entities"):
        found["entities"] = [converted(each) for each in found["entities"]]
    if found.get("span"):
        found["span"] = converted(found["span"])
    return found
