"""The state of one export: the task, the rows, the PyTorch model, and the graphs in the bundle's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.task_calibration import calibrate_task, nonconformity_scores
from glossator.export import parity
from glossator.export.cascade import fit_cascade
from glossator.export.golden_rows import edge_inputs
from glossator.export.graph_choice import choose_graph, parity_summary
from glossator.export.graphs.activation_ranges import measure_ranges, random_windows
from glossator.export.graphs.encoder_graph import Range, write_graph
from glossator.export.graphs.encoder_weights import read_encoder
from glossator.export.graphs.int8_candidates import int8_candidates
from glossator.export.graphs.torch_to_onnx import convert_to_onnx
from glossator.export.measurements import Measurements, evaluation_record, measure_graph
from glossator.export.model_card import write_card
from glossator.modeling.checkpoint_reader import load_model, open_pipeline
from glossator.modeling.labelled_rows import LabelledRows, indicator, inputs_of
from glossator.service.bundle import file_names
from glossator.service.bundle.golden import dump_golden
from glossator.service.bundle.manifest import (
    CascadeRecord,
    Manifest,
    Parity,
    Precision,
    Scheme,
    Served,
    Verification,
)
from glossator.service.bundle.task import Classifier, Task
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.inference.batch_planning import Cost
from glossator.service.inference.batching import Batcher
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.model import fast_tier
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.runtime.batch_cost import measure_cost
from glossator.service.inference.runtime.session import Session
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.tasks.encoded import Text
from glossator.service.tasks.text_classification import probabilities

TOLERANCES: dict[Precision, float] = {"fp32": 1e-2, "int8": 0.25}
"""Largest |logit difference| allowed when golden rows are replayed. On another processor, fp32 kernels sum in another
order; int8 kernels also round activations differently."""

RANGE_TEXTS = 1_000
"""Number of validation texts on which activation ranges are measured."""
SENSITIVITY_TEXTS = 128
"""Number of validation texts that decide which products lose most in int8."""

Outputs = list[NDArray[np.float64]]
"""The pooled outputs of a graph, one array per text."""


class OpenGraph(NamedTuple):
    """A graph that answers, and the batch cost by which its batches are planned."""

    pipeline: Pipeline
    cost: Cost


class ExportSession:
    """The state of one export. The steps are called in the order in which they are defined.

    `task` gets its calibration during the export. `compared` holds the comparison of each graph with PyTorch; `cascade`
    is None without a fast model.
    """

    def __init__(
        self,
        checkpoint: Path,
        folder: Path,
        *,
        task: Task,
        validation: LabelledRows,
        test: LabelledRows | None,
        report: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.task = task
        self.validation = validation
        self.test = test
        self.inputs = inputs_of(validation, task)
        self.compared: list[Parity] = []
        self.cascade: CascadeRecord | None = None
        self._report = report
        self._model = load_model(checkpoint, task.task)
        self._weights = read_encoder(self._model, task)
        self._torch = open_pipeline(self._model, checkpoint, task)

    def write_fp32_graph(self) -> None:
        """Write the fp32 graph: the fast graph if the model's family is known, else the one that PyTorch exports."""
        destination = self.folder / file_names.GRAPH_FP32
        if self._weights is None:
            family = self._model.config.model_type
            self._report(f"no fast graph for the family {family}: using the ONNX export of PyTorch")
            convert_to_onnx(self._model, self.task, destination)
        else:
            write_graph(self._weights, destination)

    def compare_fp32_graph(self) -> None:
        """Compare the fp32 graph with PyTorch. Raises ConfigError if their outputs differ."""
        with self._open(file_names.GRAPH_FP32) as (pipeline, _):
            difference = parity.check_fp32(pipeline, self._torch_outputs, self._texts)
            compared = self._compare(pipeline, "fp32")
        self.compared.append(compared.model_copy(update={"max_logit_difference": difference}))

    def write_int8_graph(self, *, accept_any: bool) -> None:
        """Write int8 graphs, the fastest first, until one is non-inferior to PyTorch.

        `accept_any`: stop after the first.
        """
        sample = _spread(self.inputs, SENSITIVITY_TEXTS)
        candidates = int8_candidates(
            self.folder / file_names.GRAPH_FP32,
            self._weights,
            self._activation_ranges(),
            lambda graph: np.concatenate([each.ravel() for each in self._outputs(graph, sample)]),
        )
        for candidate in candidates:
            candidate.write(self.folder / file_names.GRAPH_INT8)
            with self._open(file_names.GRAPH_INT8) as (pipeline, _):
                self.compared.append(self._compare(pipeline, candidate.scheme, candidate.excluded))
            self._report(parity_summary(self.compared[-1]))
            if accept_any or self.compared[-1].non_inferior:
                break

    def choose_graph(self, precision: Precision | None) -> Served:
        """Return the graph to serve; remove the int8 graph if it is not served."""
        served = choose_graph(self.compared, precision)
        if served.precision == "fp32":
            (self.folder / file_names.GRAPH_INT8).unlink(missing_ok=True)
        return served

    def validation_outputs(self, served: Served) -> Outputs:
        """Return the outputs of the served graph for the validation rows."""
        return self._outputs(served.graph, self.inputs)

    def calibrate(self, outputs: Outputs) -> None:
        """Fit temperature and thresholds of a classifier to the outputs of the served graph."""
        if isinstance(self.task, Classifier) and self.task.problem_type != "regression":
            gold = indicator(self.validation.labels, self.task.labels)
            self.task = calibrate_task(self.task, gold, np.stack(outputs))

    def add_fast_model(self, fast: Path, served: Served, outputs: Outputs) -> None:
        """Copy the graph of the fast bundle, fit the gate, and fit the nonconformity scores to the cascade's answers.

        Raises ConfigError if no gate is safe.
        """
        assert isinstance(self.task, Classifier)
        self.cascade = fit_cascade(self.folder, fast, self.task, self.validation, self.inputs, np.stack(outputs))
        self._report(
            f"the fast model answers {self.cascade.share:.1%} of the validation rows: accuracy of the cascade "
            f"{self.cascade.cascade_accuracy:.4f}, of the full model {self.cascade.full_accuracy:.4f}, "
            f"lower bound of the difference {self.cascade.low:+.4f}"
        )
        with self._open(served.graph, cascade=self.cascade) as (pipeline, _):
            logits = pipeline.logits(self.inputs)
        gold = indicator(self.validation.labels, self.task.labels)
        scores = nonconformity_scores(probabilities(logits, self.task)[gold])
        calibration = self.task.calibration.model_copy(update={"nonconformity": scores})
        self.task = self.task.model_copy(update={"calibration": calibration})

    def measure(self, served: Served) -> Measurements:
        """Measure the served graph, with the fast model in front of it if there is one."""
        with self._open(served.graph, plan_batches=True, cascade=self.cascade) as (pipeline, cost):
            return measure_graph(pipeline, cost, self.validation, self.test)

    def write_bundle(self, name: str, served: Served, measured: Measurements) -> Manifest:
        """Write golden rows, model card and manifest; return the manifest."""
        (self.folder / file_names.GOLDEN).write_bytes(dump_golden(measured.golden))
        manifest = Manifest(
            name=name,
            task=self.task,
            served=served,
            files={},
            evaluation=[
                evaluation_record(split, evaluation, served.precision)
                for split, evaluation in measured.evaluations.items()
            ],
            verification=Verification(
                parity=self.compared,
                golden_rows=len(measured.golden),
                tolerance=TOLERANCES[served.precision],
                batch_difference=measured.batch_difference,
            ),
            speed=measured.speed,
            cascade=self.cascade,
        )
        write_card(self.folder, manifest, measured.evaluations, measured.entity_pages)
        return write_manifest(self.folder, manifest.model_copy(update={"files": list_files(self.folder)}))

    @cached_property
    def _edges(self) -> list[Text]:
        return edge_inputs(self._torch, self.validation)

    @property
    def _texts(self) -> list[Text]:
        """The edge cases, then the validation inputs."""
        return [*self._edges, *self.inputs]

    @cached_property
    def _torch_outputs(self) -> Outputs:
        """The outputs of PyTorch for `_texts`."""
        return self._torch.pooled_outputs(self._torch.encode_all(self._texts))

    def _compare(self, pipeline: Pipeline, scheme: Scheme, excluded: Sequence[str] = ()) -> Parity:
        """Compare a graph with PyTorch on the validation rows."""
        started = time.perf_counter()
        encoded = pipeline.encode_all(self.inputs)
        outputs = pipeline.pooled_outputs(encoded)
        speed = round(len(encoded) / (time.perf_counter() - started), 1)
        return parity.compare_with_pytorch(
            outputs,
            self._torch_outputs[len(self._edges) :],
            self.validation,
            encoded,
            self.task,
            scheme=scheme,
            excluded=excluded,
            texts_per_second=speed,
        )

    def _activation_ranges(self) -> dict[str, Range]:
        """Return the range of each tensor on texts of the corpus and on windows of random tokens."""
        if self._weights is None:
            return {}
        encoded = self._torch.encode_all(_spread(self._texts, RANGE_TEXTS))
        windows = [window for text in encoded for window in text.windows]
        windows += random_windows(windows, vocabulary=self._model.config.vocab_size)
        return measure_ranges(self._weights, windows, pad_token_id=self.task.encoding.pad_token_id)

    def _outputs(self, graph: str | Path, texts: Sequence[Text]) -> Outputs:
        with self._open(graph) as (pipeline, _):
            return pipeline.pooled_outputs(pipeline.encode_all(texts))

    @contextmanager
    def _open(
        self, graph: str | Path, *, plan_batches: bool = False, cascade: CascadeRecord | None = None
    ) -> Iterator[OpenGraph]:
        """Open a graph, in the folder or elsewhere, for the duration of the block.

        Args:
            graph: The path of the graph, absolute or relative to the folder.
            plan_batches: Measure the batch cost on the validation inputs, and plan batches by it.
            cascade: The fast graph in front of it.
        """
        encoder = make_encoder(self.folder / file_names.TOKENIZER, self.task)
        session = Session(self.folder / graph, pad_token_id=self.task.encoding.pad_token_id)
        with ExitStack() as stack:
            batcher = stack.enter_context(Batcher(session.run, workers=available_cpus()))
            fast = fast_tier(self.folder, cascade, self.task, available_cpus())
            if fast is not None:
                stack.enter_context(fast.batcher)
            pipeline = Pipeline(encoder, batcher, self.task, fast=None if fast is None else fast.tier)
            if plan_batches:
                encoded = pipeline.encode_all(self.inputs)
                tokens = [token for text in encoded for window in text.windows for token in window]
                max_length = self.task.encoding.max_length
                batcher.cost = measure_cost(session.run, tokens, workers=batcher.workers, max_length=max_length)
            yield OpenGraph(pipeline, batcher.cost)


def _spread(texts: Sequence[Text], count: int) -> list[Text]:
    """Return at most `count` texts, evenly from first to last."""
    step = max(1.0, len(texts) / count)
    return [texts[int(index * step)] for index in range(min(count, len(texts)))]
