"""Replays the golden rows of a bundle: does it still answer as when it was exported?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glossator.service.bundle import file_names
from glossator.service.bundle.golden import GoldenRow
from glossator.service.errors import EmptyText, Fault, InputError, shorten
from glossator.service.inference.encoding import is_panic
from glossator.service.tasks.options import DEFAULTS

if TYPE_CHECKING:
    from glossator.service.inference.model import Model

_SCORE_TOLERANCE = 1e-6
"""Tolerance between two ways to compute a score from the same logits, in float64."""


def replay_golden_rows(model: Model) -> list[Fault]:
    """Answer each golden row again, alone, and return the differences from its record as faults."""
    return [fault for row in model.bundle.golden for fault in _replay_row(model, row)]


def _replay_row(model: Model, row: GoldenRow) -> list[Fault]:
    where = f"{file_names.GOLDEN}: {row.name}"
    try:
        return _compare(model, row, where)
    except BaseException as error:  # a tokenizer or a graph that loads may still fail in many ways
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        return [Fault("golden-error", f"failed: {shorten(str(error))}", where)]


def _compare(model: Model, row: GoldenRow, where: str) -> list[Fault]:
    (encoded,) = model.pipeline.encode([row.input])
    if isinstance(encoded, EmptyText) and row.error is None and row.tokens == 0:
        return []  # recorded when texts without tokens still had an answer
    if isinstance(encoded, InputError) or row.error is not None:
        found = encoded.code if isinstance(encoded, InputError) else "an answer"
        expected = row.error or "an answer"
        return [] if found == expected else [Fault("golden-error", f"gave {found}, expected {expected}", where)]
    faults = []
    seen = (encoded.tokens, len(encoded.windows))
    if seen != (row.tokens, row.windows):
        what = f"saw {seen[0]} tokens in {seen[1]} windows, expected {row.tokens} in {row.windows}"
        faults.append(Fault("golden-tokens", what, where))
    (replayed,) = model.pipeline.pooled_outputs([encoded], tier=row.tier)
    recorded = np.asarray(row.logits).reshape(replayed.shape)
    difference = float(np.abs(replayed - recorded).max(initial=0.0))
    tolerance = _tolerance(model)
    if not difference <= tolerance:  # also True for NaN
        what = f"logits differ by {difference:.4g}, at most {tolerance:g} allowed"
        faults.append(Fault("golden-logits", what, where))
    # Decode the recorded logits, not the replayed ones: a text between two labels may change within the tolerance.
    decoder = model.pipeline.decoder
    labels, score = decoder.summary(decoder.decode([encoded], [recorded], DEFAULTS)[0])
    if labels != row.labels:
        ours, theirs = ", ".join(labels) or "none", ", ".join(row.labels) or "none"
        faults.append(Fault("golden-labels", f"its logits decode to {ours}, recorded as {theirs}", where))
    if not abs(score - row.score) <= _SCORE_TOLERANCE:
        what = f"its logits decode to a score of {score:.6f}, recorded as {row.score:.6f}"
        faults.append(Fault("golden-score", what, where))
    return faults


def _tolerance(model: Model) -> float:
    """Return the largest allowed difference between a logit and its record.

    Golden rows record the served graph. On another device the fp32 graph answers, which may differ by as much as export
    measured.
    """
    verification, served = model.bundle.manifest.verification, model.bundle.manifest.served
    if model.device == "cpu" or served.precision == "fp32":
        return verification.tolerance
    return verification.tolerance + verification.parity[-1].max_logit_difference
