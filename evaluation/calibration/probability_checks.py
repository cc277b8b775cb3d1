"""The check that every measure starts with: are these numbers probabilities of these labels?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import InputError
from glossator.service.tasks.encoded import Floats

_SUM_TOLERANCE = 1e-3  # probabilities computed in bfloat16 add up to 1 no better than this


def check_probabilities(
    probabilities: Floats, shape: tuple[int, int], *, single_label: bool = False
) -> NDArray[np.float64]:
    """The same numbers as `(rows, labels)` of float64.

    Raises InputError where the shape is another, a number is NaN or outside 0 to 1, or, with `single_label`, a row
    does not add up to 1: logits and sigmoids passed by mistake would give a calibration error that means nothing.
    """
    wide = np.asarray(probabilities, dtype=np.float64)
    if wide.shape != shape:
        raise InputError(
            "the probabilities do not fit the gold labels",
            found=f"an array of shape {wide.shape}",
            expected=f"one row for each labelled row and one column for each label: {shape}",
        )
    outside = ~((wide >= 0.0) & (wide <= 1.0))  # NaN compares false with both
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise InputError(
            "these are not probabilities",
            found=f"{wide[row, column]} in row {row}, column {column}; {int(outside.sum()):,} like it in all",
            expected="numbers from 0 to 1",
            hint="Pass the output of glossator.service.tasks.text_classification.probabilities, not logits.",
        )
    totals = wide.sum(axis=1)
    if single_label and np.abs(totals - 1.0).max(initial=0.0) > _SUM_TOLERANCE:
        row = int(np.abs(totals - 1.0).argmax())
        raise InputError(
            "the probabilities of a single-label row do not add up to 1",
            found=f"{totals[row]:.4f} in row {row}",
            expected="a softmax over the labels",
            hint="Check `problem_type`: these look like independent sigmoids.",
        )
    return wide
