"""Temperature scaling: one number that makes the probabilities of a single-label model honest.

Follows Guo et al., On Calibration of Modern Neural Networks (2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEMPERATURE_RANGE = (0.25, 4.0)
"""A few rows that are all right, or all wrong, would otherwise drive the temperature to 0 or to infinity."""


def fit_temperature(gold: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    """Return the temperature that makes these rows most likely; both arrays are `(rows, labels)`.

    Logits are divided by it before softmax, so it never changes a decision. Fit it on validation rows.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[gold].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURE_RANGE), method="bounded").x))
