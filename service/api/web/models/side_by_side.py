"""Two versions side by side, fact by fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glossator.service.api.web.models.facts import Facts, Metric
from glossator.service.api.web.models.versions import Version

_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Row:
    """One fact of both versions. `differs`: only where a difference means something."""

    name: str
    left: str
    right: str
    differs: bool


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The facts of two versions, and the labels that only one of them has."""

    rows: Sequence[Row]
    only_left: Sequence[str]
    only_right: Sequence[str]


def compare(left: Version, right: Version) -> SideBySide | None:
    """The two versions side by side; None if the files of one of them cannot be read."""
    if left.facts is None or right.facts is None:
        return None
    known_left, known_right = set(left.facts.labels), set(right.facts.labels)
    return SideBySide(
        rows=[Row(name, ours, theirs, ours != theirs) for name, ours, theirs in _pairs(left.facts, right.facts)],
        only_left=[each for each in left.facts.labels if each not in known_right],
        only_right=[each for each in right.facts.labels if each not in known_left],
    )


def _pairs(left: Facts, right: Facts) -> Iterator[tuple[str, str, str]]:
    names = list(dict.fromkeys([*(each.name for each in left.metrics), *(each.name for each in right.metrics)]))
    for name in names:
        yield name[:1].upper() + name[1:], _metric(left, name), _metric(right, name)
    yield "Rows of this evaluation", _rows(left), _rows(right)
    yield "Speed at export", _speed(left), _speed(right)
    yield "Measured on", _machine(left), _machine(right)
    yield "Size on disk", left.size, right.size
    yield "Served graph", _graph(left), _graph(right)
    yield "Labels", f"{len(left.labels):,}", f"{len(right.labels):,}"
    yield "Longest window", f"{left.max_length:,} tokens", f"{right.max_length:,} tokens"
    yield "Algorithm", left.algorithm, right.algorithm
    yield "Base model", left.base_model, right.base_model
    yield "Rows of the corpus", f"{left.training_rows:,}", f"{right.training_rows:,}"
    yield "Trained", left.trained, right.trained
    yield "Licence", left.licence or "not stated", right.licence or "not stated"


def _metric(facts: Facts, name: str) -> str:
    found: Metric | None = next((each for each in facts.metrics if each.name == name), None)
    return "not measured" if found is None else f"{found.text} ({found.interval})"


def _rows(facts: Facts) -> str:
    return f"{facts.metrics[0].rows:,} ({facts.metrics[0].split})" if facts.metrics else _UNKNOWN


def _speed(facts: Facts) -> str:
    return _UNKNOWN if facts.speed is None else f"{facts.speed:,.0f} texts a second"


def _machine(facts: Facts) -> str:
    return f"{facts.threads} threads, {facts.machine}" if facts.machine else _UNKNOWN


def _graph(facts: Facts) -> str:
    return f"{facts.precision}, with a fast model before it" if facts.has_cascade else facts.precision
