from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from glossator.evaluation.calibration.temperature import TEMPERATURE_RANGE, fit_temperature


@given(st.floats(0.3, 3.0), st.integers(0, 100))
@settings(deadline=None)
def test_fit_temperature_recovers_the_temperature_of_the_labels(temperature: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3.0, size=(4_000, 3))
    shares = softmax(logits / temperature, axis=1)
    drawn = (shares.cumsum(axis=1) > generator.random((4_000, 1))).argmax(axis=1)
    assert fit_temperature(np.eye(3, dtype=bool)[drawn], logits) == pytest.approx(temperature, rel=0.15)


def test_fit_temperature_stays_in_its_range() -> None:
    gold = np.eye(2, dtype=bool)[[0, 1, 0]]
    logits = np.where(gold, 5.0, 0.0)
    assert fit_temperature(gold, logits) == pytest.approx(TEMPERATURE_RANGE[0], rel=0.01)
    assert fit_temperature(~gold, logits) == pytest.approx(TEMPERATURE_RANGE[1], rel=0.01)
