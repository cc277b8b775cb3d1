"""Compares texts of a file, or a period of the log, with the reference samples of a bundle."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.reference import Reference
from glossator.service.bundle.task import Classifier, Task
from glossator.service.statistics.drift_events import LABELS
from glossator.service.statistics.label_shift import MOST_TEXTS, LabelShift, estimate_label_shift
from glossator.service.statistics.sample_distance import SampleDistance, Verdict, label_distance, number_distance

EXAMPLES = 3
"""The texts that are named for a summary that has drifted."""
FEW_TEXTS = 50
"""With fewer texts, label shift is not estimated."""


@dataclass(frozen=True, slots=True)
class SummaryDrift:
    """How far one summary is from the reference.

    `texts`: texts that have it. `usual`, `now`: its 10 %, 50 % and 90 % quantiles in the reference and in the texts;
    None for labels.
    """

    summary: str
    texts: int
    distance: SampleDistance
    verdict: Verdict
    usual: tuple[float, float, float] | None
    now: tuple[float, float, float] | None
    examples: list[str]
    """The names of the texts that are furthest out, if the summary has drifted: those with the highest values if the
    quantiles have risen, else with the lowest."""


@dataclass(frozen=True, slots=True)
class LabelShares:
    """The share of the texts that were given a label: of the reference texts, and now."""

    label: str
    usual: float
    now: float


@dataclass(frozen=True, slots=True)
class DriftComparison:
    """What differs between texts and the reference. `summaries`: those that differ most first."""

    texts: int
    reference_texts: int
    tolerance: float
    alpha: float
    summaries: list[SummaryDrift]
    labels: list[LabelShares]
    shift: LabelShift | None
    """For models that give one label, with enough texts."""
    usual_confidence: float | None
    """The mean confidence in the reference: the accuracy there, if calibrated. Only together with `shift`."""

    @property
    def drifted(self) -> list[str]:
        """The summaries that are shown to be further from the reference than the tolerance."""
        return [each.summary for each in self.summaries if each.verdict == "drifted"]


class TextSample:
    """Collects the summaries, labels and probabilities of texts."""

    def __init__(self, seed: int = 0) -> None:
        self.texts = 0
        self.numbers: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.labels: Counter[str] = Counter()
        self.probabilities: list[NDArray[np.float64]] = []
        """Those of a random sample of at most MOST_TEXTS texts."""
        self._extremes: defaultdict[tuple[str, int], list[tuple[float, int, str]]] = defaultdict(list)
        """For each summary and direction, the names of the EXAMPLES texts that are furthest out."""
        self._with_probabilities = 0
        self._generator = np.random.default_rng(seed)

    def add(
        self,
        numbers: Mapping[str, float],
        labels: Sequence[str],
        probability: NDArray[np.float64] | None,
        name: str = "",
    ) -> None:
        """Add a text: its summaries, its labels, and if known the probability of each label in label order.

        `name`: by which the text is found again, as an example.
        """
        self.texts += 1
        for summary, value in numbers.items():
            self.numbers[summary].append(value)
            if name:
                self._keep_extreme(summary, value, name)
        self.labels.update(labels)
        if probability is None:
            return
        self._with_probabilities += 1
        if len(self.probabilities) < MOST_TEXTS:
            self.probabilities.append(probability)
            return
        place = int(self._generator.integers(self._with_probabilities))  # reservoir sampling (Vitter 1985)
        if place < MOST_TEXTS:
            self.probabilities[place] = probability

    def extremes(self, summary: str, *, highest: bool) -> list[str]:
        """Return the names of the texts with the highest or the lowest values of a summary, the furthest first."""
        found = self._extremes.get((summary, 1 if highest else -1), [])
        return [name for _, _, name in sorted(found, reverse=True)]

    def _keep_extreme(self, summary: str, value: float, name: str) -> None:
        for direction in (1, -1):
            kept = self._extremes[summary, direction]
            entry = (direction * value, -self.texts, name)  # of equal values, the first text
            if len(kept) < EXAMPLES:
                heapq.heappush(kept, entry)
            elif entry > kept[0]:
                heapq.heapreplace(kept, entry)


def compare_with_reference(
    reference: Reference, sample: TextSample, task: Task, *, tolerance: float, alpha: float
) -> DriftComparison:
    """Compare texts with the reference samples.

    Args:
        reference: With samples.
        sample: The texts.
        task: The task of the model.
        tolerance: The largest distance that nobody cares about, 0 to 1.
        alpha: The probability that any of the intervals is wrong: each summary gets the same part of it.
    """
    single = isinstance(task, Classifier) and task.problem_type == "single_label_classification"
    has_labels = bool(reference.predicted_counts)
    spent = alpha / (len(reference.samples) + has_labels)
    found = []
    for name, usual in reference.samples.items():
        now = sample.numbers.get(name, array("d"))
        distance = number_distance(usual, now, spent)
        verdict, before, after = distance.verdict(tolerance), _quantiles(usual), _quantiles(now)
        examples = []
        if verdict == "drifted" and before is not None and after is not None:
            examples = sample.extremes(name, highest=sum(after) > sum(before))
        found.append(SummaryDrift(name, len(now), distance, verdict, before, after, examples))
    shares = []
    if has_labels:
        distance = label_distance(
            reference.predicted_counts, reference.texts, sample.labels, sample.texts, spent, single_label=single
        )
        found.append(SummaryDrift(LABELS, sample.texts, distance, distance.verdict(tolerance), None, None, []))
        shares = [
            LabelShares(label, count / max(1, reference.texts), sample.labels[label] / max(1, sample.texts))
            for label, count in reference.predicted_counts.items()
        ]
        shares.sort(key=lambda each: -abs(each.now - each.usual))
    shift = confidence = None
    if single and reference.mean_probabilities and len(sample.probabilities) >= FEW_TEXTS:
        assert isinstance(task, Classifier)
        old = np.array([reference.mean_probabilities.get(label, 0.0) for label in task.labels])
        shift = estimate_label_shift(np.stack(sample.probabilities), old)
        confidence = float(np.mean(reference.samples["confidence"]))
    return DriftComparison(
        texts=sample.texts,
        reference_texts=reference.texts,
        tolerance=tolerance,
        alpha=alpha,
        summaries=sorted(found, key=lambda each: (-each.distance.low, -each.distance.value)),
        labels=shares,
        shift=shift,
        usual_confidence=confidence,
    )


def _quantiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if not len(values):
        return None
    low, middle, high = np.quantile(np.asarray(values), [0.1, 0.5, 0.9]).tolist()
    return low, middle, high
