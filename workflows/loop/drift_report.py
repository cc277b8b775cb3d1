"""A comparison with the reference of a model, as lines and as JSON-ready fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from glossator.service.monitoring.drift.summaries import TEXT_SUMMARIES

if TYPE_CHECKING:
    from glossator.service.monitoring.drift.comparison import DriftComparison, SummaryDrift
    from glossator.service.statistics.label_shift import Estimated
    from glossator.workflows.loop.drift_files import DriftResult

_SHOWN_LABELS = 5
_WORDS = {"drifted": "drifted", "within": "within the tolerance", "not shown": "not shown"}


def report_lines(found: DriftResult) -> Iterator[str]:
    """Yield the comparison as lines for people."""
    compared = found.comparison
    level = f"{100 * (1 - compared.alpha):g} %"
    yield f"{found.model}: {compared.texts:,} texts of {found.source}, {compared.reference_texts:,} reference texts"
    if compared.drifted:
        yield f"drifted by more than {compared.tolerance:g}: {', '.join(compared.drifted)}"
    elif all(each.verdict == "within" for each in compared.summaries):
        yield f"no drift: every summary is within {compared.tolerance:g}"
    else:
        yield f"no drift by more than {compared.tolerance:g} is shown; more texts make the intervals narrower"
    width = max(len(each.summary) for each in compared.summaries)
    for each in compared.summaries:
        distance = each.distance
        yield (
            f"  {each.summary:<{width}}  distance {distance.value:.3f} ({distance.low:.3f} to {distance.high:.3f})  "
            f"{_WORDS[each.verdict]}{_change(each)}"
        )
        if each.examples:
            yield f"  {'':<{width}}  furthest: {'; '.join(each.examples)}"
    yield f"  ({level} for all intervals together)"
    for share in compared.labels[:_SHOWN_LABELS]:
        yield f"  {share.label}: {100 * share.usual:.1f} % of the reference texts, {100 * share.now:.1f} % now"
    if len(compared.labels) > _SHOWN_LABELS:
        yield f"  and {len(compared.labels) - _SHOWN_LABELS:,} labels that changed less (JSON has them)"
    yield from _shift_lines(compared)


def _change(each: SummaryDrift) -> str:
    if each.usual is None:
        return ""
    if each.now is None:
        return "; no text has it"
    return f"; median {each.usual[1]:.4g} before, {each.now[1]:.4g} now"


def _shift_lines(compared: DriftComparison) -> Iterator[str]:
    if compared.shift is None or compared.usual_confidence is None:
        return
    yield (
        f"if only the shares of the labels have changed: accuracy {_estimated(compared.shift.accuracy)}, "
        f"in the reference {100 * compared.usual_confidence:.1f} %"
    )
    changed = [name for name in compared.drifted if name in TEXT_SUMMARIES]
    if changed:
        yield f"  but the texts have changed too ({', '.join(changed)}): it may be much lower"
    yield "  (an estimate that believes the model's confidences; glossator monitor measures the accuracy)"


def _estimated(estimate: Estimated) -> str:
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f} %)"


def drift_to_dict(found: DriftResult) -> dict[str, Any]:
    """Return the comparison as JSON-ready fields."""
    compared, shift = found.comparison, found.comparison.shift
    shares = {} if shift is None else dict(zip(found.labels, shift.shares, strict=True))
    return {
        "model": found.model,
        "digest": found.digest,
        "source": found.source,
        "texts": compared.texts,
        "unusable": found.unusable,
        "reference_texts": compared.reference_texts,
        "tolerance": compared.tolerance,
        "confidence": 1.0 - compared.alpha,
        "drifted": compared.drifted,
        "summaries": {
            each.summary: {
                "verdict": each.verdict,
                **_rounded(each.distance.value, each.distance.low, each.distance.high, first="distance"),
                "texts": each.texts,
                "reference_quantiles": each.usual,
                "quantiles": each.now,
                "examples": each.examples,
            }
            for each in compared.summaries
        },
        "labels": {
            each.label: {
                "reference": round(each.usual, 6),
                "now": round(each.now, 6),
                **({} if each.label not in shares else {"if_label_shift": _rounded(*shares[each.label])}),
            }
            for each in compared.labels
        },
        "label_shift": None
        if shift is None
        else {
            "texts": shift.texts,
            "accuracy": _rounded(*shift.accuracy),
            "accuracy_with_new_shares": _rounded(*shift.adjusted),
            "reference_accuracy": compared.usual_confidence,
        },
    }


def _rounded(value: float, low: float, high: float, *, first: str = "value") -> dict[str, float]:
    return {first: round(value, 6), "low": round(low, 6), "high": round(high, 6)}
