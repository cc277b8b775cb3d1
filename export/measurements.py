"""Measures the served graph: evaluation, speed, golden rows, and the effect of batching on the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from glossator.evaluation.analysis.leakage import RowLeakage, check_row_leakage
from glossator.evaluation.metrics.evaluate import AnyEvaluation, evaluate_with_answers
from glossator.evaluation.metrics.task_metrics import predict_rows
from glossator.evaluation.reports.entity_page import entity_page
from glossator.export.golden_rows import make_golden_rows
from glossator.export.parity import batch_difference
from glossator.modeling.labelled_rows import LabelledRows, inputs_of
from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.manifest import BatchCost, Estimate, EvaluationRecord, Kernels, Precision, Speed
from glossator.service.bundle.task import TokenClassification
from glossator.service.bundle.training_texts import TrainingTexts
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.runtime.int8_kernels import measure_kernels
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.tasks.encoded import Text

_SPEED_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured on the served graph.

    `evaluations`: by split. `entity_pages`: HTML pages with predicted and gold entities, by split; empty for tasks
    without entities. `leakage`: the test rows that the model has seen; None without test rows.
    """

    evaluations: dict[str, AnyEvaluation]
    entity_pages: dict[str, str]
    speed: Speed
    golden: list[GoldenRow]
    batch_difference: float
    leakage: RowLeakage | None


def measure_graph(
    pipeline: Pipeline,
    cost: Cost,
    validation: LabelledRows,
    test: LabelledRows | None,
    trained_on: TrainingTexts | None,
    *,
    held_out: bool,
    labelled: bool = True,
    out_of_scope: Sequence[str] = (),
) -> Measurements:
    """Measure the served graph on the validation rows and, if there are any, the test rows.

    `cost` is the batch cost of the graph on this machine. `trained_on` finds test rows that the model has
    seen; `held_out`: training held them out. `labelled`: the validation rows have labels.
    `out_of_scope` texts are compared with the rows of the last split.
    """
    splits = {"validation": validation} if labelled else {}
    if test is not None and len(test):
        splits["test"] = test
    evaluations, leakage = {}, None
    for name, rows in splits.items():
        outside = out_of_scope if rows is list(splits.values())[-1] else ()
        evaluations[name], answers = evaluate_with_answers(pipeline, rows, name=name, out_of_scope=outside)
        if name == "test" and trained_on is not None:
            leakage = check_row_leakage(trained_on, rows, answers, held_out=held_out)
    pages = {}
    if splits and isinstance(pipeline.task, TokenClassification):
        name, rows = list(splits.items())[-1]
        pages[name] = entity_page(rows, predict_rows(pipeline, rows), name=name)
    inputs = inputs_of(validation, pipeline.task)
    return Measurements(
        evaluations=evaluations,
        entity_pages=pages,
        speed=_measure_speed(pipeline, cost, inputs),
        golden=make_golden_rows(pipeline, validation),
        batch_difference=batch_difference(pipeline, inputs),
        leakage=leakage,
    )


def evaluation_record(split: str, evaluation: AnyEvaluation, precision: Precision) -> EvaluationRecord:
    """Return the manifest's record of an evaluation."""
    metrics = {
        name: Estimate(value=estimate.value, low=estimate.low, high=estimate.high)
        for name, estimate in evaluation.metrics.items()
    }
    return EvaluationRecord(split=split, rows=evaluation.rows, precision=precision, metrics=metrics)


def _measure_speed(pipeline: Pipeline, cost: Cost, texts: Sequence[Text]) -> Speed:
    """Measure the speed from text to answer.

    Takes the best of several rounds, because other work on the machine only makes a round slower.
    """
    best, tokens = np.inf, 0
    for _ in range(_SPEED_ROUNDS):
        started = time.perf_counter()
        answers = pipeline.predict(texts)
        best = min(best, time.perf_counter() - started)
        tokens = sum(answer.tokens for answer in answers if not isinstance(answer, Exception))
    machine, threads = describe_machine()
    return Speed(
        machine=machine,
        threads=threads,
        texts=len(texts),
        texts_per_second=round(len(texts) / best, 1),
        tokens_per_second=round(tokens / best, 1),
        cost=BatchCost(**asdict(cost)),
        kernels=Kernels(**asdict(measure_kernels())),
    )
