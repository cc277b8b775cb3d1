"""How far the newest texts of a stream are from the reference, with an interval that holds however often one looks.

Counts of the last texts are kept in chunks of CHUNK texts; the oldest chunk is replaced. Distances are computed when a
chunk is complete: a million texts have a fixed number of looks, and the error of the interval is shared by all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glossator.service.statistics.drift_bounds import Floats, dkw_width, total_variation_width
from glossator.service.statistics.drift_events import LABELS, Ints, LabelEvents, NumberEvents
from glossator.service.statistics.drift_evidence import fitting

CHUNK = 128
CHUNKS = 16
ALPHA = 0.05
"""The probability that an interval of a summary misses the distance at any time within a million texts."""
_MILLION = 1_000_000

Counts = dict[str, list[int]]
"""For each summary the counts of its bins, or of its labels."""


@dataclass(frozen=True, slots=True)
class Distance:
    """The distance of recent texts from the reference, 0 to 1, with its interval.

    Of numbers: the largest distance between the distribution functions. Of labels: the total variation if every text
    has one label, else the largest difference of the share of a label.
    """

    value: float
    low: float
    high: float
    texts: int
    """Recent texts that have the summary."""


class RecentTexts:
    """Counts of the most recent texts, at most CHUNK * CHUNKS.

    Args:
        numbers: The events of each summary that is a number.
        labels: The events of labels, if texts have labels.
    """

    def __init__(self, numbers: Mapping[str, NumberEvents], labels: LabelEvents | None) -> None:
        self._numbers = numbers
        self._labels = labels
        sizes = {name: each.bins for name, each in numbers.items()}
        if labels is not None:
            sizes[LABELS] = len(labels.names)
        self._sizes = sizes
        self._chunks = {name: np.zeros((CHUNKS, size), dtype=np.int64) for name, size in sizes.items()}
        self._texts = np.zeros(CHUNKS, dtype=np.int64)
        self._place = 0
        self.distances: dict[str, Distance] = {}
        """The distance of each summary when the last chunk was complete."""

    @property
    def texts(self) -> int:
        """The number of texts that are counted."""
        return int(self._texts.sum())

    def empty_counts(self) -> Counts:
        """Return counts of no texts."""
        return {name: [0] * size for name, size in self._sizes.items()}

    def count(self, counts: Counts, numbers: Mapping[str, float], labels: Sequence[str]) -> None:
        """Count a text."""
        for name, events in self._numbers.items():
            value = numbers.get(name)
            if value is not None and value == value:
                counts[name][events.bin_of(value)] += 1
        if self._labels is not None:
            for place in self._labels.places_of(labels):
                counts[LABELS][place] += 1

    def add(self, counts: Mapping[str, Ints], texts: int) -> None:
        """Add the counts of some texts. CHUNK must be a multiple of their number."""
        for name, found in counts.items():
            self._chunks[name][self._place] += found
        self._texts[self._place] += texts
        if self._texts[self._place] >= CHUNK:
            self.distances = {name: self._distance(name) for name in self._sizes}
            self._place = (self._place + 1) % CHUNKS
            self._texts[self._place] = 0
            for chunks in self._chunks.values():
                chunks[self._place] = 0

    def counts(self, name: str) -> Ints:
        """Return the counts of a summary."""
        return np.asarray(self._chunks[name].sum(axis=0))

    def newest(self, name: str, texts: int) -> tuple[Ints, int]:
        """Return the counts of a summary in about this number of newest texts, and the number: whole chunks."""
        counts, found = np.zeros(self._sizes[name], dtype=np.int64), 0
        for back in range(CHUNKS):
            if found >= texts:
                break
            place = (self._place - back) % CHUNKS
            counts += self._chunks[name][place]
            found += int(self._texts[place])
        return counts, found

    def _distance(self, name: str) -> Distance:
        alpha = ALPHA / 2.0
        looks = _MILLION / CHUNK
        counts = self.counts(name)
        if name == LABELS:
            assert self._labels is not None
            return _label_distance(self._labels, counts, self.texts, alpha / looks, alpha)
        return _number_distance(self._numbers[name], counts, alpha / looks, alpha)

    def to_state(self) -> dict[str, Any]:
        """Return the counts, as arrays."""
        return {"chunks": dict(self._chunks), "texts": self._texts, "place": self._place}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state with the same events. Raises ValueError or KeyError."""
        chunks = {name: fitting(state["chunks"][name], like) for name, like in self._chunks.items()}
        texts, place = fitting(state["texts"], self._texts), int(state["place"])
        if not 0 <= place < CHUNKS:
            raise ValueError(f"chunk {place} of {CHUNKS}")
        self._chunks, self._texts, self._place = chunks, texts, place
        if self.texts >= CHUNK:
            self.distances = {name: self._distance(name) for name in self._sizes}


def _number_distance(events: NumberEvents, counts: Ints, live_alpha: float, reference_alpha: float) -> Distance:
    texts = int(counts.sum())
    if not texts:
        return Distance(0.0, 0.0, 1.0, 0)
    width = dkw_width(texts, live_alpha) + dkw_width(events.size, reference_alpha)
    live, live_below = events.at_most(counts) / texts, events.below(counts) / texts
    value = float(np.abs(live - events.shares).max())
    # Between two points nothing is known but the values at both ends.
    at_start, at_end = np.concatenate([[0.0], live]), np.concatenate([live_below, [1.0]])
    reference_start = np.concatenate([[0.0], events.shares])
    reference_end = np.concatenate([events.shares_below, [1.0]])
    between = max(float((at_end - reference_start).max()), float((reference_end - at_start).max()))
    return Distance(value, max(0.0, value - width), min(1.0, max(value, between) + width), texts)


def _label_distance(
    events: LabelEvents, counts: Ints, texts: int, live_alpha: float, reference_alpha: float
) -> Distance:
    if not texts:
        return Distance(0.0, 0.0, 1.0, 0)
    differences: Floats = np.abs(counts / texts - events.shares)
    count = len(differences)
    if events.sets:
        value = float(differences.sum()) / 2.0
        width = total_variation_width(texts, count, live_alpha)
        width += total_variation_width(events.size, count, reference_alpha)
    else:
        value = float(differences.max())
        width = dkw_width(texts, live_alpha / count) + dkw_width(events.size, reference_alpha / count)
    return Distance(value, max(0.0, value - width), min(1.0, value + width), texts)
