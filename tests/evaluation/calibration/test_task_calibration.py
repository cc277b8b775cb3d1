from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from glossator.evaluation.calibration.task_calibration import calibrate_task
from glossator.evaluation.calibration.thresholds import tune_thresholds
from glossator.service.bundle.task import TextClassification


def test_calibrate_task_fits_a_temperature_or_thresholds(
    single_task: Callable[..., TextClassification], multi_task: Callable[..., TextClassification]
) -> None:
    gold = np.eye(2, dtype=bool)[[0, 1] * 20]
    logits = np.where(gold, 1.0, -1.0) * np.linspace(0.5, 3.0, 40)[:, np.newaxis]
    logits[::7] *= -1.0  # some are wrong
    single = calibrate_task(single_task(["a", "b"]), gold, logits).calibration
    multi = calibrate_task(multi_task(["a", "b"], None), gold, logits).calibration
    assert single.temperature != 1.0
    assert single.thresholds is None
    assert multi.temperature == 1.0
    assert multi.thresholds == tune_thresholds(gold, expit(logits))
