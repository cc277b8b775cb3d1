"""Compares a graph with the PyTorch checkpoint: logits, decisions and the task's metric, on real texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.task_calibration import calibrate_task
from glossator.evaluation.metrics.task_metrics import compare_headline, task_metrics
from glossator.evaluation.statistics.noninferiority import (
    compare_accuracies,
    compare_macro_f1,
    paired_proportions_interval,
)
from glossator.modeling.labelled_rows import LabelledRows, indicator
from glossator.service.bundle.manifest import Parity, Scheme
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.decoders import decoder
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.service.tasks.options import DEFAULTS
from glossator.service.tasks.text_classification import decide, probabilities

Values = NDArray[np.float64]

FP32_LIMIT = 1e-4
"""Largest allowed |logit difference| between the fp32 graph and PyTorch. Above it the conversion is wrong."""
INT8_MARGIN = 0.005
"""How much lower the metric may be in int8: half a point."""
_BATCH = 32
_BATCHED_ROWS = 256


def check_fp32(graph: Pipeline, reference: Sequence[Values], texts: Sequence[Text]) -> float:
    """Return the largest |logit difference| between the fp32 graph and PyTorch on `texts`.

    The graph answers all texts in planned batches, all texts in batches of 32 in their order, and the first 256 alone.

    Args:
        graph: The pipeline of the fp32 graph.
        reference: The pooled outputs of PyTorch, one array per text.
        texts: The texts.

    Raises:
        ConfigError: The difference is above FP32_LIMIT.
    """
    encoded = graph.encode_all(texts)
    difference = max(
        largest_difference(graph.pooled_outputs(encoded), reference),
        largest_difference(_in_batches(graph, encoded, _BATCH), reference),
        largest_difference(_in_batches(graph, encoded[:_BATCHED_ROWS], 1), reference[:_BATCHED_ROWS]),
    )
    if not difference <= FP32_LIMIT:
        raise ConfigError(
            "the outputs of the ONNX graph differ from those of PyTorch",
            found=f"logits differ by {difference:.3g}",
            expected=f"at most {FP32_LIMIT:g}",
            hint="This base model cannot be exported; choose a model of another family, and report this.",
        )
    return difference


def compare_with_pytorch(
    pooled: Sequence[Values],
    reference: Sequence[Values],
    rows: LabelledRows,
    encoded: Sequence[EncodedText],
    task: Task,
    *,
    scheme: Scheme,
    excluded: Sequence[str] = (),
    texts_per_second: float,
) -> Parity:
    """Compare the decisions and the metric of a graph with those of PyTorch.

    A classifier decides with thresholds fitted to its own logits on these rows: shared thresholds would favour the
    model that they were fitted to.

    Args:
        pooled: The pooled outputs of the graph, one array per input.
        reference: The pooled outputs of PyTorch, one array per input.
        rows: The labelled rows.
        encoded: The encoded inputs of the rows.
        task: The task.
        scheme: How the graph computes products.
        excluded: Tensors whose products are in fp32.
        texts_per_second: The measured speed of the graph.
    """
    margin = detectable_margin(len(rows))
    if isinstance(task, Classifier) and task.problem_type != "regression":
        gold = indicator(rows.labels, task.labels)
        graph_labels, torch_labels = (
            decide(probabilities(np.stack(each), task), calibrate_task(task, gold, np.stack(each)))
            for each in (pooled, reference)
        )
        flips = int((graph_labels != torch_labels).any(axis=-1).sum())
        if task.problem_type == "multi_label_classification":
            metric, verdict = "macro_f1", compare_macro_f1(gold, graph_labels, torch_labels, margin=margin)
        else:
            metric = "accuracy"
            verdict = compare_accuracies(
                (graph_labels == gold).all(axis=-1), (torch_labels == gold).all(axis=-1), margin=margin
            )
    else:
        task_decoder = decoder(task)
        new, old = (list(task_decoder.decode(encoded, each, DEFAULTS)) for each in (pooled, reference))
        verdict = compare_headline(rows, new, old, task, margin=margin)
        metric = task_metrics(rows, new, task).headline
        decided = [[task_decoder.summary(answer)[0] for answer in answers] for answers in (new, old)]
        flips = sum(one != other for one, other in zip(*decided, strict=True)) or verdict.flips
    return Parity(
        scheme=scheme,
        excluded=list(excluded),
        rows=len(rows),
        max_logit_difference=largest_difference(pooled, reference),
        decision_flips=flips,
        metric=metric,
        reference_value=verdict.old,
        graph_value=verdict.new,
        non_inferior=verdict.non_inferior,
        margin=margin,
        texts_per_second=texts_per_second,
    )


def largest_difference(first: Sequence[Values], second: Sequence[Values]) -> float:
    """Return the largest |difference| between two lists of arrays of the same shapes; NaN if any value is NaN."""
    return float(
        np.max([np.abs(one - other).max(initial=0.0) for one, other in zip(first, second, strict=True)], initial=0.0)
    )


def detectable_margin(rows: int) -> float:
    """Return INT8_MARGIN, or the smallest margin that this number of rows can show, whichever is larger.

    With few rows, the bound is below half a point even for a graph that is no worse. The smallest margin that they can
    show is the bound when 1 % of the rows flip (at least one in each direction), with equal gains and losses. More rows
    never widen it: half a flip counts as the middle between the two neighbouring bounds.
    """
    flips = max(1.0, rows * 0.005)
    whole = (math.floor(flips), math.floor(flips) + 1)
    bounds = [-paired_proportions_interval(each, each, max(rows, 2 * each))[0] for each in whole]
    return max(INT8_MARGIN, math.ceil(float(np.interp(flips, whole, bounds)) * 1e4) / 1e4)


def batch_difference(graph: Pipeline, texts: Sequence[Text]) -> float:
    """Return the largest |logit difference| between texts alone and the same texts in batches.

    Batches are planned, or of 32 texts in their order.
    """
    encoded = graph.encode_all(texts[:_BATCHED_ROWS])
    alone = _in_batches(graph, encoded, 1)
    together = (graph.pooled_outputs(encoded), _in_batches(graph, encoded, _BATCH))
    return max(largest_difference(each, alone) for each in together)


def _in_batches(pipeline: Pipeline, encoded: Sequence[EncodedText], size: int) -> list[Values]:
    """Return the pooled outputs of each text, `size` texts at a time in their order."""
    return [
        each
        for start in range(0, len(encoded), size)
        for each in pipeline.pooled_outputs(encoded[start : start + size])
    ]
