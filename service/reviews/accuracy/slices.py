"""Parts of a period: the answers of a route, of a key, of short texts, of low confidence, ..."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError
from glossator.service.reviews.records import Item, Period

if TYPE_CHECKING:
    from glossator.service.reviews.accuracy.reviewed_draws import ReviewedDraws
    from glossator.service.statistics.live_accuracy import Estimate, Population

FEWEST_LABELS = 10
"""A slice is shown with its own interval from this number of reviewed draws on."""
MOST_VALUES = 20
"""The slices of one field; the rest of its values is one slice more."""
REST = "(other values)"
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class SliceEstimate:
    """How often the answers of one slice are right. `items`: its answers.

    `calibrated`: their accuracy if the confidences are calibrated; None without confidences.
    """

    field: str
    value: str
    items: int
    estimate: Estimate
    calibrated: float | None


def estimate_slices(
    period: Period, statistics: Population, reviewed: ReviewedDraws, fields: Sequence[str], *, alpha: float
) -> list[SliceEstimate]:
    """Estimate each slice of these fields that has enough reviews.

    Alpha is divided by the number of all slices, so all of their intervals together hold with probability 1 - alpha.

    Raises:
        ConfigError: There is no such field, or the period does not have it.
    """
    groups = [(field, value, members) for field in dict.fromkeys(fields) for value, members in slices_of(period, field)]
    return list(_estimates(period, statistics, reviewed, groups, alpha / max(1, len(groups))))


def estimate_labels(
    period: Period, statistics: Population, reviewed: ReviewedDraws, *, alpha: float
) -> list[SliceEstimate]:
    """Estimate the answers with each label that has enough reviews, the most frequent first; see `estimate_slices`."""
    places_of: dict[str, list[int]] = {}
    for place, each in enumerate(period.items):
        for label in set(each.labels):
            places_of.setdefault(label, []).append(place)
    ordered = sorted(places_of.items(), key=lambda found: (-len(found[1]), found[0]))
    groups = [("label", label, members) for label, members in ordered]
    return list(_estimates(period, statistics, reviewed, groups, alpha / max(1, len(groups))))


def slices_of(period: Period, field: str) -> list[tuple[str, list[int]]]:
    """Return the values of a field, and the places of their items. Raises ConfigError; see `estimate_slices`."""
    if field not in SLICES:
        raise ConfigError(
            "there is no such field to divide the answers by", found=field, expected=f"one of {', '.join(SLICES)}"
        )
    if field != "confidence" and period.items and not any(each.fields for each in period.items):
        raise ConfigError(
            "the answers of this period have no fields to divide them by",
            found=f"{field}; the period of {period.since[:10]} was frozen by an older version of Glossator",
            hint="Begin a new period (--new, or --since).",
        )
    return SLICES[field](period.items, field)


def _by_value(items: Sequence[Item], field: str) -> list[tuple[str, list[int]]]:
    """Each value is a slice, the most frequent first."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        value = item.fields.get(field)
        text = NONE if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
        places.setdefault(text, []).append(place)
    ordered = sorted(places.items(), key=lambda found: (-len(found[1]), found[0]))
    rest = sorted(place for _, found in ordered[MOST_VALUES:] for place in found)
    return [*ordered[:MOST_VALUES], *([(REST, rest)] if rest else [])]


def _by_day(items: Sequence[Item], field: str) -> list[tuple[str, list[int]]]:
    """Each day is a slice, in their order; days before the last ones are one slice."""
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(str(item.fields.get(field, NONE))[:10], []).append(place)
    ordered = sorted(places.items())
    rest = sorted(place for _, found in ordered[:-MOST_VALUES] for place in found)
    return [*([(REST, rest)] if rest else []), *ordered[-MOST_VALUES:]]


def _by_size(items: Sequence[Item], field: str) -> list[tuple[str, list[int]]]:
    """Numbers that begin with the same power of 2 are a slice: 1, 2 to 3, 4 to 7, ..."""
    places: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(int(item.fields.get(field, 0)).bit_length(), []).append(place)
    return [(_size_range(bits), found) for bits, found in sorted(places.items())]


def _size_range(bits: int) -> str:
    low, high = (1 << bits) >> 1, (1 << bits) - 1
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _by_confidence(items: Sequence[Item], _field: str) -> list[tuple[str, list[int]]]:
    """A tenth of the answers is a slice, the least certain first; fewer if many have the same confidence."""
    rounded = [None if each.confidence is None else round(each.confidence, 3) for each in items]
    known = sorted(each for each in rounded if each is not None)
    edges = sorted({known[len(known) * tenth // 10] for tenth in range(1, 10)}) if known else []
    edges = [each for each in edges if each > known[0]]
    places: dict[int, list[int]] = {}
    for place, confidence in enumerate(rounded):
        number = -1 if confidence is None else bisect_right(edges, confidence)
        places.setdefault(number, []).append(place)
    limits = [known[0], *edges, known[-1]] if known else []
    return [
        (NONE if number < 0 else f"{limits[number]:.3f} to {limits[number + 1]:.3f}", found)
        for number, found in sorted(places.items())
    ]


SLICES: dict[str, Callable[[Sequence[Item], str], list[tuple[str, list[int]]]]] = {
    "route": _by_value,
    "key": _by_value,
    "version": _by_value,
    "tier": _by_value,
    "truncated": _by_value,
    "windows": _by_size,
    "tokens": _by_size,
    "confidence": _by_confidence,
    "time": _by_day,
}
"""The fields that a period can be divided by."""


def _estimates(
    period: Period,
    statistics: Population,
    reviewed: ReviewedDraws,
    groups: Sequence[tuple[str, str, Sequence[int]]],
    alpha: float,
) -> Iterator[SliceEstimate]:
    import numpy as np

    for field, value, places in groups:
        members = np.zeros(len(period.items), dtype=bool)
        members[np.asarray(places, dtype=np.int64)] = True
        inside = members[reviewed.items]
        if int(inside.sum()) >= FEWEST_LABELS:
            numbers: Any = np.cumsum(members) - 1  # of the items in the slice
            estimate = statistics.part(members).estimate(
                numbers[reviewed.items[inside]], reviewed.correct[inside], alpha=alpha
            )
            confidences = [known for place in places if (known := period.items[place].confidence) is not None]
            yield SliceEstimate(
                field, value, len(places), estimate, sum(confidences) / len(confidences) if confidences else None
            )
