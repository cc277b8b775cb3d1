"""How the mix of labels has changed, and what accuracy that implies: maximum likelihood from calibrated probabilities.

If only the shares of the labels have changed, and the texts of each label are as before (label shift), the
probabilities of a calibrated model tell the new shares. They are the maximum of a concave likelihood, found by
expectation maximisation (Saerens, Latinne and Decaestecker 2002; with calibration by Alexandari, Kundaje and Shrikumar
2020):

    posterior of label y for text i  ~  probability(i, y) * new share(y) / old share(y)
    new share(y)                     =  mean over the texts of the posteriors

None of this is guaranteed: a new kind of text breaks the assumption. Intervals are percentiles of the bootstrap, and
measure only what a sample of this size leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_TEXTS = 4_000
"""More texts are not needed: the share of a label is then known to about a point."""
REPEATS = 100
LEVEL = 0.95
_MOST_STEPS = 500
_REPEAT_STEPS = 30
_CLOSE = 1e-8
_REPEAT_CLOSE = 1e-5
_LEAST = 1e-300
_MATRIX_PRODUCT, _VECTOR_PRODUCT = 250_000, 9_000
"""Multiplications in a product that OpenBLAS computes in one thread."""
_LONGEST = 64.0
"""The longest extrapolation, in steps."""
_SMALLEST_SHARE = 1e-4
"""Old shares below are taken as this: their ratio would be noise."""


class Estimated(NamedTuple):
    """A share with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelShift:
    """The new shares, and the accuracy that they imply.

    `shares`: of each label, in label order. `accuracy`: the mean posterior of the label that was given. `adjusted`: the
    mean posterior of the most probable label after the change: what the model would reach if it knew the new shares.
    """

    texts: int
    shares: list[Estimated]
    accuracy: Estimated
    adjusted: Estimated


def estimate_label_shift(probability: Floats, old_shares: Floats, *, seed: int = 0) -> LabelShift:
    """Return the estimate.

    Args:
        probability: The calibrated probability of each label for each text `(texts, labels)`; at least one text.
        old_shares: The share of each label where the probabilities are calibrated `(labels,)`: their mean there.
        seed: Of the bootstrap.
    """
    count = len(probability)
    ratios = probability / np.maximum(old_shares, _SMALLEST_SHARE)
    given = probability.argmax(axis=1)
    weights = np.full((count, 1), 1.0 / count)
    best = fit_shares(ratios, weights, old_shares[:, np.newaxis], steps=_MOST_STEPS, close=_CLOSE)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=REPEATS).T / count
    start = np.repeat(best, REPEATS, axis=1)
    repeated = fit_shares(ratios, drawn, start, steps=_REPEAT_STEPS, close=_REPEAT_CLOSE)
    found = _accuracies(ratios, given, best[:, 0], weights[:, 0])
    others = [_accuracies(ratios, given, repeated[:, each], drawn[:, each]) for each in range(REPEATS)]
    return LabelShift(
        texts=count,
        shares=[_estimated(float(value), each) for value, each in zip(best[:, 0], repeated, strict=True)],
        accuracy=_estimated(found[0], np.array([each[0] for each in others])),
        adjusted=_estimated(found[1], np.array([each[1] for each in others])),
    )


def fit_shares(ratios: Floats, weights: Floats, start: Floats, *, steps: int, close: float) -> Floats:
    """Return the most likely shares `(labels, fits)`.

    Expectation maximisation, accelerated by extrapolation (SQUAREM: Varadhan and Roland 2008); an extrapolation that
    lowers the likelihood is dropped.

    Args:
        ratios: Probabilities divided by the old shares `(texts, labels)`.
        weights: The weight of each text in each fit `(texts, fits)`; those of a fit sum to 1.
        start: Shares to begin with `(labels, fits)`.
        steps: The most extrapolations.
        close: Stop when the mean log-likelihood of every fit is that close to its maximum.
    """
    blocks, weighted = _blocks(ratios, weights)
    shares = _normalised(np.log(np.maximum(start, _LEAST)))
    for _ in range(steps):
        first, likelihood, gap = _maximise(blocks, weighted, shares)
        if gap <= close:
            break
        second, _, _ = _maximise(blocks, weighted, first)
        logs = [np.log(np.maximum(each, _LEAST)) for each in (shares, first, second)]
        change, bend = logs[1] - logs[0], logs[2] - 2.0 * logs[1] + logs[0]
        length = np.linalg.norm(change, axis=0) / np.maximum(np.linalg.norm(bend, axis=0), _LEAST)
        length = np.clip(length, 1.0, _LONGEST)
        extrapolated = _normalised(logs[0] + 2.0 * length * change + length**2 * bend)
        further, reached, _ = _maximise(blocks, weighted, extrapolated)
        shares = np.where(reached >= likelihood, further, second)
    return shares


def _maximise(ratios: Floats, weights: Floats, shares: Floats) -> tuple[Floats, Floats, float]:
    """Return the shares after one step `(labels, fits)`, and the mean log-likelihood before it `(fits,)`, of `_blocks`.

    Also, how far the worst fit can be from the maximum: the likelihood is concave, and its gradient tells.
    """
    density = np.maximum(ratios @ shares, _LEAST)  # (blocks, texts, fits)
    gradient: Floats = (ratios.transpose(0, 2, 1) @ (weights / density)).sum(axis=0)  # (labels, fits)
    following: Floats = shares * gradient
    likelihood = np.asarray((weights * np.log(density)).sum(axis=(0, 1)))
    return following / following.sum(axis=0), likelihood, float(gradient.max()) - 1.0


def _blocks(ratios: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the texts in blocks `(blocks, texts, labels)` and `(blocks, texts, fits)`; added texts weigh nothing.

    Products of this size run in one thread: those of several threads are far slower on a machine that is busy.
    """
    labels, fits = ratios.shape[1], weights.shape[1]
    size = max(1, min(_MATRIX_PRODUCT // (labels * fits), _VECTOR_PRODUCT // labels, len(ratios)))
    rest = -len(ratios) % size
    padded = np.pad(ratios, ((0, rest), (0, 0)), constant_values=1.0)
    return padded.reshape(-1, size, labels), np.pad(weights, ((0, rest), (0, 0))).reshape(-1, size, fits)


def _normalised(logs: Floats) -> Floats:
    shares: Floats = np.exp(logs - logs.max(axis=0))
    shares /= shares.sum(axis=0)
    return shares


def _accuracies(ratios: Floats, given: NDArray[np.intp], shares: Floats, weights: Floats) -> tuple[float, float]:
    """Return the mean posterior of the label that was given, and of the most probable label."""
    posterior = ratios * shares
    posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
    right: Floats = posterior[np.arange(len(given)), given]
    best: Floats = posterior.max(axis=1)
    return float((weights * right).sum()), float((weights * best).sum())


def _estimated(value: float, repeats: Floats) -> Estimated:
    low, high = np.quantile(repeats, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return Estimated(value, min(value, float(low)), max(value, float(high)))
