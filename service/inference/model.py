"""A bundle that has verified, loaded and ready to answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Unpack, overload

import numpy as np

from glossator.service.bundle import file_names, reader
from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.manifest import CascadeRecord
from glossator.service.bundle.reader import Bundle
from glossator.service.bundle.task import Task
from glossator.service.errors import BundleError, BundleInvalid, Fault, InputError, shorten
from glossator.service.inference.batch_planning import Cost
from glossator.service.inference.batching import Batcher, Lane, Limit, Outputs, Windows
from glossator.service.inference.cascade import FastTier
from glossator.service.inference.composed.explanation import Explanation, explain
from glossator.service.inference.composed.reranking import Ranked, Unranked, rerank
from glossator.service.inference.composed.sentences import Documents, Sentence
from glossator.service.inference.composed.zero_shot import zero_shot
from glossator.service.inference.encoding import Token, check_text, encoder_of
from glossator.service.inference.pipeline import Answer, Pending, Pipeline
from glossator.service.inference.runtime import batch_cost
from glossator.service.inference.runtime.session import Device, Session
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.tasks.encoded import EncodedText, Pair, Text
from glossator.service.tasks.offsets import OffsetUnit
from glossator.service.tasks.options import DEFAULTS, DecodeKeywords

_SCORE_TOLERANCE = 1e-6
"""Between two ways to compute one score from the same logits, in float64."""

Texts = list[str] | list[Pair] | tuple[str, ...]
"""Many texts. Not any Sequence of strings, since a single string is one too."""


class Model:
    """Answers texts with one bundle. Threads may share one.

    `model("text")` gives an Answer, `model(["a", "b"])` a list of them; a bad text raises its InputError. `predict`
    is the form for many texts of which some may be bad: it puts the InputError in the bad text's place.
    """

    def __init__(
        self, bundle: Bundle, pipeline: Pipeline, batcher: Batcher, session: Session, fast: Quick | None = None
    ) -> None:
        self.bundle = bundle
        self.pipeline = pipeline
        self.batcher = batcher
        self.fast = fast
        """The fast tier, where the bundle is a cascade."""
        self._session = session
        self.calibrated = False
        """Whether batches are planned by what was measured on this machine, not where the bundle was exported."""

    @property
    def device(self) -> Device:
        """Where the graph runs."""
        return self._session.device

    @property
    def threads(self) -> int:
        """How many batches run at the same time, each on one CPU."""
        return self.batcher.workers

    @property
    def limit(self) -> Limit:
        """How much work may wait; may be set, to both tiers of a cascade."""
        return self.batcher.limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        for batcher in self.batchers:
            batcher.limit = limit

    @property
    def batchers(self) -> list[Batcher]:
        """The queues: one, or two where the model is a cascade."""
        return [self.batcher, *([] if self.fast is None else [self.fast.batcher])]

    @property
    def bytes(self) -> int:
        """The size of the graphs that are loaded: about the memory that the weights take."""
        graphs = {self.graph} | ({self.bundle.manifest.cascade.graph} if self.bundle.manifest.cascade else set())
        return sum(self.bundle.manifest.files[graph].size for graph in graphs)

    @property
    def graph(self) -> str:
        """The file of the graph that answers."""
        return self.bundle.manifest.served.graph if self.device == "cpu" else file_names.GRAPH_FP32

    @property
    def name(self) -> str:
        return self.bundle.name

    @property
    def digest(self) -> str:
        """SHA-256 that names this version of the model."""
        return self.bundle.digest

    @property
    def version(self) -> str:
        """`name@digest`, the digest cut to 12 digits: what answers and rows carry."""
        return f"{self.name}@{self.digest[:12]}"

    def run(self, windows: Windows) -> Outputs:
        """The outputs of one batch, on the thread that calls: past the queue, for measuring."""
        return self._session.run(windows)

    @property
    def task(self) -> Task:
        return self.bundle.task

    def calibrate(self, *, seconds: float = batch_cost.SECONDS) -> Cost:
        """What batches cost on this machine: measured in about `seconds`, used from now on, and kept for later loads.

        Answers do not change, only how texts are put together.
        """
        tiers = [(self.digest, self._session, self.batcher)]
        if self.fast is not None:
            tiers.append((_fast_key(self.digest), self.fast.session, self.fast.batcher))
        for key, session, batcher in tiers:
            batcher.cost = batch_cost.measure(
                session.run,
                _tokens(self),
                workers=self.threads,
                max_length=self.task.encoding.max_length,
                seconds=seconds,
            )
            batch_cost.keep(key, self.threads, batcher.cost, self.device)
        self.calibrated = True
        return self.batcher.cost

    def predict(self, texts: Sequence[object], **asked: Unpack[DecodeKeywords]) -> list[Answer | InputError]:
        """One answer a text, in order; see `Pipeline.predict`."""
        return self.pipeline.predict(texts, **asked)

    def start(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        **asked: Unpack[DecodeKeywords],
    ) -> Pending:
        """The answers of `predict` to come; see `Pipeline.start`."""
        return self.pipeline.start(texts, lane=lane, deadline=deadline, **asked)

    def by_sentence(self, text: str, **asked: Unpack[DecodeKeywords]) -> list[Sentence]:
        """Each sentence of a document with its answer, places counting in the document; needs spaCy."""
        documents = Documents([check_text(text)])
        (sentences,) = documents.together(self.predict(documents.parts, **asked), offset_unit=asked.get("offset_unit"))
        assert not isinstance(sentences, InputError)
        return sentences

    def explain(
        self,
        texts: Sequence[object],
        answers: Sequence[Answer | InputError],
        *,
        offset_unit: OffsetUnit | None = None,
        deadline: float | None = None,
    ) -> list[Explanation | None]:
        """Which parts of each text its answer rests on; see `glossator.service.inference.composed.explanation`."""
        return explain(self.pipeline, texts, answers, offset_unit=offset_unit, deadline=deadline)

    def zero_shot(
        self,
        texts: Sequence[str | InputError],
        labels: Sequence[str],
        *,
        hypothesis: str | None = None,
        multi_label: bool = False,
        lane: Lane = "interactive",
        deadline: float | None = None,
    ) -> list[Answer | InputError]:
        """Which of some labels fits each text, with a model that never saw them; see `glossator.service.inference.composed.zero_shot`."""
        return zero_shot(
            self.pipeline, texts, labels,
            hypothesis=hypothesis, multi_label=multi_label, lane=lane, deadline=deadline,
        )  # fmt: skip

    def rerank(
        self,
        query: str,
        documents: Sequence[str | InputError],
        *,
        top_k: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
        raw: bool = False,
    ) -> list[Ranked | Unranked]:
        """The documents in the order in which they answer a query; see `glossator.service.inference.composed.reranking`."""
        return rerank(self.pipeline, query, documents, top_k=top_k, label=label, deadline=deadline, raw=raw)

    def tokenize(self, text: str, *, special_tokens: bool = True) -> list[Token]:
        """The tokens of a text, all of them; raises the text's InputError."""
        return self.pipeline.encoder.tokens(check_text(text), special_tokens=special_tokens)

    def detokenize(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The text of tokens; raises InputError for an id that the tokenizer does not know."""
        return self.pipeline.encoder.text(ids, skip_special_tokens=skip_special_tokens)

    @overload
    def __call__(self, texts: Text, **asked: Unpack[DecodeKeywords]) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, texts: Texts, **asked: Unpack[DecodeKeywords]) -> list[Answer]: ...

    def __call__(self, texts: Text | Texts, **asked: Unpack[DecodeKeywords]) -> Answer | list[Answer]:
        """The answer of one text (of a `Pair`, where the task reads two), or those of many in order. Raises the
        InputError of the first bad text."""
        answers = []
        alone = isinstance(texts, str | Pair)
        for answer in self.predict([texts] if alone else texts, **asked):
            if isinstance(answer, InputError):
                raise answer
            answers.append(answer)
        return answers[0] if alone else answers


def load(path: str | Path, *, threads: int | None = None, device: Device = "cpu") -> Model:
    """The model in the bundle at `path`, after every check and a replay of its golden rows.

    `threads` defaults to the CPUs that this process may use. On `cuda` the fp32 graph runs: the int8 one is made for
    CPUs. Raises BundleNotFound, BundleVersionUnsupported or BundleInvalid (with every fault by name), and ConfigError
    where there is no such device.
    """
    with _naming(path):
        model = load_unverified(reader.read_bundle(path), threads=threads, device=device)
    faults = replay(model)
    if faults:
        raise BundleInvalid(
            f"the bundle {model.name!r} does not give the answers that it was exported with",
            faults=faults,
            hint="Export it again on this machine, and compare the package versions in its provenance.",
        )
    return model


def read_bundle(path: str | Path) -> Bundle:
    """The bundle at `path`, after every check that needs no graph to run; raises what `load` raises for it."""
    with _naming(path):
        return reader.read_bundle(path)


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Has errors say which of several bundles it is."""
    try:
        yield
    except BundleError as error:
        error.found = error.found or shorten(path)
        raise


def load_unverified(bundle: Bundle, *, threads: int | None = None, device: Device = "cpu") -> Model:
    """The model of a bundle whose golden rows have not been replayed; for export, which makes them."""
    task = bundle.task
    try:
        encoder = encoder_of(bundle.path / file_names.TOKENIZER, task)
    except BaseException as error:
        if not _is_panic(error):
            raise
        fault = Fault("tokenizer-unreadable", shorten(str(error)), file_names.TOKENIZER)
        raise BundleInvalid("the tokenizer cannot be read", faults=[fault]) from None
    graph = bundle.manifest.served.graph if device == "cpu" else file_names.GRAPH_FP32
    session = Session(bundle.path / graph, pad_token_id=task.encoding.pad_token_id, device=device)
    workers = threads or (available_cpus() if device == "cpu" else 1)
    batcher = Batcher(session.run, workers=workers)
    fast = fast_tier(bundle.path, bundle.manifest.cascade, task, workers)
    pipeline = Pipeline(encoder, batcher, task, fast=None if fast is None else fast.tier)
    model = Model(bundle, pipeline, batcher, session, fast)
    speed, measured = bundle.manifest.speed, batch_cost.kept(bundle.digest, workers, device)
    model.calibrated = measured is not None
    if measured is not None:
        batcher.cost = measured
    elif speed is not None:
        batcher.cost = Cost(**speed.cost.model_dump())
    if fast is not None:
        fast.batcher.cost = batch_cost.kept(_fast_key(bundle.digest), workers, device) or fast.batcher.cost
    return model


def _fast_key(digest: str) -> str:
    """The name under which the cost of a cascade's fast tier is kept."""
    return f"{digest}-fast"


class Quick(NamedTuple):
    """The fast tier of a cascade, with the queue and the graph behind it."""

    tier: FastTier
    batcher: Batcher
    session: Session


def fast_tier(folder: Path, cascade: CascadeRecord | None, task: Task, workers: int) -> Quick | None:
    """The fast graph of a cascade, on the CPU wherever the full one runs; None where there is none."""
    if cascade is None:
        return None
    session = Session(folder / cascade.graph, pad_token_id=task.encoding.pad_token_id)
    batcher = Batcher(session.run, workers=workers, cost=Cost(**cascade.cost.model_dump()))
    return Quick(FastTier(batcher, cascade.temperature, cascade.threshold), batcher, session)


def _tokens(model: Model) -> list[int]:
    """Token ids of real texts, to fill windows with: those of the golden rows."""
    encoded = model.pipeline.encode([row.input for row in model.bundle.golden if row.error is None])
    texts = [each for each in encoded if isinstance(each, EncodedText)]
    return [token for text in texts for window in text.windows for token in window]


def replay(model: Model) -> list[Fault]:
    """Faults of the golden rows: each is answered again, alone, and compared with its record."""
    return [fault for row in model.bundle.golden for fault in _replay_row(model, row)]


def _replay_row(model: Model, row: GoldenRow) -> list[Fault]:
    where = f"{file_names.GOLDEN}: {row.name}"
    try:
        return _compare(model, row, where)
    except BaseException as error:  # a tokenizer or a graph that loads may still fail, in more ways than can be listed
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        return [Fault("golden-error", f"failed: {shorten(str(error))}", where)]


def _compare(model: Model, row: GoldenRow, where: str) -> list[Fault]:
    (encoded,) = model.pipeline.encode([row.input])
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
    if not difference <= tolerance:  # a NaN is not within it
        what = f"logits differ by {difference:.4g}, at most {tolerance:g} allowed"
        faults.append(Fault("golden-logits", what, where))
    # The record decides, not the replay: a text on the edge of two labels may fall either way within the tolerance.
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
    """How far a logit may lie from its record. Golden rows record the served graph; on another device the fp32 graph
    answers, and may differ from it by as much as export saw."""
    verification, served = model.bundle.manifest.verification, model.bundle.manifest.served
    if model.device == "cpu" or served.precision == "fp32":
        return verification.tolerance
    return verification.tolerance + verification.parity[-1].max_logit_difference


def _is_panic(error: BaseException) -> bool:
    """Whether Rust code (tokenizers) panicked: a BaseException of a class that cannot be imported."""
    return type(error).__module__ == "pyo3_runtime"
