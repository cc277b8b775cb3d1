"""The state of one export: the task, the rows, the source model, and the graphs in the bundle's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.calibration.out_of_scope import calibrate_out_of_scope
from glossator.evaluation.calibration.task_calibration import calibrate_task, nonconformity_scores
from glossator.export import parity
from glossator.export.cascade import fit_cascade
from glossator.export.golden_rows import edge_inputs
from glossator.export.graph_choice import choose_graph, is_acceptable, parity_summary
from glossator.export.graph_speed import speed_ratio
from glossator.export.graphs.activation_ranges import measure_ranges, random_windows
from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.graph_builder import Range
from glossator.export.graphs.int8_candidates import Candidate, candidate, int8_candidates
from glossator.export.measurements import Measurements, evaluation_record, measure_graph
from glossator.export.model_card import write_card
from glossator.export.search_cache import SearchResult
from glossator.export.source_model import add_token_vectors, open_source
from glossator.modeling.labelled_rows import LabelledRows, indicator, inputs_of
from glossator.modeling.reference_distributions import profile_and_sample, spread
from glossator.service.bundle import file_names
from glossator.service.bundle.golden import dump_golden
from glossator.service.bundle.manifest import (
    CascadeRecord,
    Evidence,
    Manifest,
    Parity,
    Precision,
    Runtime,
    Scheme,
    Served,
    Verification,
)
from glossator.service.bundle.reference import Reference, parse_reference
from glossator.service.bundle.task import Classifier, Task
from glossator.service.bundle.text_profile import TextProfile
from glossator.service.bundle.training_texts import TrainingTexts
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.files.hashing import hash_file
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.model import fast_tier
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.queue.batching import Batcher
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

SPEED_TEXTS = 64
"""Number of validation texts on which the speed of the int8 graph is compared with that of the fp32 graph."""

Outputs = list[NDArray[np.float64]]
"""The pooled outputs of a graph, one array per text."""


class OpenGraph(NamedTuple):
    """A graph that answers, and the batch cost by which its batches are planned."""

    pipeline: Pipeline
    cost: Cost


class ExportSession:
    """The state of one export. The steps are called in the order in which they are defined.

    `task` gets its calibration during the export. `compared` holds the comparison of each graph with the source;
    `cascade` is None without a fast model.
    """

    def __init__(
        self,
        checkpoint: Path,
        folder: Path,
        *,
        task: Task,
        validation: LabelledRows,
        test: LabelledRows | None,
        max_loss: float | None,
        evidence: Evidence | None,
        max_flips: float,
        report: Callable[[str], None],
        token_vectors: bool = False,
    ) -> None:
        self.folder = folder
        self.task = task
        self.validation = validation
        self.test = test
        self.inputs = inputs_of(validation, task)
        self.compared: list[Parity] = []
        self.cascade: CascadeRecord | None = None
        self._evidence = evidence
        self._max_flips = max_flips
        self._strict = max_loss is not None or evidence is not None
        self._max_loss = parity.MAX_LOSS if max_loss is None else max_loss
        self._report = report
        self._hashes_words = True
        self._source = open_source(checkpoint, task)
        if token_vectors:
            self._source, self.task = add_token_vectors(self._source, task)

    def write_fp32_graph(self) -> None:
        """Write the fp32 graph: the fast graph if the model's family is known, else the one that the source gives."""
        destination = self.folder / file_names.GRAPH_FP32
        if self._source.weights is None:
            self._report(self._source.why_slow)
            self._source.write_graph(destination)
        else:
            write_graph(self._source.weights, destination)

    @property
    def reference(self) -> Runtime:
        """What runs the source, with which graphs are compared."""
        return self._source.runtime

    def compare_fp32_graph(self) -> None:
        """Compare the fp32 graph with the source. Raises ConfigError if their outputs differ."""
        with self._open(file_names.GRAPH_FP32) as (pipeline, _):
            difference = parity.check_fp32(pipeline, self._source_outputs, self._texts, reference_name=self.reference)
            compared = self._compare(pipeline, "fp32")
        self.compared.append(compared.model_copy(update={"max_logit_difference": difference}))

    def write_int8_graph(self, *, accept_any: bool) -> None:
        """Write int8 graphs, the fastest first, until one is acceptable; or only the int8 graph of the source.

        `accept_any`: stop after the first. Without, raises ConfigError if decisions of the source's int8 graph depend
        on the other texts of a batch.
        """
        for each in self._candidates():
            each.write(self.folder / file_names.GRAPH_INT8)
            with self._open(file_names.GRAPH_INT8) as (pipeline, _):
                compared = self._compare(pipeline, each.scheme, each.excluded)
                if each.scheme == "source":
                    flips = parity.count_batch_flips(pipeline, self.inputs, accept_any=accept_any)
                    compared = compared.model_copy(update={"batch_flips": flips})
            self.compared.append(compared)
            self._report(parity_summary(self.compared[-1]))
            if accept_any or is_acceptable(self.compared[-1], strict=self._strict):
                self.compared[-1] = self.compared[-1].model_copy(update={"speed_ratio": self._speed_ratio()})
                break

    @property
    def search_result(self) -> SearchResult:
        """The result of the comparisons and the int8 search."""
        graph = self.folder / file_names.GRAPH_INT8
        searched = graph.is_file()
        ranges = self._ranges if searched else {}
        return SearchResult(self.compared, ranges, hash_file(graph) if searched else None)

    def reuse_search(self, found: SearchResult) -> bool:
        """Take over the result of an earlier search; False if its int8 graph cannot be written again exactly."""
        last, graph = found.compared[-1], self.folder / file_names.GRAPH_INT8
        if found.int8 is not None:
            self._candidate(last, found.ranges).write(graph)
            if hash_file(graph) != found.int8:
                graph.unlink()
                return False
        self.compared = list(found.compared)
        return True

    def choose_graph(self, precision: Precision | None) -> Served:
        """Return the graph to serve; remove the int8 graph if it is not served."""
        served = choose_graph(self.compared, precision, strict=self._strict)
        if served.precision == "fp32":
            (self.folder / file_names.GRAPH_INT8).unlink(missing_ok=True)
        return served

    def validation_outputs(self, served: Served) -> Outputs:
        """Return the outputs of the served graph for the validation rows."""
        return self._outputs(served.graph, self.inputs)

    def calibrate(self, outputs: Outputs) -> None:
        """Fit temperature and thresholds of a classifier to the outputs of the served graph, if there are labels."""
        if self._evidence is not None:
            return
        if isinstance(self.task, Classifier) and self.task.problem_type != "regression":
            gold = indicator(self.validation.labels, self.task.labels)
            self.task = calibrate_task(self.task, gold, np.stack(outputs))

    def add_fast_model(self, fast: Path, served: Served, outputs: Outputs) -> None:
        """Copy the graph of the fast bundle, fit the gate, and fit what depends on it to the cascade's answers.

        These are the nonconformity scores and the limit for out-of-scope texts.

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
        self.task = calibrate_out_of_scope(self.task.model_copy(update={"calibration": calibration}), logits)

    def measure(
        self, served: Served, trained_on: TrainingTexts | None, *, held_out: bool, out_of_scope: Sequence[str] = ()
    ) -> Measurements:
        """Measure the served graph, with the fast model in front of it if there is one; add samples to the reference.

        `trained_on` finds test rows that the model has seen; `held_out`: training held them out. `out_of_scope` texts
        are measured too.
        """
        with self._open(served.graph, plan_batches=True, cascade=self.cascade) as (pipeline, cost):
            measured = measure_graph(
                pipeline,
                cost,
                self.validation,
                self.test,
                trained_on,
                held_out=held_out,
                labelled=self._evidence is None,
                out_of_scope=out_of_scope,
            )
            self._sample_reference(pipeline)
        if measured.leakage is not None and measured.leakage.seen:
            self._report(measured.leakage.summary)
        return measured

    def write_bundle(self, name: str, served: Served, measured: Measurements, licence: str | None = None) -> Manifest:
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
                evidence=self._evidence,
                reference=self.reference,
            ),
            speed=measured.speed,
            cascade=self.cascade,
        )
        write_card(self.folder, manifest, measured.evaluations, measured.entity_pages, measured.leakage, licence)
        return write_manifest(self.folder, manifest.model_copy(update={"files": list_files(self.folder)}))

    def drop_word_hashes(self) -> None:
        """Leave the hashes of words out of the reference, like those of the training texts."""
        self._hashes_words = False
        reference = self._read_reference()
        if reference.profile is not None:
            profile = TextProfile(pairs=reference.profile.pairs)
            self._write_reference(reference.model_copy(update={"profile": profile}))

    def _sample_reference(self, pipeline: Pipeline) -> None:
        """Add samples of the summaries of validation texts, unless these are not of the kind that is served."""
        if self._evidence == "sample" or not self.inputs:
            return
        reference = profile_and_sample(
            self._read_reference(), self.inputs, pipeline.predict, self.task, words=self._hashes_words
        )
        self._write_reference(reference)

    def _read_reference(self) -> Reference:
        return parse_reference((self.folder / file_names.REFERENCE).read_bytes())

    def _write_reference(self, reference: Reference) -> None:
        (self.folder / file_names.REFERENCE).write_bytes(reference.to_bytes())

    @cached_property
    def _edges(self) -> list[Text]:
        return edge_inputs(self._source.pipeline, self.validation)

    @property
    def _texts(self) -> list[Text]:
        """The edge cases, then the validation inputs."""
        return [*self._edges, *self.inputs]

    @cached_property
    def _source_outputs(self) -> Outputs:
        """The outputs of the source for `_texts`."""
        pipeline = self._source.pipeline
        return pipeline.pooled_outputs(pipeline.encode_all(self._texts))

    def _candidates(self) -> Iterator[Candidate]:
        if self._source.write_int8 is not None:
            return iter([Candidate("source", (), self._source.write_int8)])
        sample = spread(self.inputs, SENSITIVITY_TEXTS)
        return int8_candidates(
            self.folder / file_names.GRAPH_FP32,
            self._source.weights,
            self._ranges,
            lambda graph: np.concatenate([each.ravel() for each in self._outputs(graph, sample)]),
        )

    def _candidate(self, compared: Parity, ranges: Mapping[str, Range]) -> Candidate:
        """Return the candidate that an earlier export compared."""
        if compared.scheme == "source":
            return next(self._candidates())
        fp32 = self.folder / file_names.GRAPH_FP32
        return candidate(compared.scheme, compared.excluded, fp32, self._source.weights, ranges)

    def _compare(self, pipeline: Pipeline, scheme: Scheme, excluded: Sequence[str] = ()) -> Parity:
        """Compare a graph with the source on the validation rows: by the metric or, without labels, by decisions."""
        started = time.perf_counter()
        encoded = pipeline.encode_all(self.inputs)
        outputs = pipeline.pooled_outputs(encoded)
        speed = round(len(encoded) / (time.perf_counter() - started), 1)
        reference = self._source_outputs[len(self._edges) :]
        if self._evidence is not None:
            return parity.compare_decisions(
                outputs,
                reference,
                encoded,
                self.task,
                scheme=scheme,
                excluded=excluded,
                texts_per_second=speed,
                max_flips=self._max_flips,
            )
        return parity.compare_with_pytorch(
            outputs,
            reference,
            self.validation,
            encoded,
            self.task,
            scheme=scheme,
            excluded=excluded,
            texts_per_second=speed,
            max_loss=self._max_loss,
        )

    def _speed_ratio(self) -> float:
        """Return how many times as fast as the fp32 graph the int8 graph is."""
        with self._open(file_names.GRAPH_INT8) as (new, _), self._open(file_names.GRAPH_FP32) as (old, _):
            encoded = new.encode_all(spread(self.inputs, SPEED_TEXTS))
            ratio = speed_ratio(lambda: new.pooled_outputs(encoded), lambda: old.pooled_outputs(encoded))
        return round(ratio, 2)

    @cached_property
    def _ranges(self) -> Mapping[str, Range]:
        """Return the range of each tensor on texts of the corpus and on windows of random tokens."""
        if self._source.weights is None:
            return {}
        encoded = self._source.pipeline.encode_all(spread(self._texts, RANGE_TEXTS))
        windows = [window for text in encoded for window in text.windows]
        windows += random_windows(windows, vocabulary=self._source.vocabulary)
        return measure_ranges(self._source.weights, windows, pad_token_id=self.task.encoding.pad_token_id)

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
