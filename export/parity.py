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
from glossator.service.bundle.manifest import Parity, Runtime, Scheme
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.decoders import decoder
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.service.tasks.options import DEFAULTS
from glossator.service.tasks.rating import is_rating, score_spread
from glossator.service.tasks.text_classification import decide, probabilities

Values = NDArray[np.float64]

FP32_LIMIT = 1e-4
"""Largest allowed |logit difference| between the fp32 graph and PyTorch. Above it the conversion is wrong."""
MAX_LOSS = 0.005
"""How much lower the metric may be in int8, unless another loss is given: half a point."""
AGREEMENT = "agreement"
"""The metric of rows without labels: the share of texts for which the graph decides what PyTorch decides."""
_SAME_SCORE = 0.01
_BATCH = 32
_BATCHED_ROWS = 256


def check_fp32(
    graph: Pipeline, reference: Sequence[Values], texts: Sequence[Text], *, reference_name: Runtime = "PyTorch"
) -> float:
    """Return the largest |logit difference| between the fp32 graph and the source on `texts`.

    The graph answers all texts in planned batches, all texts in batches of 32 in their order, and the first 256 alone.

    Args:
        graph: The pipeline of the fp32 graph.
        reference: The pooled outputs of the source, one array per text.
        texts: The texts.
        reference_name: What ran the source.

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
            f"the outputs of the ONNX graph differ from those of {reference_name}",
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
    max_loss: float = MAX_LOSS,
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
        max_loss: The largest loss of the metric that is accepted, as a share.
    """
    margin = max_loss
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
        # The bootstrap of other metrics sees only the differences that occurred: with few rows it would see none.
        non_inferior=verdict.non_inferior and paired_proportions_interval(0, 0, len(rows))[0] > -margin,
        margin=margin,
        showable=showable_loss(len(rows)),
        low=round(verdict.low, 6),
        texts_per_second=texts_per_second,
    )


def compare_decisions(
    pooled: Sequence[Values],
    reference: Sequence[Values],
    encoded: Sequence[EncodedText],
    task: Task,
    *,
    scheme: Scheme,
    excluded: Sequence[str] = (),
    texts_per_second: float,
    max_flips: float,
) -> Parity:
    """Compare the decisions of a graph with those of PyTorch on texts without labels; the metric is `agreement`.

    The decision of a classifier is its labels, of other tasks the answer without its scores. For vectors it is which of
    the other texts is most similar; scores are the same if they differ by at most 1 % of their range, or of the
    range of PyTorch's scores on these texts if the task sets none. `max_flips` is the largest
    share of other decisions that is accepted. The other arguments: see `compare_with_pytorch`.
    """
    same = _same_decisions(pooled, reference, encoded, task)
    verdict = compare_accuracies(same, np.ones(len(same), dtype=bool), margin=max_flips)
    return Parity(
        scheme=scheme,
        excluded=list(excluded),
        rows=len(same),
        max_logit_difference=largest_difference(pooled, reference),
        decision_flips=int((~same).sum()),
        metric=AGREEMENT,
        reference_value=1.0,
        graph_value=verdict.new,
        non_inferior=verdict.non_inferior,
        margin=max_flips,
        showable=-paired_proportions_interval(0, 0, len(same))[0],
        low=round(verdict.low, 6),
        texts_per_second=texts_per_second,
    )


def _same_decisions(
    pooled: Sequence[Values], reference: Sequence[Values], encoded: Sequence[EncodedText], task: Task
) -> NDArray[np.bool_]:
    """Return for which inputs both decide the same."""
    if task.task == "text-embedding":
        return np.equal(_nearest(np.stack(pooled)), _nearest(np.stack(reference)))
    task_decoder = decoder(task)
    decided = [
        [task_decoder.summary(answer) for answer in task_decoder.decode(encoded, each, DEFAULTS)]
        for each in (pooled, reference)
    ]
    if is_rating(task):
        one, other = (np.array([score for _, score in summaries]) for summaries in decided)
        return np.asarray(np.abs(one - other) <= _SAME_SCORE * score_spread(task, other))
    return np.array([one == other for (one, _), (other, _) in zip(*decided, strict=True)], dtype=bool)


def _nearest(vectors: Values) -> NDArray[np.intp]:
    """Return for each vector the index of the most similar other one (by cosine)."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    similar = (vectors / lengths) @ (vectors / lengths).T
    np.fill_diagonal(similar, -np.inf)
    return np.asarray(similar.argmax(axis=1))


def largest_difference(first: Sequence[Values], second: Sequence[Values]) -> float:
    """Return the largest |difference| between two lists of arrays of the same shapes; NaN if any value is NaN."""
    return float(
        np.max([np.abs(one - other).max(initial=0.0) for one, other in zip(first, second, strict=True)], initial=0.0)
    )


def detectable_margin(rows: int) -> float:
    """Return MAX_LOSS, or the smallest loss that this number of rows can rule out, whichever is larger."""
    return max(MAX_LOSS, showable_loss(rows))


def showable_loss(rows: int) -> float:
    """Return the smallest loss that this number of rows can rule out.

    With few rows, the bound is below half a point even for a graph that is as good. The smallest loss that they can
    rule out is the bound when 1 % of the rows flip (at least one in each direction), with equal gains and losses. More
    rows never widen it: half a flip counts as the middle between the two neighbouring bounds.
    """
    flips = max(1.0, rows * 0.005)
    whole = (math.floor(flips), math.floor(flips) + 1)
    bounds = [-paired_proportions_interval(each, each, max(rows, 2 * each))[0] for each in whole]
    return math.ceil(float(np.interp(flips, whole, bounds)) * 1e4) / 1e4


def batch_difference(graph: Pipeline, texts: Sequence[Text]) -> float:
    """Return the largest |logit difference| between texts alone and the same texts in batches.

    Batches are planned, or of 32 texts in their order.
    """
    _, alone, together = _alone_and_together(graph, texts)
    return max(largest_difference(each, alone) for each in together)


def count_batch_flips(graph: Pipeline, texts: Sequence[Text], *, accept_any: bool) -> int:
    """Return how many texts get another decision in a batch than alone, in planned batches or in batches of 32.

    Raises ConfigError if any does, unless `accept_any`.
    """
    encoded, alone, together = _alone_and_together(graph, texts)
    same = np.all([_same_decisions(each, alone, encoded, graph.task) for each in together], axis=0)
    flips = int((~same).sum())
    if flips and not accept_any:
        difference = max(largest_difference(each, alone) for each in together)
        raise ConfigError(
            "the answers of this int8 file depend on the other texts of a batch",
            found=f"{flips} of {len(encoded)} decisions change, logits by up to {difference:.3g}",
            expected="the same decision for a text alone and in a batch",
            hint="Leave --onnx-int8 out: in the int8 graphs that Glossator makes, no text depends on another. "
            "--precision int8 serves the file all the same, and says so.",
        )
    return flips


def _alone_and_together(
    graph: Pipeline, texts: Sequence[Text]
) -> tuple[list[EncodedText], list[Values], list[list[Values]]]:
    """Return the first encoded texts, their outputs alone, in planned batches, and in batches of 32 in their order."""
    encoded = graph.encode_all(texts[:_BATCHED_ROWS])
    together = [graph.pooled_outputs(encoded), _in_batches(graph, encoded, _BATCH)]
    return encoded, _in_batches(graph, encoded, 1), together


def _in_batches(pipeline: Pipeline, encoded: Sequence[EncodedText], size: int) -> list[Values]:
    """Return the pooled outputs of each text, `size` texts at a time in their order."""
    return [
        each
        for start in range(0, len(encoded), size)
        for each in pipeline.pooled_outputs(encoded[start : start + size])
    ]
