"""Are today's texts further from the reference than a stated tolerance? A test that watches a stream for ever.

A summary of a text is a number (its confidence, its length, ...) or the labels that it was given. An event of a summary
is "the value is at most x", for some values x of the reference, or "this label was given". Its probability in the
reference distribution has bounds `low` to `high` (`drift_bounds`): the reference is a sample. The null hypothesis is
that the next text, whatever came before it, has each event with a probability of `low - tolerance` to
`high + tolerance`.

Each event is tested in both directions, with one likelihood ratio for each of some alternatives. A change may begin at
any text, so the ratios of all beginnings are added (Shiryaev and Roberts; Shin, Ramdas, Rinaldo 2024, "E-detectors"):

    evidence = (evidence + n) * likelihood ratio of the next n texts

Under the null hypothesis evidence grows by at most 1 for each text on average, and so does the weighted mean over the
tests of a summary. By Ville's inequality the probability that it exceeds c within N texts is at most N / c. So c is
chosen for a number of false alarms for each million texts. That holds for every length of the stream, and the delay of
an alarm does not depend on how long the stream has been watched. Several streams, as of replicas, need no correction:
false alarms are counted for each million texts of all of them.

The state has a fixed size. The order of texts within a block of BLOCK texts does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from glossator.service.statistics.drift_bounds import Floats, share_bounds
from glossator.service.statistics.drift_events import LABELS, Ints, LabelEvents, NumberEvents
from glossator.service.statistics.drift_evidence import Evidence, fitting
from glossator.service.statistics.recent_distance import Distance, RecentTexts

BLOCK = 32
"""Texts that are tested together."""
MILLION = 1_000_000
SET_TEXTS = 256
"""The sets of frequent labels are chosen again after this number of texts."""
SET_SOURCE = 512
"""The newest texts that they are chosen from."""
SET_SHARES = (0.5, 0.8, 0.95)
"""Shares of these texts that the sets cover."""
_FACTOR = 1e3
"""Evidence is capped near this multiple of the threshold. An alarm ends when it is below the threshold by as much."""
STATE_FORMAT = 1
_SHOWN = 5
"""Labels of a set that are named."""


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """What counts as drift.

    `tolerance`: the largest difference of the share of texts with an event that nobody cares about. `false_alarms`: how
    many may be expected in a million texts, of all summaries together. `reference_alpha`: the probability that the
    reference is a sample so unusual that this does not hold.
    """

    tolerance: float = 0.1
    false_alarms: float = 0.005
    reference_alpha: float = 0.005


@dataclass(frozen=True, slots=True)
class Alarm:
    """A summary has drifted by more than the tolerance.

    `since` and `raised` are numbers of texts before the change and before the alarm, the times are in seconds since
    1970. `event` is what `direction` texts have; `reference` and `recent` are the shares of texts that have it, in the
    reference and since about the change.
    """

    summary: str
    since: int
    since_time: float
    raised: int
    raised_time: float
    event: str
    direction: Literal["more", "fewer"]
    at: float | None
    """The value that the event is about; None for labels."""
    labels: tuple[str, ...]
    """The labels that the event is about; empty for numbers."""
    reference: float
    recent: float


class Change(NamedTuple):
    """An alarm has begun or ended."""

    alarm: Alarm
    began: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one summary now."""

    summary: str
    texts: int
    """Texts so far."""
    alarm: Alarm | None
    distance: Distance | None
    """Between recent texts and the reference; None before there are enough."""
    evidence: float
    """1 or more raises an alarm."""


class DriftTest:
    """The test of one stream. Not thread-safe.

    Args:
        samples: For each summary its values for the reference texts, in any order.
        label_counts: How many of the reference texts were given each label; empty for models without labels.
        texts: The number of reference texts.
        single_label: Every text has exactly one label.
        settings: What counts as drift.
    """

    def __init__(
        self,
        samples: Mapping[str, Sequence[float]],
        label_counts: Mapping[str, int],
        *,
        texts: int,
        single_label: bool,
        settings: DriftSettings = DriftSettings(),
    ) -> None:
        has_labels = bool(label_counts) and texts > 0
        self.settings = settings
        self.summaries = [*samples, *([LABELS] if has_labels else [])]
        alpha = settings.reference_alpha / max(1, len(self.summaries))
        self._numbers = {name: NumberEvents(values, alpha) for name, values in samples.items()}
        self._labels: LabelEvents | None = None
        self._set_bounds: Floats = np.ones(1)
        if has_labels:
            sets = len(SET_SHARES) if single_label else 0
            self._labels = LabelEvents(label_counts, texts, alpha / 2.0 if sets else alpha, sets=sets)
            if sets:  # by the number of reference texts that have a label of the set
                of_a_set = alpha / 2.0 * SET_TEXTS / MILLION / sets
                counts = np.arange(texts + 1, dtype=np.float64)
                self._set_bounds = share_bounds(counts, texts, of_a_set * len(counts)).high
        self.threshold = MILLION * max(1, len(self.summaries)) / settings.false_alarms
        """The evidence of a summary that raises an alarm."""
        self.texts = 0
        self.alarms: dict[str, Alarm] = {}
        self.recent = RecentTexts(self._numbers, self._labels)
        self._first, self._evidence = self._tests()
        self._block = self.recent.empty_counts()
        self._block_texts = 0
        self._block_time = 0.0

    def add(self, numbers: Mapping[str, float], labels: Sequence[str], time: float) -> list[Change]:
        """Add a text.

        Args:
            numbers: Its summaries. Those that the reference does not have are ignored; others may be missing.
            labels: The labels that it was given.
            time: When, in seconds since 1970.

        Returns:
            The alarms that begin or end with this text.
        """
        if not self._block_texts:
            self._block_time = time
        self.recent.count(self._block, numbers, labels)
        self._block_texts += 1
        return [] if self._block_texts < BLOCK else self._test_block(time)

    def _test_block(self, time: float) -> list[Change]:
        block = {name: np.array(counts, dtype=np.int64) for name, counts in self._block.items()}
        texts, hits = self._block_counts(block)
        self._evidence.add(
            np.concatenate([texts, texts]),
            np.concatenate([hits, texts - hits]),
            before=self.texts,
            time=self._block_time,
        )
        self.recent.add(block, self._block_texts)
        self.texts += self._block_texts
        self._block = self.recent.empty_counts()
        self._block_texts = 0
        changes = self._changes(time)
        if self._labels is not None and self._labels.sets and self.texts % SET_TEXTS == 0:
            self._labels.choose(self.recent.newest(LABELS, SET_SOURCE)[0], SET_SHARES)
            self._set_edges_of_sets(self._labels)
        return changes

    def verdicts(self) -> list[Verdict]:
        """Return what is known of each summary."""
        evidence = self._evidence.of_groups(len(self.summaries)) / self.threshold
        return [
            Verdict(name, self.texts, self.alarms.get(name), self.recent.distances.get(name), float(evidence[place]))
            for place, name in enumerate(self.summaries)
        ]

    def _tests(self) -> tuple[dict[str, int], Evidence]:
        """Return the number of the first event of each summary, and the tests.

        There are twice as many tests as events: first that an event is more frequent, then that it is less frequent.
        """
        edges: list[Floats] = []  # (2, events) of each summary, like weights
        weights: list[Floats] = []
        for numbers in self._numbers.values():
            edges.append(np.stack([numbers.bounds.high, 1.0 - numbers.bounds.low]))
            weights.append(np.full(edges[-1].shape, 0.5 / len(numbers.points)))
        if self._labels is not None:
            sets, count = self._labels.sets, len(self._labels.names)
            bounds = np.stack([self._labels.bounds.high, 1.0 - self._labels.bounds.low])
            edges.append(np.concatenate([bounds, np.ones((2, sets))], axis=1))  # there are no sets yet
            part = 0.5 if sets else 1.0
            of_sets = np.stack([np.full(sets, (1.0 - part) / max(1, sets)), np.zeros(sets)])
            weights.append(np.concatenate([np.full((2, count), part / 2.0 / count), of_sets], axis=1))
        sizes = [each.shape[1] for each in edges]
        first = dict(zip(self.summaries, np.cumsum([0, *sizes]).tolist(), strict=False))
        groups = np.repeat(np.arange(len(sizes)), sizes)
        empty = np.zeros((2, 0))
        evidence = Evidence(
            np.minimum(1.0, np.concatenate([empty, *edges], axis=1).ravel() + self.settings.tolerance),
            np.concatenate([groups, groups]),
            np.concatenate([empty, *weights], axis=1).ravel(),
            most=_FACTOR * self.threshold,
        )
        self._events = int(sum(sizes))
        return first, evidence

    def _block_counts(self, block: Mapping[str, Ints]) -> tuple[Floats, Floats]:
        """Return for each event how many texts of the block could have it, and how many do `(events,)`."""
        texts: list[Floats] = [np.zeros(0)]
        hits: list[Floats] = [np.zeros(0)]
        for name, numbers in self._numbers.items():
            hits.append(numbers.at_most(block[name]))
            texts.append(np.full(len(numbers.points), float(block[name].sum())))
        if self._labels is not None:
            given = block[LABELS].astype(np.float64)
            hits += [given, self._labels.members @ given]
            texts.append(np.full(len(given) + self._labels.sets, float(self._block_texts)))
        return np.concatenate(texts), np.concatenate(hits)

    def _changes(self, time: float) -> list[Change]:
        changes: list[Change] = []
        for group, evidence in enumerate(self._evidence.of_groups(len(self.summaries))):
            name = self.summaries[group]
            if name not in self.alarms and evidence >= self.threshold:
                self.alarms[name] = self._alarm(group, time)
                changes.append(Change(self.alarms[name], began=True))
            elif name in self.alarms and evidence < self.threshold / _FACTOR:
                changes.append(Change(self.alarms.pop(name), began=False))
                self._evidence.clear(group)
        return changes

    def _alarm(self, group: int, time: float) -> Alarm:
        name = self.summaries[group]
        test, since, since_time = self._evidence.leader(group)
        place = test % self._events - self._first[name]
        event, at, labels, reference, recent = self._describe(name, place, self.texts - since)
        return Alarm(
            summary=name,
            since=since,
            since_time=since_time,
            raised=self.texts,
            raised_time=time,
            event=event,
            direction="more" if test < self._events else "fewer",
            at=at,
            labels=labels,
            reference=reference,
            recent=recent,
        )

    def _describe(self, name: str, place: int, texts: int) -> tuple[str, float | None, tuple[str, ...], float, float]:
        """Return an event of a summary: in words, its value, its labels, its shares in the reference and recently.

        `texts`: the number of texts since the change.
        """
        counts, newest = self.recent.newest(name, texts)
        if name != LABELS:
            numbers = self._numbers[name]
            point, newest = float(numbers.points[place]), int(counts.sum())
            shares = float(numbers.shares[place]), float(numbers.at_most(counts)[place]) / max(1, newest)
            return f"{name} of at most {point:.6g}", point, (), *shares
        labels = self._labels
        assert labels is not None
        is_single = place < len(labels.names)
        members = np.arange(len(labels.names)) == place if is_single else labels.members[place - len(labels.names)]
        found = tuple(each for each, is_member in zip(labels.names, members, strict=True) if is_member)
        event = f"one of {len(found)} labels: {', '.join(found[:_SHOWN])}{', ...' if len(found) > _SHOWN else ''}"
        recent = float(counts[members].sum()) / max(1, newest)
        return found[0] if is_single else event, None, found, float(labels.shares[members].sum()), recent

    def _set_edges_of_sets(self, labels: LabelEvents) -> None:
        """Compare the sets of labels with the reference from now on."""
        counts = np.rint(labels.members @ labels.shares * labels.size).astype(np.int64)
        high = self._set_bounds[np.minimum(counts, labels.size)]
        last = np.arange(self._events - labels.sets, self._events)
        self._evidence.set_edges(last, np.minimum(1.0, high + self.settings.tolerance))

    def to_state(self) -> dict[str, Any]:
        """Return the state as a tree of arrays, numbers and texts, for `restore`."""
        return {
            "format": STATE_FORMAT,
            "texts": self.texts,
            "alarms": [asdict(each) for each in self.alarms.values()],
            "evidence": self._evidence.to_state(),
            "recent": self.recent.to_state(),
            "sets": np.zeros((0, 0)) if self._labels is None else self._labels.members.astype(np.int64),
            "block": {
                "texts": self._block_texts,
                "time": self._block_time,
                "counts": {name: np.array(each) for name, each in self._block.items()},
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a test with the same reference and settings.

        Raises ValueError, KeyError or TypeError if it is none; the test must then not be used.
        """
        if state["format"] != STATE_FORMAT:
            raise ValueError(f"format {state['format']}, expected {STATE_FORMAT}")
        block = state["block"]
        counts = {name: fitting(block["counts"][name], np.array(like)) for name, like in self._block.items()}
        self._block = {name: each.tolist() for name, each in counts.items()}
        self._block_texts, self._block_time = int(block["texts"]), float(block["time"])
        self.texts = int(state["texts"])
        if not 0 <= self._block_texts < BLOCK or self.texts % BLOCK:
            raise ValueError(f"{self.texts} texts and {self._block_texts} of a block")
        self.alarms = {each["summary"]: alarm_from_dict(each) for each in state["alarms"]}
        self._evidence.restore(state["evidence"])
        self.recent.restore(state["recent"])
        if self._labels is not None and self._labels.sets:
            self._labels.members = fitting(state["sets"], self._labels.members)
            if self._labels.members.any():
                self._set_edges_of_sets(self._labels)


def alarm_from_dict(fields: Mapping[str, Any]) -> Alarm:
    """Return the alarm whose fields `asdict` gave. Raises TypeError or KeyError."""
    return Alarm(**{**fields, "labels": tuple(fields["labels"])})
