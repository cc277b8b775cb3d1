"""Figures as text: values with their ranges."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

Figures = dict[str, str]


class Interval(NamedTuple):
    """A value and its range: the median of rounds or the mean over seeds with the lowest and the highest; or a 95 %
    interval."""

    value: float
    low: float
    high: float


def rounds(values: Iterable[float]) -> Interval:
    """The median and the range of repeated measurements."""
    found = list(values)
    return Interval(statistics.median(found), min(found), max(found))


def means(values: Iterable[float]) -> Interval:
    """The mean and the range over seeds."""
    found = list(values)
    return Interval(statistics.fmean(found), min(found), max(found))


def ratio(above: Iterable[float], below: Iterable[float]) -> Interval:
    """The ratio of two measurements that took turns: round by round, then the median and the range."""
    return rounds(one / other for one, other in zip(above, below, strict=True))


def interval(metric: Mapping[str, float]) -> Interval:
    """A stored `{value, low, high}`."""
    return Interval(metric["value"], metric["low"], metric["high"])


def ranged(name: str, found: Interval, form: str) -> Figures:
    """Two figures: NAME is the value alone, NAME.range adds the range. `form` is a format such as `.2f`."""
    value, low, high = (format(number, form) for number in found)
    return {name: value, f"{name}.range": f"{value} ({low} to {high})"}
