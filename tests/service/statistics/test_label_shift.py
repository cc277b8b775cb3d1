"""The new shares against simulations with known shares, and against a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from glossator.service.statistics.label_shift import estimate_label_shift, fit_shares

Floats = NDArray[np.float64]
CENTRES = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
OLD = np.array([0.5, 0.3, 0.2])
NEW = np.array([0.1, 0.2, 0.7])


def texts(shares: Floats, count: int, seed: int) -> tuple[Floats, NDArray[np.intp]]:
    """Points of three normal distributions: the probability of each label under OLD, which is exactly calibrated."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(len(shares), size=count, p=shares)
    points = CENTRES[labels] + generator.normal(size=(count, 2))
    density = np.exp(-0.5 * ((points[:, np.newaxis] - CENTRES) ** 2).sum(axis=2)) * OLD
    return density / density.sum(axis=1, keepdims=True), labels


def test_the_shares_are_the_maximum_that_another_optimiser_finds() -> None:
    probability, _ = texts(NEW, 400, 1)
    ratios = probability / OLD

    def loss(free: Floats) -> float:
        shares = np.exp(np.append(free, 0.0))
        return -float(np.log(ratios @ (shares / shares.sum())).mean())

    best = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    expected = np.exp(np.append(best.x, 0.0))
    found = fit_shares(ratios, np.full((400, 1), 1 / 400), OLD[:, np.newaxis], steps=5_000, close=1e-10)
    assert found[:, 0] == pytest.approx(expected / expected.sum(), abs=1e-4)


def test_new_shares_and_their_accuracy_are_found() -> None:
    probability, labels = texts(NEW, 3_000, 2)
    found = estimate_label_shift(probability, OLD)
    for share, true in zip(found.shares, NEW, strict=True):
        assert share.value == pytest.approx(true, abs=0.04)
        assert share.low <= share.value <= share.high
    true_accuracy = float((probability.argmax(axis=1) == labels).mean())
    assert found.accuracy.value == pytest.approx(true_accuracy, abs=0.03)
    believed = float(probability.max(axis=1).mean())
    assert abs(believed - true_accuracy) > 0.05  # the confidences alone are wrong after the change
    reweighted = probability / OLD * NEW
    best = float((reweighted.argmax(axis=1) == labels).mean())
    assert found.adjusted.value == pytest.approx(best, abs=0.03)


def test_without_a_change_the_shares_stay() -> None:
    probability, _ = texts(OLD, 2_000, 3)
    found = estimate_label_shift(probability, OLD)
    assert [share.value for share in found.shares] == pytest.approx(OLD, abs=0.04)
    assert found.accuracy.value == pytest.approx(float(probability.max(axis=1).mean()), abs=0.02)


def test_bootstrap_intervals_mostly_cover_the_shares() -> None:
    covered = sum(
        share.low <= true <= share.high
        for seed in range(12)
        for share, true in zip(estimate_label_shift(texts(NEW, 300, 10 + seed)[0], OLD).shares, NEW, strict=True)
    )
    assert covered >= 28  # of 36; nominally 95 %


def test_a_label_that_the_reference_lacks_does_no_harm() -> None:
    probability = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]] * 30)
    found = estimate_label_shift(probability, np.array([0.5, 0.5, 0.0]))
    assert sum(share.value for share in found.shares) == pytest.approx(1.0)
    assert found.shares[2].value == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite([found.accuracy.value, found.adjusted.value]).all()
