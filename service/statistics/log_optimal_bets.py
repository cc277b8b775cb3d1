"""Bets on the accuracy of a population whose answers have confidences: those that grow fastest if these are right.

An item i is drawn with probability q, and its answer is right (c = 1) or not. For weights w = 1 / (N q), a number d and
numbers a with a >= 0 and a + d w >= 0 for all items, the capital of a gambler who gets a + d w c for each draw is a
martingale if the sum of q a is 1 - d m, where m is the accuracy: so are all bets that are linear in what is unknown. If
answers are right with chance g, the expected logarithm grows fastest with the a that solves

    g / (a + d w) + (1 - g) / a = 1

(log-optimal, Kelly; Gruenwald, de Heide and Koolen, "Safe testing", JRSSB 2024). So what an item may cost depends on
its confidence: a sure item that is right pays little, one that is wrong pays a lot. With chances that say nothing this
is the plain bet. Whatever the chances are worth, the bet stays a martingale; they only decide how fast it grows.

With h = (a - sum of q a) / d, whose mean is 0, the draw x = w c + h has the accuracy as its mean, and the bet is the
one of `confidence_sequence` on x, for a share that is chosen here too. One gambler for each d, and a few that use no
confidence: they lose little where the confidences are worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.statistics.confidence_sequence import SHARES, Bets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIZES: Floats = np.geomspace(0.01, 0.98, 16)
"""What gamblers with confidences would stake if all confidences were the same."""
_PLAIN = 0.1
"""The share of the capital of gamblers without confidences."""
_SURE = 0.99
"""Chances are at most this, and at least 1 - it: a model may be too sure."""
_LARGEST_STAKE = 0.99


@dataclass(frozen=True, slots=True)
class _Gambler:
    offsets: Floats
    """h of the drawn items `(draws,)`."""
    smallest: float
    stake: float


def accuracy_bets(
    confidence: Floats, probabilities: Floats, items: Ints, correct: Floats, *, downwards: bool = False
) -> Bets:
    """Return the bets that the accuracy of a population is above a candidate.

    Args:
        confidence: The confidence of each answer, 0 to 1 `(items,)`.
        probabilities: The probability that a draw takes this item `(items,)`; all above 0.
        items: The drawn items, in the order of the draws `(draws,)`.
        correct: For each draw 1 if the answer was right, 0 if not `(draws,)`.
        downwards: Bet that the accuracy with its sign changed is above a candidate.
    """
    sign = -1.0 if downwards else 1.0
    levels, level, count = _levels(confidence, probabilities)
    weights = 1.0 / (len(confidence) * probabilities[levels])
    chances = np.clip(confidence[levels], 1.0 - _SURE, _SURE)
    mean = float((chances * count).mean() * len(levels) / len(confidence))
    base = float(np.clip(mean if sign > 0 else 1.0 - mean, 1.0 - _SURE, 1.0))
    shares, drawn = probabilities[levels] * count, level[items]
    informed = [_log_optimal(chances, shares, weights, sign * size / base, drawn) for size in _SIZES]
    bound = 0.0 if sign > 0 else -float(weights.max())
    plain = [_Gambler(np.zeros(len(items)), bound, float(share)) for share in SHARES]
    capital = np.concatenate(
        [np.full(len(informed), (1.0 - _PLAIN) / len(informed)), np.full(len(plain), _PLAIN / len(plain))]
    )
    gamblers = [*informed, *plain]
    offsets = np.array([each.offsets for each in gamblers])  # (gamblers, draws)
    return Bets(
        values=sign * (correct * weights[drawn] + offsets),
        smallest=np.array([[each.smallest] for each in gamblers]),
        stakes=np.array([[each.stake] for each in gamblers]),
        weights=np.log(capital)[:, np.newaxis],
        low=min(0.0, sign),
        high=max(0.0, sign),
    )


def _levels(confidence: Floats, probabilities: Floats) -> tuple[Ints, Ints, Floats]:
    """Return one item for each kind of items, the kind of each item, and how many items each kind has.

    Items are of one kind if they have the same confidence; usually they then have the same probability too.
    """
    _, first, kind, count = np.unique(confidence, return_index=True, return_inverse=True, return_counts=True)
    if (probabilities != probabilities[first][kind]).any():
        every = np.arange(len(confidence))
        return every, every, np.ones(len(confidence))
    return first, kind, count.astype(np.float64)


def _log_optimal(chances: Floats, probabilities: Floats, weights: Floats, slope: float, items: Ints) -> _Gambler:
    """Return the log-optimal gambler whose d is `slope`.

    The arrays are of kinds of items; `probabilities` of all items of a kind together, `items` the kinds of the draws.
    """
    gains = slope * weights  # d w
    costs = ((1.0 - gains) + np.sqrt((1.0 - gains) ** 2 + 4.0 * (1.0 - chances) * gains)) / 2.0  # a
    mean = float((probabilities * costs).sum())
    smallest = float(min(costs.min(), (costs + gains).min()))
    return _Gambler(
        offsets=(costs[items] - mean) / slope,
        smallest=(smallest - mean) / abs(slope),
        stake=min(_LARGEST_STAKE, 1.0 - smallest),
    )
