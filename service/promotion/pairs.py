"""Finds the texts that two versions answered, and freezes those on which they disagree, in random order."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glossator.service.errors import ConfigError, TextTooLong
from glossator.service.monitoring.prediction_log.decisions import decision_of
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, Record
from glossator.service.promotion.records import Batch, Challenge, Disagreement

MOST_KEPT = 2_000
"""Disagreements that a batch stores. The rest is counted; their answers are not needed."""
DECISIONS = ("labels", "entities", "span", "offset_unit")
_TEXTS = ("text", "second")
_Key = tuple[str, int, str]


class Pair(NamedTuple):
    """The answers of both versions to one text, and where its record is in the log."""

    request: str
    place: int
    sha256: str
    candidate: Mapping[str, Any]
    baseline: Mapping[str, Any]

    @property
    def disagrees(self) -> bool:
        return decision_of(self.candidate) != decision_of(self.baseline)


def read_pairs(log: Path, challenge: Challenge, *, since: str | None, until: str) -> list[Pair]:
    """Return the texts that both versions answered in a time of the log.

    Raises:
        FileMissing: There is no log.
        ConfigError: The answers cannot be right or wrong.
    """
    shadows: dict[_Key, dict[str, Any]] = {}
    wanted = LogFilter(challenge.model, challenge.shadow, since, until, role="shadow")
    for record in LogReader(log, wanted):
        _check_decides(record, challenge)
        shadows[_key(record)] = _answer(record)
    pairs = []
    for record in LogReader(log, LogFilter(challenge.model, challenge.served, since, until)) if shadows else ():
        shadow = shadows.pop(_key(record), None)  # a record that is logged twice counts once
        if shadow is None:
            continue
        _check_decides(record, challenge)
        served = _answer(record)
        candidate, baseline = (shadow, served) if challenge.direction == "promote" else (served, shadow)
        pairs.append(Pair(*_key(record), candidate, baseline))
    return pairs


def freeze(pairs: list[Pair], challenge: Challenge, number: int, *, since: str | None, until: str) -> Batch:
    """Return the batch with this number: the disagreements in random order. The same pairs give the same batch."""
    import numpy as np

    order = np.random.default_rng([challenge.seed, number]).permutation(len(pairs))
    places = [(int(position), pair) for position, pair in zip(order, pairs, strict=True) if pair.disagrees]
    places.sort(key=lambda each: each[0])
    kept = tuple(Disagreement(position, *pair) for position, pair in places[:MOST_KEPT])
    after = places[MOST_KEPT][0] if len(places) > MOST_KEPT else len(pairs)
    return Batch(number, since, until, len(pairs), len(places), after, kept)


def texts_of(
    log: Path,
    challenge: Challenge,
    wanted: Sequence[Disagreement],
    batches: Sequence[Batch],
    *,
    most_characters: int = sys.maxsize,
) -> dict[tuple[str, int], dict[str, str]]:
    """Return the texts of disagreements in these batches that the log still has, by request and place.

    Raises TextTooLong if they have more than `most_characters` together.
    """
    if not wanted:
        return {}
    starts = [batch.since for batch in batches if batch.since is not None]
    since = min(starts) if len(starts) == len(batches) else None
    served = LogFilter(challenge.model, challenge.served, since, max(batch.until for batch in batches))
    keys = {(each.request, each.place, each.sha256) for each in wanted}
    found: dict[tuple[str, int], dict[str, str]] = {}
    characters = 0
    for record in LogReader(log, served):
        if _key(record) in keys:
            request, place, _ = _key(record)
            texts = {name: str(record[name]) for name in _TEXTS if name in record}
            found[request, place] = texts
            characters += sum(map(len, texts.values()))
            if characters > most_characters:
                raise TextTooLong(
                    "the texts of these tasks are too long together",
                    expected=f"at most {most_characters:,} characters",
                    hint="Ask for fewer at once.",
                )
    return found


def _check_decides(record: Record, challenge: Challenge) -> None:
    if decision_of(record) is None:
        raise ConfigError(
            "the answers of this model cannot be right or wrong",
            found=f"{challenge.model}: scores or vectors",
            expected="a model that gives labels, entities or spans",
        )


def _key(record: Record) -> _Key:
    return str(record["request"]), int(record["place"]), str(record["sha256"])


def _answer(record: Record) -> dict[str, Any]:
    return {name: record[name] for name in DECISIONS if name in record}
