"""Texts to answers, in order: the one path that HTTP, files, Python, evaluation and verification share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.manifest import Tier
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import InputError
from glossator.service.inference.batch_planning import plan
from glossator.service.inference.batching import Lane, Outputs, Run, Windows
from glossator.service.inference.cascade import Cascade, Executor, FastTier, Tiered
from glossator.service.inference.encoding import Encoder, check_input, reads_pairs
from glossator.service.tasks.decoders import Decoder, Prediction, decoder
from glossator.service.tasks.encoded import EncodedText, Floats, Text, group_by_text, windows_of
from glossator.service.tasks.options import DecodeKeywords, DecodeOptions
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.text_pair import Rating
from glossator.service.tasks.token_classification import Entities, Entity

CHUNK_TEXTS = 1_024

_P = TypeVar("_P")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one text, and how much of it the model saw.

    `prediction` is what the task gives; the properties are short ways to its parts, and raise TypeError where the
    model's task gives something else.
    """

    prediction: Prediction
    tokens: int
    """Tokens of the text that the model saw, special tokens and overlaps not counted."""
    windows: int
    truncated: bool
    """Whether tokens were left out. Only ever True where truncation was asked for."""
    tier: Tier | None = None
    """Of a cascade, the tier that answered."""

    @property
    def label(self) -> str | None:
        """The most probable label decided on, or None where there is none."""
        return self._a(Classification).label

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels decided on, most probable first."""
        return self._a(Classification).labels

    @property
    def score(self) -> float:
        """The probability of the most probable label, decided on or not; of a pair that is rated, its score."""
        return self.prediction.score if isinstance(self.prediction, Rating) else self._a(Classification).score

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities, in the order of the text."""
        return self._a(Entities).entities

    @property
    def span(self) -> Span | None:
        """The part of the context that answers the question, None where none does."""
        return self._a(Extraction).answer

    @property
    def vector(self) -> NDArray[np.float32]:
        """The text's vector `(dimension,)`."""
        return self._a(Embedding).vector

    def _a(self, kind: type[_P]) -> _P:
        if not isinstance(self.prediction, kind):
            raise TypeError(f"this model gives {type(self.prediction).__name__}, not {kind.__name__}")
        return self.prediction


class Sequential:
    """An executor that runs planned batches at once, in the caller's thread."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def submit(self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None) -> Future[Outputs]:
        """The outputs, there already; a lane and a deadline mean nothing here."""
        future: Future[Outputs] = Future()
        try:
            outputs: dict[int, Floats] = {}
            for batch in plan([len(window) for window in windows]):
                outputs |= zip(batch, self._run([windows[index] for index in batch]), strict=True)
            future.set_result([outputs[index] for index in range(len(windows))])
        except Exception as error:
            future.set_exception(error)
        return future


class Pending:
    """Answers on their way."""

    def __init__(
        self,
        decoder: Decoder,
        encoded: Sequence[EncodedText | InputError],
        future: Future[Outputs] | None,
        options: DecodeOptions,
        encode_seconds: float = 0.0,
    ) -> None:
        self.encode_seconds = encode_seconds
        """What it took to encode the texts."""
        self._decoder = decoder
        self._encoded = encoded
        self.future = future
        """The outputs of the windows to come; None where no text has any."""
        self._options = options

    def result(self) -> list[Answer | InputError]:
        """One answer a text, in order, when all are there; raises what the executor raises."""
        texts = [item for item in self._encoded if isinstance(item, EncodedText)]
        predictions = iter(self._decoder.decode(texts, pool_outputs(self._decoder, texts, self.future), self._options))
        tiers = iter(tiers_of(texts, self.future))
        return [
            Answer(next(predictions), item.tokens, len(item.windows), item.truncated, next(tiers))
            if isinstance(item, EncodedText)
            else item
            for item in self._encoded
        ]


class Raw(NamedTuple):
    """A text as it was encoded, and what its windows come to: logits, or a vector."""

    text: EncodedText
    pooled: NDArray[np.float64]


class Pipeline:
    """Encodes, runs and decodes. Threads may share one."""

    def __init__(self, encoder: Encoder, executor: Executor, task: Task, *, fast: FastTier | None = None) -> None:
        self.encoder = encoder
        self._executor = executor
        self._cascade = None
        if fast is not None:
            assert isinstance(task, Classifier)
            self._cascade = Cascade(fast, executor, task)
        self.task = task
        self.decoder = decoder(task)
        self._pairs = reads_pairs(task)
        self.special_tokens = encoder.special_tokens
        """How many a window of one text has."""

    def predict(self, texts: Sequence[object], **asked: Unpack[DecodeKeywords]) -> list[Answer | InputError]:
        """One answer a text, in order; a text that cannot be answered has its InputError in its place.

        Tasks that read two texts take pairs of them. Raises ConfigError where an option does not apply to the task,
        InferenceError where the graph fails.
        """
        # Few texts may share a batch with those of other callers. Many are planned among themselves, in chunks: one is
        # encoded, and another decoded, while workers run a third.
        options = DecodeOptions(**asked)
        self.decoder.check(options)
        chunks = [
            self._start(texts[first : first + CHUNK_TEXTS], options) for first in range(0, len(texts), CHUNK_TEXTS)
        ]
        return [answer for chunk in chunks for answer in chunk.result()]

    def start(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        **asked: Unpack[DecodeKeywords],
    ) -> Pending:
        """The answers of `predict` to come: the texts are encoded, and their windows wait for a worker.

        `lane` and `deadline` are those of `Batcher.submit`.
        """
        options = DecodeOptions(**asked)
        self.decoder.check(options)
        return self._start(texts, options, lane=lane, deadline=deadline)

    def _start(
        self,
        texts: Sequence[object],
        options: DecodeOptions,
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
    ) -> Pending:
        began = time.perf_counter()
        encoded = self.encode(texts, truncate=options.truncate)
        took = time.perf_counter() - began
        future = self._submit([item for item in encoded if isinstance(item, EncodedText)], lane, deadline)
        return Pending(self.decoder, encoded, future, options, took)

    def encode(self, texts: Sequence[object], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """The windows of each text, in order; a text that cannot be encoded has its InputError in its place, and an
        InputError given for a text stays."""
        checked = [self._checked(text) for text in texts]
        good = [text for text in checked if not isinstance(text, InputError)]
        encoded = iter(self.encoder.encode(good, truncate=truncate))
        return [item if isinstance(item, InputError) else next(encoded) for item in checked]

    def encode_all(self, texts: Sequence[object]) -> list[EncodedText]:
        """The windows of each text; raises the InputError of the first bad text."""
        encoded = []
        for item in self.encode(texts):
            if isinstance(item, InputError):
                raise item
            encoded.append(item)
        return encoded

    def pooled_outputs(
        self,
        texts: Sequence[EncodedText],
        *,
        lane: Lane = "bulk",
        deadline: float | None = None,
        tier: Tier | None = None,
    ) -> list[NDArray[np.float64]]:
        """What the windows of each text come to (see `Decoder.pool`); every window runs once, in batches of like
        length. `lane` and `deadline` are those of `Batcher.submit`; of a cascade, `tier` has that tier answer all."""
        return pool_outputs(self.decoder, texts, self._submit(texts, lane, deadline, tier))

    def raw(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        truncate: bool = False,
    ) -> list[Raw | InputError]:
        """Each text as it was encoded, with what its windows come to before a decision; an InputError in the place of a
        text that cannot be encoded. For answers that are made of the logits of several texts."""
        encoded = self.encode(texts, truncate=truncate)
        good = [each for each in encoded if isinstance(each, EncodedText)]
        pooled = iter(self.pooled_outputs(good, lane=lane, deadline=deadline))
        return [Raw(each, next(pooled)) if isinstance(each, EncodedText) else each for each in encoded]

    def tiers(self, texts: Sequence[EncodedText]) -> list[Tier | None]:
        """Which tier of a cascade answers each text; None where there is one graph alone."""
        return tiers_of(texts, None if self._cascade is None else self._submit(texts, "bulk", None))

    def _submit(
        self, texts: Sequence[EncodedText], lane: Lane, deadline: float | None, tier: Tier | None = None
    ) -> Future[Outputs] | None:
        """The outputs of the windows of all texts, to come; None where there is no text."""
        if not texts:
            return None
        if self._cascade is not None:
            return self._cascade.submit(texts, lane=lane, deadline=deadline, tier=tier)
        return self._executor.submit(windows_of(texts), lane=lane, deadline=deadline)

    def logits(self, texts: Sequence[object]) -> NDArray[np.float64]:
        """Logits `(texts, labels)`, pooled over windows (or vectors); for tasks that give each text as many. Raises the
        InputError of the first bad text."""
        width = next(iter(self.task.outputs.values()))[-1]
        rows = self.pooled_outputs(self.encode_all(texts))
        return np.stack(rows) if rows else np.empty((0, width or 0))

    def _checked(self, text: object) -> Text | InputError:
        if isinstance(text, InputError):  # found before the text came here
            return text
        try:
            return check_input(text, pair=self._pairs)
        except InputError as error:
            return error


def pool_outputs(
    decoder: Decoder, texts: Sequence[EncodedText], future: Future[Outputs] | None
) -> list[NDArray[np.float64]]:
    """What the windows of each text come to, when their outputs are there."""
    if future is None:
        return []
    return [decoder.pool(text, group) for text, group in zip(texts, group_by_text(texts, future.result()), strict=True)]


def tiers_of(texts: Sequence[EncodedText], future: Future[Outputs] | None) -> list[Tier | None]:
    """Which tier gave the outputs of each text, when they are there; None where there is one graph alone."""
    outputs = None if future is None else future.result()
    return list(outputs.tiers) if isinstance(outputs, Tiered) else [None] * len(texts)
