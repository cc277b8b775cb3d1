"""Builds the reference distributions that a bundle carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from glossator.service.bundle.reference import Histogram, Reference


def make_reference(
    rows: int, label_counts: Mapping[str, int], tokens: Sequence[int], confidence: ArrayLike
) -> Reference:
    """Return the distributions of labels, text lengths and confidence that drift is measured against.

    Args:
        rows: The number of training rows.
        label_counts: The training rows of each label.
        tokens: The length of each text in tokens.
        confidence: The confidence of each answer, from 0 to 1.
    """
    edges_wanted = np.round(np.geomspace(1, max([2, *tokens]) + 1, 20))
    counts, edges = np.histogram(tokens, bins=np.unique([0, *edges_wanted]))  # a text may have no tokens
    confidence_counts, confidence_edges = np.histogram(np.asarray(confidence), bins=20, range=(0.0, 1.0))
    return Reference(
        rows=rows,
        label_counts=dict(label_counts),
        tokens=Histogram(edges=edges.tolist(), counts=counts.tolist()),
        confidence=Histogram(edges=confidence_edges.tolist(), counts=confidence_counts.tolist()),
    )
