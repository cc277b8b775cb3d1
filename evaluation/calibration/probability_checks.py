"""Checks that an array holds probabilities of the labels of a task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import InputError
from glossator.service.tasks.encoded import Floats

_SUM_TOLERANCE = 1e-3  # probabilities computed in bfloat16 add up to 1 no better than this


def check_probabilities(
    probabilities: Floats, shape: tuple[int, int], *, single_label: bool = False
) -> NDArray[np.float64]:
    """Return the probabilities as float64, `(rows, labels)`.

    Raises InputError if the shape differs, a number is NaN or outside 0 to 1, or, with `single_label`, a row does not
    add up to 1. With logits or sigmoids passed by mistake, a calibration error would be meaningless.
    """
    checked = np.asarray(probabilities, dtype=np.float64)
    if checked.shape != shape:
        raise InputError(
            "the probabilities do not match the gold labels",
            found=f"an array of shape {checked.shape}",
            expected=f"one row per labelled row and one column per label: {shape}",
        )
    outside = ~((checked >= 0.0) & (checked <= 1.0))  # NaN compares false with both
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise InputError(
            "the array holds numbers that are not probabilities",
            found=f"{checked[row, column]} in row {row}, column {column}; {int(outside.sum()):,} such numbers in total",
            expected="numbers from 0 to 1",
            hint="Pass the output of glossator.service.tasks.text_classification.probabilities, not logits.",
        )
    totals = checked.sum(axis=1)
    if single_label and np.abs(totals - 1.0).max(initial=0.0) > _SUM_TOLERANCE:
        row = int(np.abs(totals - 1.0).argmax())
        raise InputError(
            "the probabilities of a single-label row do not add up to 1",
            found=f"{totals[row]:.4f} in row {row}",
            expected="a softmax over the labels",
            hint="Check `problem_type`: these look like independent sigmoids (multi-label).",
        )
    return checked
