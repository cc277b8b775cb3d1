"""The road from a checkpoint to a bundle: convert, prove, quantise, prove, choose, measure, write."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.checkpoint import load_classifier, read_task
from evaluation.checkpoint import pipeline as checkpoint_pipeline
from evaluation.classification import Evaluation, evaluate
from evaluation.rows import LabelledRows, read_rows
from export import parity
from export.card import write_card
from export.convert import convert
from export.golden import edge_texts, golden_rows
from export.machine import describe_machine
from export.quantize import quantize
from service.bundle import layout
from service.bundle.folder import read
from service.bundle.golden import dump_golden
from service.bundle.manifest import Estimate as RecordedEstimate
from service.bundle.manifest import EvaluationRecord, Manifest, Parity, Precision, Served, Speed, Verification
from service.bundle.task import Task
from service.bundle.write import file_entries, folder_aside, write_manifest
from service.errors import BundleInvalid, ConfigError
from service.inference.encoding import Encoder
from service.inference.model import Model, load_unverified, replay
from service.inference.pipeline import Pipeline
from service.inference.session import Session
from service.tasks.text_classification import probabilities

TOLERANCES: dict[Precision, float] = {"fp32": 1e-2, "int8": 0.25}
"""Largest |logit difference| allowed when golden rows are replayed. fp32 kernels sum in another order on another
processor; int8 ones also round activations differently."""

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
    overwrite: bool = False,
    stage: Stage = lambda _: None,
) -> Exported:
    """Writes the bundle `output` from the checkpoint folder `checkpoint`.

    int8 is served where validation shows it non-inferior to PyTorch fp32, else fp32; `precision` overrides. `test`
    (default: the test rows that travel with the checkpoint) is measured once, on the graph chosen. Raises ConfigError
    where the conversion is not faithful, and leaves nothing behind after an error.
    """
    checkpoint, output = Path(checkpoint), Path(output)
    name = _checked_name(output.resolve().name if name is None else name)
    task = read_task(checkpoint)
    validation = read_rows(checkpoint / layout.VALIDATION)
    if test is None and (checkpoint / layout.TEST).is_file():
        test = read_rows(checkpoint / layout.TEST)
    clock = _Clock(stage)
    with folder_aside(output, overwrite=overwrite) as folder:
        (folder / "onnx").mkdir()
        for source in sorted(checkpoint.iterdir()):
            if source.suffix in {".json", ".txt", ".model"} and source.name not in {layout.TASK, layout.HISTORY}:
                (folder / source.name).write_bytes(source.read_bytes())

        clock.start("converting to ONNX")
        classifier = load_classifier(checkpoint)
        convert(classifier, folder / layout.GRAPH_FP32)

        clock.start(f"comparing with PyTorch on {len(validation):,} validation rows and edge cases")
        torch_pipeline = checkpoint_pipeline(classifier, checkpoint, task)
        edges = edge_texts(torch_pipeline, validation)
        reference = torch_pipeline.logits([*edges, *validation.texts])
        fp32 = _graph_pipeline(folder, layout.GRAPH_FP32, task)
        difference = parity.check_fp32(fp32, reference, [*edges, *validation.texts])
        reference = reference[len(edges) :]
        fp32_parity = parity.compare(fp32.logits(validation.texts), reference, validation, task, "fp32")
        fp32_parity = fp32_parity.model_copy(update={"max_logit_difference": difference})

        clock.start("quantising to int8")
        quantize(folder / layout.GRAPH_FP32, folder / layout.GRAPH_INT8)
        int8 = _graph_pipeline(folder, layout.GRAPH_INT8, task)
        int8_parity = parity.compare(int8.logits(validation.texts), reference, validation, task, "int8")

        served = choose(int8_parity, precision)
        graph = int8 if served.precision == "int8" else fp32
        clock.start("measuring the served graph")
        evaluations = {"validation": _evaluate(graph, validation, task, "validation")}
        if test is not None and len(test):
            evaluations["test"] = _evaluate(graph, test, task, "test")
        speed = _measure_speed(graph, validation.texts)

        clock.start("writing the bundle")
        golden = golden_rows(graph, validation)
        (folder / layout.GOLDEN).write_bytes(dump_golden(golden))
        manifest = Manifest(
            name=name,
            task=task,
            served=served,
            files={},
            evaluation=[_record(split, evaluation, served) for split, evaluation in evaluations.items()],
            verification=Verification(
                parity=[fp32_parity, int8_parity],
                golden_rows=len(golden),
                tolerance=TOLERANCES[served.precision],
                batch_difference=parity.batch_difference(graph, validation.texts),
            ),
            speed=speed,
        )
        write_card(folder, manifest, evaluations)
        manifest = write_manifest(folder, manifest.model_copy(update={"files": file_entries(folder)}))
        clock.start("verifying")
        _verify(folder)
    clock.stop()
    return Exported(output, manifest, clock.seconds)


def choose(int8: Parity, precision: Precision | None) -> Served:
    """Which graph is served, and why."""
    graphs: dict[Precision, str] = {"fp32": layout.GRAPH_FP32, "int8": layout.GRAPH_INT8}
    figures = (
        f"int8 {int8.metric} {int8.graph_value:.4f} against fp32 {int8.reference_value:.4f} on {int8.rows:,} "
        f"validation rows, {int8.decision_flips} decisions differ, margin {int8.margin:.4f}"
    )
    if precision is not None:
        return Served(graph=graphs[precision], precision=precision, reason=f"{precision} was asked for; {figures}")
    if int8.non_inferior:
        return Served(graph=graphs["int8"], precision="int8", reason=f"non-inferior: {figures}")
    return Served(graph=graphs["fp32"], precision="fp32", reason=f"int8 is not shown to be non-inferior: {figures}")


def _graph_pipeline(folder: Path, graph: str, task: Task) -> Pipeline:
    encoder = Encoder(folder / layout.TOKENIZER, task.encoding)
    return Pipeline(encoder, Session(folder / graph, pad_token_id=task.encoding.pad_token_id), task)


def _evaluate(pipeline: Pipeline, rows: LabelledRows, task: Task, split: str) -> Evaluation:
    return evaluate(rows.labels, probabilities(pipeline.logits(rows.texts), task), task, name=split)


def _record(split: str, evaluation: Evaluation, served: Served) -> EvaluationRecord:
    metrics = {
        name: RecordedEstimate(value=estimate.value, low=estimate.low, high=estimate.high)
        for name, estimate in evaluation.metrics.items()
    }
    return EvaluationRecord(split=split, rows=evaluation.rows, precision=served.precision, metrics=metrics)


def _measure_speed(pipeline: Pipeline, texts: list[str]) -> Speed:
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
    )


def _verify(folder: Path) -> None:
    """Reads the bundle back as the service will."""
    model: Model = load_unverified(read(folder))
    faults = replay(model)
    if faults:
        raise BundleInvalid("the bundle does not repeat its own golden rows", faults=faults, way_out="Report this.")


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ConfigError(
            "this cannot be the model's name",
            found=name,
            expected="letters, digits, '.', '_' and '-', beginning with a letter or a digit, at most 64",
            way_out="Pass another --name; without one, the model has the name of the output folder.",
        )
    return name


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

    def stop(self) -> None:
        if self._current is not None:
            name, started = self._current
            self.seconds[name] = round(time.monotonic() - started, 2)
            self._current = None
