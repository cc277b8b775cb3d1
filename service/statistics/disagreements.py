"""Is a challenger better? Only the texts on which it disagrees with the champion need a review.

Both models answered a number of texts. Where they agree, the difference d is 0, and no review is needed; where they
disagree, a review says d: +1 (only the challenger is right), -1 (only the champion is), 0 (both or neither). The texts
are put into random order, and the disagreements are reviewed in this order. Wanted: the mean of d over all texts, which
is the difference of the accuracies.

Two tests, which bet against the same statement about that mean (an e-process: if the statement is true, the capital of
the gambler exceeds 1 / alpha with a probability of at most alpha, however often one looks):

- `log_e_traffic`: the mean over all texts of this kind, of which those are a sample. The gambler bets on every text, so
  texts on which the models agree count as evidence. Without this test, 20 texts without a disagreement would be proof.
- `log_e_logged`: the mean over exactly these texts, drawn without replacement: what was seen is subtracted from what
  remains (Waudby-Smith and Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020). It assumes
  nothing about where the texts come from, and is the stricter one when the kinds of texts changed meanwhile.

The statement is "the challenger is worse by more than the margin" before a promotion (`Direction` "promote"), and "the
new champion is not worse by more than the margin" after it ("roll back"; d is the new champion minus the old one).

Stakes: a multiple of what would be best if the difference was zero, capped; the capital is the mean over the multiples.
The share of disagreements, which scales the stakes, is estimated from the texts before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.confidence_sequence import Interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Direction = Literal["promote", "roll back"]

MULTIPLES: Floats = np.array([1.0, 2.0, 4.0, 8.0])
"""Of the stake that suits a difference of zero. Larger ones find larger differences sooner."""
LARGEST_STAKE = 0.9
"""Of what can be lost with one text."""
SMALLEST_SCALE = 0.0025
"""The margin by which stakes are scaled at least, a quarter of a point: with a margin of zero there would be none."""
_PRIOR_DISAGREEMENTS, _PRIOR_TEXTS = 1.0, 20.0
_STEPS = 40
_FEWEST_REVIEWS = 30
"""From this number of reviews on, the forecast rests on them, not on the assumption that both models are equal."""
_MOST_REVIEWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Texts that both models answered, in random order, and the reviews of the first disagreements among them.

    Several samples, such as those of successive weeks, are combined. `disagreements`: of all texts, reviewed or not.
    """

    texts: int
    disagreements: int
    positions: Ints
    """The place of each reviewed disagreement in the random order of the texts, ascending `(reviewed,)`."""
    outcomes: Floats
    """d of each reviewed disagreement: -1, 0 or 1 `(reviewed,)`."""
    next_position: int
    """The place of the first disagreement that is not reviewed; `texts` if there is none."""

    def __post_init__(self) -> None:
        places = np.concatenate([[-1], self.positions, [self.next_position]])
        if (
            bool((np.diff(places) <= 0).any())
            or not len(self.positions) == len(self.outcomes) <= self.disagreements <= self.texts
            or self.next_position > self.texts
            or not (np.abs(self.outcomes) * (1.0 - np.abs(self.outcomes)) == 0.0).all()
        ):
            raise ValueError("reviewed disagreements must be the first ones of the sample, each -1, 0 or 1")


@dataclass(frozen=True, slots=True)
class Question:
    """The statement to refute, and the probability of refuting it although it is true.

    `margin`: a share of all texts; 0.005 is half a point.
    """

    direction: Direction
    margin: float
    alpha: float

    @property
    def sign(self) -> float:
        """With d times this, the statement is "the mean is at most `bound`"."""
        return 1.0 if self.direction == "promote" else -1.0

    @property
    def bound(self) -> float:
        """The largest mean that the statement allows."""
        return -self.sign * self.margin

    @property
    def scale(self) -> float:
        """By which stakes are scaled."""
        return max(self.margin, SMALLEST_SCALE)


def log_e_traffic(samples: Sequence[Sample], question: Question) -> float:
    """Return the logarithm of the e-value against the statement about all texts of this kind."""
    return _total([_traffic(each, question.sign, question.bound, question.scale) for each in samples])


def log_e_logged(samples: Sequence[Sample], question: Question) -> float:
    """Return the logarithm of the e-value against the statement about exactly these texts; infinite if it is refuted.

    With several samples, the statement is that it holds in each of them: the e-values are multiplied.
    """
    return _total([_logged(each, question.sign, question.bound, question.scale) for each in samples])


def log_e(samples: Sequence[Sample], question: Question) -> float:
    """Return the smaller one of the two: what the decision needs, because both statements must be refuted."""
    return min(log_e_traffic(samples, question), log_e_logged(samples, question))


def log_e_path(sample: Sample, question: Question) -> Floats:
    """Return `log_e` of one sample before the first review and after each one `(reviewed + 1,)`."""
    bets = [each(sample, question.sign, question.bound, question.scale) for each in (_traffic, _logged)]
    paths = [np.logaddexp.reduce(each.cumsum(axis=1), axis=0) - math.log(len(MULTIPLES)) for each in bets]
    return np.asarray(np.minimum(*paths))


def is_refuted(samples: Sequence[Sample], question: Question) -> bool:
    """Return whether both e-values are at least 1 / alpha."""
    return log_e(samples, question) >= -math.log(question.alpha)


def traffic_interval(samples: Sequence[Sample], *, margin: float, alpha: float) -> Interval:
    """Return where the difference over all texts of this kind is, with probability 1 - alpha at all times together.

    The margin only chooses the stakes: the interval is narrowest for differences of about this size.
    """
    scale = max(margin, SMALLEST_SCALE)
    return _interval(lambda sign, bound: _total([_traffic(each, sign, bound, scale) for each in samples]), alpha)


def logged_interval(sample: Sample, *, margin: float, alpha: float) -> Interval:
    """Return where the difference over exactly these texts is, with probability 1 - alpha at all times together."""
    scale = max(margin, SMALLEST_SCALE)
    found = _interval(lambda sign, bound: _total([_logged(sample, sign, bound, scale)]), alpha)
    open_texts = sample.disagreements - len(sample.outcomes)
    total = float(sample.outcomes.sum())
    texts = max(1, sample.texts)
    return Interval(max(found.low, (total - open_texts) / texts), min(found.high, (total + open_texts) / texts))


def best_estimate(samples: Sequence[Sample]) -> float | None:
    """Return the estimated difference: the share of disagreements times the mean of d; None without reviews."""
    reviewed = sum(len(sample.outcomes) for sample in samples)
    if not reviewed:
        return None
    share = sum(sample.disagreements for sample in samples) / sum(sample.texts for sample in samples)
    return share * sum(float(sample.outcomes.sum()) for sample in samples) / reviewed


def reviews_needed(samples: Sequence[Sample], question: Question) -> int | None:
    """Return about how many reviews in all refute the statement, if the next ones are like those so far.

    With few reviews, both models are assumed to be equally good (before a promotion). None if more of the same would
    not do, or if nothing is known.
    """
    texts = sum(sample.texts for sample in samples)
    disagreements = sum(sample.disagreements for sample in samples)
    if not disagreements:
        return None
    reviewed = np.concatenate([sample.outcomes for sample in samples]) * question.sign
    if len(reviewed) >= _FEWEST_REVIEWS:
        better, worse = float((reviewed > 0).mean()), float((reviewed < 0).mean())
    elif question.direction == "promote":
        better = worse = 0.5
    else:
        return None
    share = disagreements / texts
    stakes = np.linspace(0.0, LARGEST_STAKE / (1.0 + question.bound), 400)
    growth = (
        (1.0 - share * (better + worse)) * np.log1p(-stakes * question.bound)
        + share * better * np.log1p(stakes * (1.0 - question.bound))
        + share * worse * np.log1p(-stakes * (1.0 + question.bound))
    )
    fastest = float(growth.max())
    missing = -math.log(question.alpha) + math.log(len(MULTIPLES)) / 2.0 - max(0.0, log_e_traffic(samples, question))
    if fastest <= 1e-9:
        return None
    needed = len(reviewed) + math.ceil(max(0.0, missing) / fastest * share)
    return needed if needed <= _MOST_REVIEWS else None


def share_of_alpha(alpha: float, number: int) -> float:
    """Return what the challenger with this number, from 1 on, may spend: the shares of all numbers add up to alpha."""
    return alpha * 6.0 / (math.pi * number) ** 2


def _traffic(sample: Sample, sign: float, bound: float, scale: float) -> Floats:
    """Return the logarithm of what multiplies the capital of each multiple `(multiples, reviewed + 1)`.

    The first column are the texts before the first disagreement, the others a reviewed one and the texts behind it.
    """
    ends = np.append(sample.positions, sample.next_position)
    starts = np.concatenate([[0], sample.positions + 1])
    shares = (np.arange(len(ends)) + _PRIOR_DISAGREEMENTS) / (starts + _PRIOR_TEXTS)
    stakes = _stakes(scale / shares, bound)  # (multiples, reviewed + 1)
    factors = (ends - starts) * np.log1p(-stakes * bound)
    factors[:, 1:] += np.log1p(stakes[:, :-1] * (sign * sample.outcomes - bound))
    return np.asarray(factors)


def _logged(sample: Sample, sign: float, bound: float, scale: float) -> Floats:
    """Return the same for the other test; infinite from where on the statement is impossible."""
    outcomes = sign * sample.outcomes
    seen = np.concatenate([[0.0], np.cumsum(outcomes)])
    remaining = sample.disagreements - np.arange(len(outcomes) + 1)
    allowed = bound * sample.texts - seen  # the largest sum of the remaining ones
    factors = np.zeros((len(MULTIPLES), len(outcomes) + 1))
    if len(outcomes):
        means = np.maximum(allowed[:-1] / remaining[:-1], -1.0)
        stakes = _stakes(np.full(len(outcomes), scale * sample.texts / sample.disagreements), means)
        factors[:, 1:] = np.log1p(np.maximum(stakes * (outcomes - means), -LARGEST_STAKE))
    impossible = allowed < -remaining - 1e-9 * sample.texts
    factors[:, impossible.argmax() if impossible.any() else len(outcomes) + 1 :] = np.inf
    return factors


def _total(factors: Sequence[Floats]) -> float:
    """Return the logarithm of the capital after all bets of all samples."""
    return _log_mean_exp(np.sum([each.sum(axis=1) for each in factors], axis=0)) if factors else 0.0


def _stakes(unit: Floats, bound: Floats | float) -> Floats:
    """Return what each multiple stakes, at most `LARGEST_STAKE` of what can be lost `(multiples, bets)`."""
    return np.minimum(MULTIPLES[:, np.newaxis] * unit, LARGEST_STAKE / np.maximum(1.0 + bound, 1e-12))


def _interval(log_capital: Callable[[float, float], float], alpha: float) -> Interval:
    """Return the means that the capital does not speak against; it falls with the mean."""
    limit = math.log(2.0 / alpha)

    def smallest(sign: float) -> float:
        low, high = -1.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2.0
            low, high = (low, middle) if log_capital(sign, middle) < limit else (middle, high)
        return low

    return Interval(smallest(1.0), -smallest(-1.0))


def _log_mean_exp(values: Floats) -> float:
    top = float(values.max())
    return top if math.isinf(top) else top + math.log(float(np.exp(values - top).mean()))
