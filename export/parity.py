"""A graph against the PyTorch checkpoint: logits, decisions and the task's metric, on real texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.noninferiority import non_inferior, non_inferior_macro_f1, paired_proportions_interval
from evaluation.rows import LabelledRows, indicator
from evaluation.thresholds import calibrated
from service.bundle.manifest import Parity, Scheme
from service.bundle.task import Task
from service.errors import ConfigError
from service.inference.pipeline import Pipeline
from service.tasks.text_classification import decide, probabilities

FP32_LIMIT = 1e-4
"""Largest |logit difference| between the fp32 graph and PyTorch; above it the conversion is wrong."""
INT8_MARGIN = 0.005
"""How much of the metric int8 may cost, as a share: half a point."""
_BATCH = 32
_BATCHED_ROWS = 256


def check_fp32(graph: Pipeline, reference: NDArray[np.float64], texts: Sequence[str]) -> float:
    """The largest |logit difference| of the fp32 graph over `texts`, in planned batches, in batches of 32 as they come,
    and the first 256 alone.

    `reference` holds PyTorch's pooled logits `(texts, labels)`. Raises ConfigError above FP32_LIMIT.
    """
    difference = max(
        np.abs(graph.logits(texts) - reference).max(),
        np.abs(_in_batches(graph, texts, _BATCH) - reference).max(),
        np.abs(_in_batches(graph, texts[:_BATCHED_ROWS], 1) - reference[:_BATCHED_ROWS]).max(),
    )
    if not difference <= FP32_LIMIT:
        raise ConfigError(
            "the ONNX graph does not compute what the PyTorch model computes",
            found=f"logits differ by {difference:.3g}",
            expected=f"at most {FP32_LIMIT:g}",
            way_out="This base cannot be exported faithfully; choose another family and report it.",
        )
    return float(difference)


def compare(
    logits: NDArray[np.float64],
    reference: NDArray[np.float64],
    rows: LabelledRows,
    task: Task,
    *,
    scheme: Scheme,
    excluded: Sequence[str] = (),
    texts_per_second: float,
) -> Parity:
    """How the graph's decisions and metric on `rows` compare with PyTorch's, both as pooled logits `(rows, labels)`.

    Each decides with thresholds fitted to its own logits on these rows: those fitted to one would favour it.
    """
    gold = indicator(rows.labels, task.labels)
    ours, theirs = (decide(probabilities(each, task), calibrated(task, gold, each)) for each in (logits, reference))
    margin = resolvable_margin(len(rows))
    if task.problem_type == "multi_label_classification":
        metric, verdict = "macro_f1", non_inferior_macro_f1(gold, ours, theirs, margin=margin)
    else:
        metric = "accuracy"
        verdict = non_inferior((ours == gold).all(axis=-1), (theirs == gold).all(axis=-1), margin=margin)
    return Parity(
        scheme=scheme,
        excluded=list(excluded),
        rows=len(rows),
        max_logit_difference=float(np.abs(logits - reference).max()),
        decision_flips=int((ours != theirs).any(axis=-1).sum()),
        metric=metric,
        reference_value=verdict.old,
        graph_value=verdict.new,
        non_inferior=verdict.non_inferior,
        margin=margin,
        texts_per_second=texts_per_second,
    )


def resolvable_margin(rows: int) -> float:
    """INT8_MARGIN, or the smallest margin that so few rows can show, whichever is larger.

    Few rows cannot show half a point even of a graph that is no worse: the bound is then below. The margin that they
    can show is where the bound lies when 1 % of the rows (at least one either way) flip, as many gained as lost. More
    rows never widen it: half a flip counts as the middle between the bounds beside it.
    """
    flips = max(1.0, rows * 0.005)
    whole = (math.floor(flips), math.floor(flips) + 1)
    bounds = [-paired_proportions_interval(each, each, max(rows, 2 * each))[0] for each in whole]
    return max(INT8_MARGIN, math.ceil(float(np.interp(flips, whole, bounds)) * 1e4) / 1e4)


def batch_difference(graph: Pipeline, texts: Sequence[str]) -> float:
    """The largest |logit difference| of a text alone, in planned batches, and in batches of 32 as they come."""
    texts = texts[:_BATCHED_ROWS]
    alone = _in_batches(graph, texts, 1)
    return float(
        max(
            np.abs(graph.logits(texts) - alone).max(),
            np.abs(_in_batches(graph, texts, _BATCH) - alone).max(),
        )
    )


def _in_batches(pipeline: Pipeline, texts: Sequence[str], size: int) -> NDArray[np.float64]:
    """Pooled logits `(texts, labels)`, `size` texts at a time in the order given."""
    parts = [pipeline.logits(texts[start : start + size]) for start in range(0, len(texts), size)]
    return np.concatenate(parts)
