"""The results of `glossator monitor` as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy
from glossator.service.reviews.accuracy.live_f1 import LiveF1
from glossator.service.reviews.accuracy.slices import SliceEstimate

if TYPE_CHECKING:
    from glossator.service.reviews.accuracy.monitor import Monitored
    from glossator.service.statistics.live_accuracy import Estimate


def monitored_to_json(found: Monitored) -> dict[str, Any]:
    """Return everything that was measured."""
    history = {"history": [period_to_json(each) for each in found.history]} if found.history else {}
    return accuracy_to_json(found.accuracy) | history | {"notes": found.notes, "faults": found.faults}


def accuracy_to_json(found: LiveAccuracy) -> dict[str, Any]:
    """Return what is known about a period, with its parts."""
    return period_to_json(found) | {
        "draws": found.draws,
        "waiting": found.waiting,
        "ahead": found.ahead,
        "needed_for_2_points": found.needed,
        "labels": {each.value: _part(each) for each in found.by_label},
        "slices": [{"field": each.field, "slice": each.value, **_part(each)} for each in found.slices],
        "f1": None if found.f1 is None else _f1(found.f1),
        "label_counts": {
            each.label: {"served": each.served, "gold": each.gold, "both": each.both} for each in found.label_counts
        },
    }


def period_to_json(found: LiveAccuracy) -> dict[str, Any]:
    """Return a period and its accuracy."""
    period = found.period
    return {
        "period": period.id,
        "model": period.model,
        "digest": period.digest,
        "since": period.since,
        "until": period.until,
        "answers": len(period.items),
        "confidence": 1.0 - found.alpha,
        "accuracy": _estimate(found.estimate),
        "if_calibrated": found.calibrated,
    }


def _part(found: SliceEstimate) -> dict[str, Any]:
    return {"answers": found.items, "if_calibrated": found.calibrated, **_estimate(found.estimate)}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "low": estimate.interval.low,
        "high": estimate.interval.high,
        "worst_low": estimate.worst.low,
        "worst_high": estimate.worst.high,
        "reviewed": estimate.labels,
        "skipped": estimate.skipped,
    }


def _f1(found: LiveF1) -> dict[str, Any]:
    return {
        "parts": found.parts,
        "value": found.value,
        "low": found.interval.low,
        "high": found.interval.high,
        "worst_low": found.worst.low,
        "worst_high": found.worst.high,
        "texts": found.texts,
        "without_gold": found.without_gold,
        "over_limit": found.over_limit,
    }
