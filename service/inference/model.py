"""A loaded bundle: verified and ready to answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple, NoReturn, Unpack, overload

from glossator.service.bundle import file_names, reader
from glossator.service.bundle.backbones import check_backbone, find_backbone, reads_tokens
from glossator.service.bundle.linear_layer import LinearLayer, parse_layer
from glossator.service.bundle.manifest import CascadeRecord, Manifest
from glossator.service.bundle.reader import Bundle
from glossator.service.bundle.task import Task, TextEmbedding
from glossator.service.errors import BundleError, BundleInvalid, Fault, InputError, shorten
from glossator.service.inference.answer_forms.answer_cells import answer_columns
from glossator.service.inference.answers import Answers
from glossator.service.inference.cascade import Executor, FastTier
from glossator.service.inference.composed.explanation import Explanation, explain
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument, rerank
from glossator.service.inference.composed.sentences import Documents, Sentence
from glossator.service.inference.composed.zero_shot import zero_shot
from glossator.service.inference.encoding import Encoder, Token, check_text, is_panic, make_encoder
from glossator.service.inference.golden_replay import replay_golden_rows
from glossator.service.inference.heads.head_executor import HeadExecutor, HeadLogits
from glossator.service.inference.heads.loaded_head import SHARED, Head
from glossator.service.inference.inputs import Texts, as_list, index_of, is_one_text, name_row
from glossator.service.inference.pipeline import Answer, PendingAnswers, Pipeline
from glossator.service.inference.queue.admission import QueueLimit
from glossator.service.inference.queue.batch_planning import Cost
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.queue.calls import Lane, Outputs, Windows
from glossator.service.inference.runtime import batch_cost
from glossator.service.inference.runtime.session import Device, Session
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.inference.steps import finish
from glossator.service.inference.streaming import BATCH_TEXTS, stream
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.service.tasks.offsets import OffsetUnit
from glossator.service.tasks.options import DecodeKeywords


class Model:
    """Answers texts with one bundle. Thread-safe.

    `model("text")` returns an `Answer` or raises the InputError of the text. `model(["a", "b"])` returns `Answers`, a
    list in which an invalid text has its InputError; `stream` is the same for texts that do not fit in memory.
    """

    def __init__(
        self,
        bundle: Bundle,
        pipeline: Pipeline,
        batcher: Batcher,
        session: Session,
        fast: FastModel | None = None,
        *,
        head: Head | None = None,
    ) -> None:
        self.bundle = bundle
        self.pipeline = pipeline
        self.batcher = batcher
        self.fast = fast
        """The fast tier if the bundle is a cascade, else None."""
        self._session = session
        self.head = head
        """The linear layer and the backbone of a head, else None. A head has no queue and no session of its own."""
        self.batch_cost_measured = False
        """Whether batches are planned with costs measured on this machine, not on the one that exported the bundle."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the model {self.name!r} cannot be pickled: it holds a loaded graph and threads. "
            "Hint: give the worker the path of the bundle, and call glossator.load(path) there."
        )

    @property
    def device(self) -> Device:
        """The device that the graph runs on."""
        return self._session.device

    @property
    def threads(self) -> int:
        """Number of batches that run at the same time, each on one CPU."""
        return self.batcher.workers

    @property
    def limit(self) -> QueueLimit:
        """How much work may wait; setting it applies to both tiers of a cascade."""
        return self.batcher.limit

    @limit.setter
    def limit(self, limit: QueueLimit) -> None:
        for batcher in self.batchers:
            batcher.limit = limit

    @property
    def batchers(self) -> list[Batcher]:
        """The queues: one, or two for a cascade."""
        return [self.batcher, *([] if self.fast is None else [self.fast.batcher])]

    @property
    def bytes(self) -> int:
        """Size of the loaded graphs in bytes, which is about the memory that the weights take; without a backbone."""
        graphs = {self.graph} | ({self.bundle.manifest.cascade.graph} if self.bundle.manifest.cascade else set())
        return sum(self.bundle.manifest.files[graph].size for graph in graphs)

    @property
    def graph(self) -> str:
        """The file name of the served graph; of a head, that of its linear layer."""
        return _graph_for(self.device, self.bundle.manifest)

    @property
    def backbone(self) -> Model | None:
        """The model whose vectors a head reads; None for a model with a graph of its own."""
        return None if self.head is None else self.head.backbone

    def executor(self, vectors: Executor) -> Executor:
        """Return what runs windows through `vectors`, which runs the graph: of a head, also its linear layer."""
        return vectors if self.head is None else HeadExecutor(vectors, self.head.logits)

    @property
    def name(self) -> str:
        return self.bundle.name

    @property
    def digest(self) -> str:
        """The SHA-256 digest that identifies this version of the model."""
        return self.bundle.digest

    @property
    def version(self) -> str:
        """`name@digest` with the first 12 digits of the digest, as in answers and labelled rows."""
        return f"{self.name}@{self.digest[:12]}"

    def run(self, windows: Windows) -> Outputs:
        """Run one batch in the caller's thread, without the queue; for measurements."""
        if self.head is None:
            return self._session.run(windows)
        return self.head.logits(self._session.run(self.head.logits.windows(windows)))

    @property
    def task(self) -> Task:
        return self.bundle.task

    def measure_batch_cost(self, *, seconds: float = batch_cost.SECONDS) -> Cost:
        """Measure the cost of batches on this machine for about `seconds`, use it and cache it for later loads.

        Changes how texts are batched, never the answers. Of a head, it is the cost of its backbone.
        """
        if self.backbone is not None:
            self.batch_cost_measured = True
            is_measured = self.backbone.batch_cost_measured
            return self.backbone.batcher.cost if is_measured else self.backbone.measure_batch_cost(seconds=seconds)
        tiers = [(self.digest, self._session, self.batcher)]
        if self.fast is not None:
            tiers.append((_fast_key(self.digest), self.fast.session, self.fast.batcher))
        for key, session, batcher in tiers:
            batcher.cost = batch_cost.measure_cost(
                session.run,
                _tokens(self),
                workers=self.threads,
                max_length=self.task.encoding.max_length,
                seconds=seconds,
                clock=time.thread_time if self.device == "cpu" else time.perf_counter,
            )
            batch_cost.store_cost(key, self.threads, batcher.cost, self.device)
        self.batch_cost_measured = True
        return self.batcher.cost

    def start(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        **asked: Unpack[DecodeKeywords],
    ) -> PendingAnswers:
        """Queue the texts; the result yields what `predict` returns. See `Pipeline.start`."""
        return self.pipeline.start(texts, lane=lane, deadline=deadline, **asked)

    def by_sentence(self, text: str, **asked: Unpack[DecodeKeywords]) -> list[Sentence]:
        """Return the answer to each sentence of a document, with offsets in the document. Needs spaCy."""
        documents = Documents([check_text(text)])
        (sentences,) = documents.assemble(
            self.pipeline.predict(documents.parts, **asked), offset_unit=asked.get("offset_unit")
        )
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
        """Return how much each part of a text contributes to its answer; see `composed.explanation`."""
        return finish(explain(self.pipeline, texts, answers, offset_unit=offset_unit, deadline=deadline))

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
        """Classify texts with labels that the model was not trained on; see `composed.zero_shot`."""
        return finish(
            zero_shot(
                self.pipeline,
                texts,
                labels,
                hypothesis=hypothesis,
                multi_label=multi_label,
                lane=lane,
                deadline=deadline,
            )
        )

    def rerank(
        self,
        query: str,
        documents: Sequence[str | InputError],
        *,
        top_k: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
        raw: bool = False,
    ) -> list[RankedDocument | UnrankedDocument]:
        """Sort documents by how well they answer a query; see `composed.reranking`."""
        return finish(rerank(self.pipeline, query, documents, top_k=top_k, label=label, deadline=deadline, raw=raw))

    def tokenize(self, text: str, *, special_tokens: bool = True) -> list[Token]:
        """Return all tokens of a text. Raises the text's InputError."""
        return self.pipeline.encoder.tokens(check_text(text), special_tokens=special_tokens)

    def detokenize(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids. Raises InputError for an unknown id."""
        return self.pipeline.encoder.text(ids, skip_special_tokens=skip_special_tokens)

    @overload
    def __call__(self, texts: Text, **asked: Unpack[DecodeKeywords]) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, texts: Texts, **asked: Unpack[DecodeKeywords]) -> Answers: ...

    def __call__(self, texts: Text | Texts, **asked: Unpack[DecodeKeywords]) -> Answer | Answers:
        """Return the answer to one text (or `Pair`), or the answers to many, in order; see `predict`.

        Raises the InputError of a single invalid text. Of many, each invalid one has its error in the list.
        """
        return self._answer(texts, **asked)

    def _answer(self, texts: Text | Texts, **asked: Unpack[DecodeKeywords]) -> Answer | Answers:
        if not is_one_text(texts):
            return self.predict(texts, **asked)
        (answer,) = self.pipeline.predict([texts], **asked)
        if isinstance(answer, InputError):
            raise answer
        return answer

    def predict(self, texts: Texts, **asked: Unpack[DecodeKeywords]) -> Answers:
        """Return one answer per text, in order; an invalid text yields an InputError that names its place.

        Args:
            texts: A list, a tuple, an iterator, a series of pandas or polars, an array of NumPy, or a column of a data
                set or of pyarrow. Tasks that read two texts take Pairs.
            **asked: Options of the task; see `DecodeOptions`.

        Raises:
            ConfigError: An option does not apply to the task, or `texts` is a table.
            InferenceError: The graph failed.
        """
        items = as_list(texts)
        columns = answer_columns(self.task, label_sets=asked.get("coverage") is not None, cascade=self.fast is not None)
        named = map(name_row, self.pipeline.predict(items, **asked), count())
        return Answers(named, columns=columns, index=index_of(texts))

    def stream(
        self, texts: Iterable[object], *, batch: int = BATCH_TEXTS, **asked: Unpack[DecodeKeywords]
    ) -> Iterator[Answer | InputError]:
        """Yield one answer per text, in order, as `predict`, while the texts are read. Memory is bounded.

        Args:
            texts: An iterable of texts, also an endless one. It is read in the thread that reads the answers.
            batch: The number of texts that are read before their answers are awaited.
            **asked: Options of the task; see `DecodeOptions`.
        """
        return stream(partial(self.start, lane="bulk", **asked), texts, batch)

    @overload
    async def apredict(self, texts: Text, **asked: Unpack[DecodeKeywords]) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    async def apredict(self, texts: Texts, **asked: Unpack[DecodeKeywords]) -> Answers: ...

    async def apredict(self, texts: Text | Texts, **asked: Unpack[DecodeKeywords]) -> Answer | Answers:
        """Return what calling the model returns, from a thread, so that the event loop is not blocked."""
        return await asyncio.to_thread(partial(self._answer, texts, **asked))

    def __repr__(self) -> str:
        return f"Model({self.version!r}, task={self.task.task!r}, graph={self.graph!r}, threads={self.threads})"


def load(
    path: str | Path,
    *,
    threads: int | None = None,
    device: Device = "cpu",
    digest: str | None = None,
    backbone: str | Path | None = None,
    share: bool = False,
) -> Model:
    """Load and verify a bundle: every check, then a replay of its golden rows.

    Heads of the same backbone share it: it is loaded once in a process.

    Args:
        path: The bundle folder.
        threads: Number of worker threads; default: the CPUs that this process may use.
        device: "cuda" runs the fp32 graph, since the int8 graph is made for CPUs.
        digest: The version that must be there; default: any.
        backbone: The bundle folder of the backbone, for a head; default: it is found next to the head, or in the
            registry of the head.
        share: If this version is in memory as a backbone, return that; if not, let heads use this one.

    Raises:
        BundleNotFound: There is no bundle at `path`, or no backbone.
        BundleVersionUnsupported: The format version is not supported.
        BundleInvalid: A check failed; the error lists every fault.
        ConfigError: The device is not available.
    """
    with _name_bundle_in_errors(path):
        bundle = reader.read_bundle(path, keep=lambda manifest: _loaded_files(device, manifest))
        if digest is not None and bundle.digest != digest:
            raise BundleInvalid(
                "the folder contains another version",
                found=bundle.digest,
                expected=digest,
                hint="Add the bundle again: glossator models add.",
            )
        with SHARED.lock if share else nullcontext():
            key = (bundle.digest, threads, device)
            found = SHARED.models.get(key) if share else None
            if found is not None:
                return found
            model = load_unverified(bundle, threads=threads, device=device, backbone=backbone)
            _check_golden_rows(model)
            if share:
                SHARED.models[key] = model
    return model


def _check_golden_rows(model: Model) -> None:
    faults = replay_golden_rows(model)
    if faults:
        raise BundleInvalid(
            f"the bundle {model.name!r} does not reproduce its recorded answers",
            faults=faults,
            hint="Export it again on this machine, or compare the package versions in its provenance.",
        )


def read_bundle(path: str | Path) -> Bundle:
    """Read a bundle and run every check that does not run the graph. Raises the errors of `load`."""
    with _name_bundle_in_errors(path):
        return reader.read_bundle(path)


@contextmanager
def _name_bundle_in_errors(path: str | Path) -> Iterator[None]:
    """Add the bundle's path to errors that do not name it."""
    try:
        yield
    except BundleError as error:
        error.found = error.found or shorten(path)
        raise


def load_unverified(
    bundle: Bundle, *, threads: int | None = None, device: Device = "cpu", backbone: str | Path | None = None
) -> Model:
    """Load a bundle without replaying its golden rows; for export, which creates them."""
    task = bundle.task
    if (record := bundle.manifest.backbone) is not None:
        folder = find_backbone(bundle.path, record) if backbone is None else backbone
        return _load_head(bundle, load(folder, threads=threads, device=device, digest=record.digest, share=True))
    try:
        encoder = make_encoder(bundle.read(file_names.TOKENIZER), task)
    except BaseException as error:
        if not is_panic(error):
            raise
        fault = Fault("tokenizer-unreadable", shorten(str(error)), file_names.TOKENIZER)
        raise BundleInvalid("the tokenizer cannot be read", faults=[fault]) from None
    graph = _graph_for(device, bundle.manifest)
    with bundle.open_graph(graph) as opened:
        session = Session(opened, name=graph, pad_token_id=task.encoding.pad_token_id, device=device)
    workers = threads or (available_cpus() if device == "cpu" else 1)
    batcher = Batcher(session.run, workers=workers)
    fast = fast_tier(bundle, bundle.manifest.cascade, task, workers)
    pipeline = Pipeline(encoder, batcher, task, fast=None if fast is None else fast.tier)
    model = Model(bundle, pipeline, batcher, session, fast)
    speed, measured = bundle.manifest.speed, batch_cost.load_cost(bundle.digest, workers, device)
    model.batch_cost_measured = measured is not None
    if measured is not None:
        batcher.cost = measured
    elif speed is not None:
        batcher.cost = Cost(**speed.cost.model_dump())
    if fast is not None:
        fast.batcher.cost = batch_cost.load_cost(_fast_key(bundle.digest), workers, device) or fast.batcher.cost
    return model


def _load_head(bundle: Bundle, backbone: Model) -> Model:
    """Load a head on its loaded backbone."""
    assert bundle.manifest.backbone is not None
    check_backbone(bundle.manifest, backbone.bundle.manifest)
    head = Head(head_logits(backbone, parse_layer(bundle.read(file_names.HEAD)), bundle.task), backbone)
    pipeline = head_pipeline(backbone, head.logits, bundle.task)
    model = Model(bundle, pipeline, backbone.batcher, backbone._session, head=head)
    model.batch_cost_measured = backbone.batch_cost_measured
    return model


def head_pipeline(backbone: Model, logits: HeadLogits, task: Task) -> Pipeline:
    """Return the pipeline of a head for `task` on a loaded backbone."""
    return Pipeline(head_encoder(backbone, task), HeadExecutor(backbone.batcher, logits), task)


def head_encoder(backbone: Model, task: Task) -> Encoder:
    """Return what encodes texts for a head. Raises ConfigError if the backbone's tokens have no positions."""
    return backbone.pipeline.encoder.aligned() if reads_tokens(task) else backbone.pipeline.encoder


def head_logits(backbone: Model, layer: LinearLayer, task: Task) -> HeadLogits:
    """Return what turns the outputs of a backbone into the logits of a head for `task`."""
    assert isinstance(backbone.task, TextEmbedding)
    return HeadLogits(layer, tokens_after=backbone.task.dimension if reads_tokens(task) else None)


def _graph_for(device: Device, manifest: Manifest) -> str:
    """Return the file name of the graph that runs on a device."""
    return manifest.served.graph if device == "cpu" or manifest.backbone is not None else file_names.GRAPH_FP32


def _loaded_files(device: Device, manifest: Manifest) -> set[str]:
    """Return the files that `load_unverified` reads."""
    if manifest.backbone is not None:
        return {file_names.HEAD}
    fast = set() if manifest.cascade is None else {manifest.cascade.graph}
    return {file_names.TOKENIZER, _graph_for(device, manifest)} | fast


def _fast_key(digest: str) -> str:
    """Return the cache key for the cost of a cascade's fast tier."""
    return f"{digest}-fast"


class FastModel(NamedTuple):
    """The fast tier of a cascade with its queue and its session."""

    tier: FastTier
    batcher: Batcher
    session: Session


def fast_tier(source: Path | Bundle, cascade: CascadeRecord | None, task: Task, workers: int) -> FastModel | None:
    """Load the fast graph of a cascade, always on the CPU; None if the bundle is no cascade.

    `source` is the bundle, or the folder of one that is being written.
    """
    if cascade is None:
        return None
    opened = source.open_graph(cascade.graph) if isinstance(source, Bundle) else nullcontext(source / cascade.graph)
    with opened as graph:
        session = Session(graph, name=cascade.graph, pad_token_id=task.encoding.pad_token_id)
    batcher = Batcher(session.run, workers=workers, cost=Cost(**cascade.cost.model_dump()))
    return FastModel(FastTier(batcher, cascade.temperature, cascade.threshold), batcher, session)


def _tokens(model: Model) -> list[int]:
    """Return the token ids of the golden rows, to fill windows with."""
    encoded = model.pipeline.encode([row.input for row in model.bundle.golden if row.error is None])
    texts = [each for each in encoded if isinstance(each, EncodedText)]
    return [token for text in texts for window in text.windows for token in window]
