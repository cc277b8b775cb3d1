"""The road from a checkpoint to a bundle: convert, prove, quantise, prove, choose, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.task_calibration import calibrate_task, nonconformity_scores
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.evaluate import evaluate_pipeline as evaluate_predictions
from glossator.evaluation.metrics.task_metrics import predict_rows
from glossator.evaluation.reports.entity_page import entity_page
from glossator.export import parity
from glossator.export.activation_ranges import measure_ranges, strange_windows
from glossator.export.cascade import add_fast, check_fast
from glossator.export.encoder_graph import Range, write_graph
from glossator.export.encoder_weights import Encoder, read_encoder
from glossator.export.golden_rows import edge_inputs, golden_rows
from glossator.export.int8_candidates import candidates
from glossator.export.model_card import write_card
from glossator.export.torch_to_onnx import convert
from glossator.modeling.checkpoint_reader import load_model, open_pipeline, read_task
from glossator.modeling.labelled_rows import LabelledRows, indicator, inputs_of, read_rows
from glossator.service.bundle import file_names
from glossator.service.bundle.golden import dump_golden
from glossator.service.bundle.manifest import (
    BatchCost,
    CascadeRecord,
    EvaluationRecord,
    Kernels,
    Manifest,
    Parity,
    Precision,
    Scheme,
    Served,
    Speed,
    Verification,
)
from glossator.service.bundle.manifest import Estimate as RecordedEstimate
from glossator.service.bundle.names import check_model_name
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.task import Classifier, Task, TokenClassification
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import BundleInvalid
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.inference.batch_planning import Cost
from glossator.service.inference.batching import Batcher
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.model import Model, fast_tier, load_unverified, replay_golden_rows
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.runtime.batch_cost import measure_cost
from glossator.service.inference.runtime.int8_kernels import measure_kernels
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.session import Session
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.tasks.encoded import Text
from glossator.service.tasks.text_classification import probabilities

TOLERANCES: dict[Precision, float] = {"fp32": 1e-2, "int8": 0.25}
"""Largest |logit difference| allowed when golden rows are replayed. fp32 kernels sum in another order on another
processor; int8 ones also round activations differently."""

CALIBRATION_TEXTS = 1_000
SENSITIVITY_TEXTS = 128
"""How many validation texts ranges are measured on, and how many decide which products int8 hurts."""

Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export: the manifest written and how long each stage took, in seconds."""

    output: Path
    manifest: Manifest
    seconds: dict[str, float]


def export(
    checkpoint: str | Path,
    output: str | Path,
    *,
    name: str | None = None,
    test: LabelledRows | None = None,
    precision: Precision | None = None,
    fast: str | Path | None = None,
    overwrite: bool = False,
    stage: Stage = lambda _: None,
) -> Exported:
    """Writes the bundle `output` from the checkpoint folder `checkpoint`.

    The fastest int8 graph that validation shows to be non-inferior to PyTorch fp32 is served, else fp32; with
    `precision` int8 the fastest int8 graph is served however good it is. `test` (default: the test rows that travel
    with the checkpoint) is measured once, on the graph chosen. `fast` names a bundle whose graph answers what it is
    sure of, in front of the one chosen (a cascade). Raises ConfigError where the conversion is not faithful,
    and leaves nothing behind after an error.
    """
    checkpoint, output = Path(checkpoint), Path(output).absolute()  # a graph is opened from its folder or elsewhere
    name = check_model_name(
        output.resolve().name if name is None else name,
        hint="Pass another --name; without one, the model has the name of the output folder.",
    )
    task = read_task(checkpoint)
    validation = read_rows(checkpoint / file_names.VALIDATION)
    if test is None and (checkpoint / file_names.TEST).is_file():
        test = read_rows(checkpoint / file_names.TEST)
    if fast is not None:
        check_fast(read_bundle(fast), task, checkpoint / file_names.TOKENIZER)
    clock = _Clock(stage)
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        (folder / "onnx").mkdir()
        for source in sorted(checkpoint.iterdir()):
            if source.suffix in {".json", ".txt", ".model"} and source.name not in {
                file_names.TASK,
                file_names.HISTORY,
            }:
                (folder / source.name).write_bytes(source.read_bytes())

        clock.start("converting to ONNX")
        torch_model = load_model(checkpoint, task.task)
        encoder = read_encoder(torch_model, task)
        if encoder is None:
            clock.note(f"no graph is written by hand for {torch_model.config.model_type}: PyTorch's own is taken")
            convert(torch_model, task, folder / file_names.GRAPH_FP32)
        else:
            write_graph(encoder, folder / file_names.GRAPH_FP32)

        clock.start(f"comparing with PyTorch on {len(validation):,} validation rows and edge cases")
        torch_pipeline = open_pipeline(torch_model, checkpoint, task)
        inputs = inputs_of(validation, task)
        edges = edge_inputs(torch_pipeline, validation)
        texts = [*edges, *inputs]
        reference = torch_pipeline.pooled_outputs(torch_pipeline.encode_all(texts))
        with _opened(folder, file_names.GRAPH_FP32, task) as (fp32, _):
            difference = parity.check_fp32(fp32, reference, texts)
            reference = reference[len(edges) :]
            tried = [_compare(fp32, reference, validation, "fp32")]
            tried[0] = tried[0].model_copy(update={"max_logit_difference": difference})

        if precision != "fp32":
            clock.start("quantising to int8")
            ranges = {} if encoder is None else _ranges(encoder, torch_pipeline, torch_model, texts)
            sample = _spread(inputs, SENSITIVITY_TEXTS)
            for candidate in candidates(
                folder / file_names.GRAPH_FP32,
                encoder,
                ranges,
                lambda graph: np.concatenate([each.ravel() for each in _pooled(folder, graph, task, sample)]),
            ):
                candidate.write(folder / file_names.GRAPH_INT8)
                with _opened(folder, file_names.GRAPH_INT8, task) as (int8, _):
                    tried.append(_compare(int8, reference, validation, candidate.scheme, candidate.excluded))
                clock.note(_told(tried[-1]))
                if precision == "int8" or tried[-1].non_inferior:
                    break
        served = choose(tried, precision)
        if served.precision == "fp32":
            (folder / file_names.GRAPH_INT8).unlink(missing_ok=True)

        clock.start("measuring the served graph")
        pooled = _pooled(folder, served.graph, task, inputs)
        if isinstance(task, Classifier) and task.problem_type != "regression":
            task = calibrate_task(task, indicator(validation.labels, task.labels), np.stack(pooled))
        cascade = None
        if fast is not None:
            clock.start(f"fitting the gate of the fast model {fast}")
            task, cascade = _cascade(folder, Path(fast), served, task, validation, np.stack(pooled))
            clock.note(
                f"the fast model answers {cascade.share:.1%} of the validation rows: accuracy "
                f"{cascade.cascade_accuracy:.4f} against {cascade.full_accuracy:.4f}, bound {cascade.low:+.4f}"
            )
            clock.start("measuring the cascade")
        with _opened(folder, served.graph, task, measure_on=inputs, cascade=cascade) as (graph, cost):
            evaluations = {"validation": evaluate_predictions(graph, validation, name="validation")}
            if test is not None and len(test):
                evaluations["test"] = evaluate_predictions(graph, test, name="test")
            pages = {}
            if isinstance(task, TokenClassification):
                split, shown = ("validation", validation) if test is None or not len(test) else ("test", test)
                pages[split] = entity_page(shown, predict_rows(graph, shown), name=split)
            speed = _measure_speed(graph, cost, inputs)
            golden = golden_rows(graph, validation)
            batch_difference = parity.batch_difference(graph, inputs)

        clock.start("writing the bundle")
        (folder / file_names.GOLDEN).write_bytes(dump_golden(golden))
        manifest = Manifest(
            name=name,
            task=task,
            served=served,
            files={},
            evaluation=[_record(split, evaluation, served) for split, evaluation in evaluations.items()],
            verification=Verification(
                parity=tried,
                golden_rows=len(golden),
                tolerance=TOLERANCES[served.precision],
                batch_difference=batch_difference,
            ),
            speed=speed,
            cascade=cascade,
        )
        write_card(folder, manifest, evaluations, pages)
        manifest = write_manifest(folder, manifest.model_copy(update={"files": list_files(folder)}))
        clock.start("verifying")
        _verify(folder)
    clock.stop()
    return Exported(output, manifest, clock.seconds)


def choose(tried: Sequence[Parity], precision: Precision | None) -> Served:
    """Which of the graphs is served, and why: the last that was tried if it is good enough or asked for, else fp32."""
    last, *before = reversed(tried)
    if last.scheme == "fp32":
        return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason="fp32 was asked for")
    failed = [_told(each) for each in reversed(before) if each.scheme != "fp32"]
    if precision == "int8" or last.non_inferior:
        why = "int8 was asked for" if precision == "int8" else "non-inferior"
        reason = "; ".join([f"{why}: {_told(last)}", *(f"not shown to be: {each}" for each in failed)])
        return Served(graph=file_names.GRAPH_INT8, precision="int8", scheme=last.scheme, reason=reason)
    reason = f"no int8 graph is shown to be non-inferior: {'; '.join([*failed, _told(last)])}"
    return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason=reason)


def _told(parity: Parity) -> str:
    """A graph's comparison in one line."""
    kept = f" with {', '.join(parity.excluded)} in fp32" if parity.excluded else ""
    return (
        f"int8 {parity.scheme}{kept} {parity.metric} {parity.graph_value:.4f} against fp32 "
        f"{parity.reference_value:.4f} on {parity.rows:,} validation rows, {parity.decision_flips} decisions differ, "
        f"margin {parity.margin:.4f}"
    )


def _compare(
    graph: Pipeline,
    reference: Sequence[NDArray[np.float64]],
    validation: LabelledRows,
    scheme: Scheme,
    excluded: Sequence[str] = (),
) -> Parity:
    started = time.perf_counter()
    encoded = graph.encode_all(inputs_of(validation, graph.task))
    pooled = graph.pooled_outputs(encoded)
    speed = round(len(encoded) / (time.perf_counter() - started), 1)
    return parity.compare(
        pooled, reference, validation, encoded, graph.task, scheme=scheme, excluded=excluded, texts_per_second=speed
    )


def _pooled(folder: Path, graph: str | Path, task: Task, texts: Sequence[Text]) -> list[NDArray[np.float64]]:
    with _opened(folder, graph, task) as (pipeline, _):
        return pipeline.pooled_outputs(pipeline.encode_all(texts))


def _ranges(encoder: Encoder, pipeline: Pipeline, torch_model: Any, texts: Sequence[Text]) -> dict[str, Range]:
    """What the encoder's tensors hold on texts of the corpus, and on windows of random tokens."""
    encoded = pipeline.encode_all(_spread(texts, CALIBRATION_TEXTS))
    windows = [window for text in encoded for window in text.windows]
    windows += strange_windows(windows, vocabulary=torch_model.config.vocab_size)
    return measure_ranges(encoder, windows, pad_token_id=pipeline.task.encoding.pad_token_id)


def _spread(texts: Sequence[Text], count: int) -> list[Text]:
    """At most `count` texts, evenly from first to last."""
    step = max(1.0, len(texts) / count)
    return [texts[int(index * step)] for index in range(min(count, len(texts)))]


@contextmanager
def _opened(
    folder: Path,
    graph: str | Path,
    task: Task,
    *,
    measure_on: Sequence[Text] = (),
    cascade: CascadeRecord | None = None,
) -> Iterator[tuple[Pipeline, Cost]]:
    """The pipeline of one graph, of the folder or elsewhere, with the folder's tokenizer; it ends with the block.

    With texts to measure on, batches are planned by what they cost here; with a cascade its fast graph goes first.
    """
    encoder = make_encoder(folder / file_names.TOKENIZER, task)
    session = Session(folder / graph, pad_token_id=task.encoding.pad_token_id)
    with ExitStack() as stack:
        batcher = stack.enter_context(Batcher(session.run, workers=available_cpus()))
        quick = fast_tier(folder, cascade, task, available_cpus())
        if quick is not None:
            stack.enter_context(quick.batcher)
        pipeline = Pipeline(encoder, batcher, task, fast=None if quick is None else quick.tier)
        if measure_on:
            encoded = pipeline.encode_all(measure_on)
            tokens = [token for text in encoded for window in text.windows for token in window]
            batcher.cost = measure_cost(
                session.run, tokens, workers=batcher.workers, max_length=task.encoding.max_length
            )
        yield pipeline, batcher.cost


def _cascade(
    folder: Path, fast: Path, served: Served, task: Task, validation: LabelledRows, full: NDArray[np.float64]
) -> tuple[Task, CascadeRecord]:
    """The gate, and the task with nonconformity scores that are those of the cascade."""
    assert isinstance(task, Classifier)
    inputs = inputs_of(validation, task)
    record = add_fast(folder, fast, task, validation, inputs, full)
    with _opened(folder, served.graph, task, cascade=record) as (pipeline, _):
        mixed = pipeline.logits(inputs)
    gold = indicator(validation.labels, task.labels)
    scores = nonconformity_scores(probabilities(mixed, task)[gold])
    calibration = task.calibration.model_copy(update={"nonconformity": scores})
    return task.model_copy(update={"calibration": calibration}), record


def _record(split: str, evaluation: AnyEvaluation, served: Served) -> EvaluationRecord:
    metrics = {
        name: RecordedEstimate(value=estimate.value, low=estimate.low, high=estimate.high)
        for name, estimate in evaluation.metrics.items()
    }
    return EvaluationRecord(split=split, rows=evaluation.rows, precision=served.precision, metrics=metrics)


def _measure_speed(pipeline: Pipeline, cost: Cost, texts: Sequence[Text]) -> Speed:
    """Strings to labels on the validation texts: the best of three passes, since other work only ever slows one."""
    best, tokens = np.inf, 0
    for _ in range(3):
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


def _verify(folder: Path) -> None:
    """Reads the bundle back as the service will."""
    model: Model = load_unverified(read_bundle(folder))
    faults = replay_golden_rows(model)
    if faults:
        raise BundleInvalid("the bundle does not repeat its own golden rows", faults=faults, hint="Report this.")


class _Clock:
    """Announces stages and keeps how long each took."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.seconds: dict[str, float] = {}
        self._current: tuple[str, float] | None = None

    def start(self, name: str) -> None:
        self.stop()
        self._stage(name)
        self._current = (name, time.monotonic())

    def note(self, what: str) -> None:
        """Says something within a stage."""
        self._stage(what)

    def stop(self) -> None:
        if self._current is not None:
            name, started = self._current
            self.seconds[name] = round(time.monotonic() - started, 2)
            self._current = None
