"""Texts to answers, in order: the one path for HTTP, files, Python, evaluation and verification."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.manifest import Tier
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import InputError
from glossator.service.inference.answer_forms.answer_fields import plain_fields
from glossator.service.inference.answer_forms.answer_html import answer_html
from glossator.service.inference.answer_forms.answer_text import describe
from glossator.service.inference.cascade import Cascade, Executor, FastTier, TieredOutputs
from glossator.service.inference.encoding import Encoder, check_input, reads_pairs
from glossator.service.inference.queue.batch_planning import plan
from glossator.service.inference.queue.calls import Lane, Outputs, Run, Windows
from glossator.service.inference.queue.workload import TextRates, count_characters
from glossator.service.inference.steps import Steps
from glossator.service.tasks.decoders import Decoder, Prediction, decoder
from glossator.service.tasks.encoded import EncodedText, Floats, Text, group_by_text, windows_of
from glossator.service.tasks.options import DecodeKeywords, DecodeOptions
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Score
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity

CHUNK_TEXTS = 1_024
CHUNK_CHARACTERS = 65_536
"""A request is encoded in steps of at most this many characters, or of one text: 0.05 to 0.2 s of one thread."""

_P = TypeVar("_P")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The prediction for one text, and how much of the text the model saw.

    The properties are shortcuts to the parts of `prediction`; they raise TypeError if the task has no such part.
    """

    prediction: Prediction
    tokens: int
    """Number of tokens that the model saw, without special tokens and overlaps."""
    windows: int
    truncated: bool
    """Whether tokens were cut off; only with the option `truncate`."""
    tier: Tier | None = None
    """The tier of a cascade that answered."""
    text: str = field(default="", compare=False)
    """The text that offsets refer to; of a pair, the second one."""

    @property
    def label(self) -> str | None:
        """The most probable assigned label, or None."""
        return self._a(Classification).label

    @property
    def labels(self) -> tuple[str, ...]:
        """The assigned labels, most probable first."""
        return self._a(Classification).labels

    @property
    def score(self) -> float:
        """The probability of the most probable label; for models with scores, the score."""
        return self.prediction.score if isinstance(self.prediction, Rating) else self._a(Classification).score

    @property
    def scores(self) -> Sequence[Score]:
        """The labels with their probabilities, most probable first."""
        return self._a(Classification).scores

    @property
    def out_of_scope(self) -> bool | None:
        """Whether the text is unlike those that the model was trained for; None if the model cannot say."""
        return self._a(Classification).out_of_scope

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities, in text order."""
        return self._a(Entities).entities

    @property
    def span(self) -> Span | None:
        """The span of the context that answers the question, or None."""
        return self._a(Extraction).answer

    @property
    def vector(self) -> NDArray[np.float32]:
        """The vector `(dimension,)` of the text."""
        return self._a(Embedding).vector

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of the HTTP API's result, as plain lists, numbers and texts."""
        return plain_fields(self)

    def __repr__(self) -> str:
        truncated = ", truncated=True" if self.truncated else ""
        return f"Answer({describe(self.prediction)}, tokens={self.tokens}{truncated})"

    def _repr_html_(self) -> str:
        return answer_html(self.prediction, self.text)

    def _a(self, kind: type[_P]) -> _P:
        if not isinstance(self.prediction, kind):
            raise TypeError(f"this model returns {type(self.prediction).__name__}, not {kind.__name__}")
        return self.prediction


class InlineExecutor:
    """An executor that runs batches immediately, in the caller's thread."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def submit(self, windows: Windows, *, lane: Lane = "interactive", deadline: float | None = None) -> Future[Outputs]:
        """Run the windows and return a finished future. `lane` and `deadline` are ignored."""
        future: Future[Outputs] = Future()
        try:
            outputs: dict[int, Floats] = {}
            for batch in plan([len(window) for window in windows]):
                outputs |= zip(batch, self._run([windows[index] for index in batch]), strict=True)
            future.set_result([outputs[index] for index in range(len(windows))])
        except Exception as error:
            future.set_exception(error)
        return future


class PendingAnswers:
    """Answers to encoded texts whose windows wait or run."""

    def __init__(
        self,
        decoder: Decoder,
        encoded: Sequence[EncodedText | InputError],
        options: DecodeOptions,
        encode_seconds: float = 0.0,
    ) -> None:
        self.encode_seconds = encode_seconds
        """Seconds that encoding took."""
        self._decoder = decoder
        self._encoded = encoded
        self.future: Future[Outputs] | None = None
        """The future outputs of all windows; None if there are no windows, and before `Pipeline.submit`."""
        self.options = options

    @property
    def texts(self) -> list[EncodedText]:
        """The valid texts."""
        return [item for item in self._encoded if isinstance(item, EncodedText)]

    def result(self) -> list[Answer | InputError]:
        """Wait for all answers and return one per text, in order. Raises the executor's error."""
        texts = self.texts
        predictions = self._decoder.decode(texts, pool_outputs(self._decoder, texts, self.future), self.options)
        return self.answers(predictions, tiers_of(texts, self.future))

    def answers(
        self, predictions: Iterable[Prediction], tiers: Iterable[Tier | None] | None = None
    ) -> list[Answer | InputError]:
        """Return one answer per text, in order, from the predictions for the valid texts."""
        given, tier = iter(predictions), iter(repeat(None) if tiers is None else tiers)
        return [
            Answer(next(given), item.tokens, len(item.windows), item.truncated, next(tier), item.text)
            if isinstance(item, EncodedText)
            else item
            for item in self._encoded
        ]


class PooledText(NamedTuple):
    """An encoded text with the pooled outputs of its windows: logits or a vector."""

    text: EncodedText
    pooled: NDArray[np.float64]


class Pipeline:
    """Encodes texts, runs the graph and decodes its outputs. Thread-safe."""

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
        self.rates = TextRates(encoder.encoding, encoder.special_tokens + encoder.prompt_tokens)
        self.special_tokens = encoder.special_tokens
        """The number of special tokens in a window of one text."""

    def predict(self, texts: Sequence[object], **asked: Unpack[DecodeKeywords]) -> list[Answer | InputError]:
        """Return one answer per text, in order; an invalid text yields its InputError.

        Tasks that read two texts take `Pair`s. Raises ConfigError if an option does not apply to the task, and
        InferenceError if the graph fails.
        """
        # A few texts may share a batch with other callers' texts. Many are processed in chunks: one chunk is encoded
        # and another decoded while the workers run a third.
        options = DecodeOptions(**asked)
        self.decoder.check(options)
        chunks = []
        for first in range(0, len(texts), CHUNK_TEXTS):
            chunks.append(self._prepare(texts[first : first + CHUNK_TEXTS], options))
            self.submit(chunks[-1])
        return [answer for chunk in chunks for answer in chunk.result()]

    def start(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        **asked: Unpack[DecodeKeywords],
    ) -> PendingAnswers:
        """Encode the texts and queue their windows; the result yields what `predict` returns.

        `lane` and `deadline`: see `Batcher.submit`.
        """
        pending = self.prepare(texts, **asked)
        self.submit(pending, lane=lane, deadline=deadline)
        return pending

    def prepare(self, texts: Sequence[object], **asked: Unpack[DecodeKeywords]) -> PendingAnswers:
        """Check the options and encode the texts; `submit` queues their windows."""
        options = DecodeOptions(**asked)
        self.decoder.check(options)
        return self._prepare(texts, options)

    def prepare_steps(self, texts: Sequence[object], **asked: Unpack[DecodeKeywords]) -> Steps[PendingAnswers]:
        """Do the same as `prepare`, in steps of CHUNK_CHARACTERS."""
        options = DecodeOptions(**asked)
        self.decoder.check(options)
        began = time.perf_counter()
        encoded = yield from self.encode_steps(texts, truncate=options.truncate)
        return PendingAnswers(self.decoder, encoded, options, time.perf_counter() - began)

    def submit(
        self, pending: PendingAnswers, *, lane: Lane = "interactive", deadline: float | None = None
    ) -> Future[Outputs] | None:
        """Queue the windows of prepared texts and return their future outputs; see `Batcher.submit`."""
        pending.future = self._submit(pending.texts, lane, deadline)
        return pending.future

    def _prepare(self, texts: Sequence[object], options: DecodeOptions) -> PendingAnswers:
        began = time.perf_counter()
        encoded = self.encode(texts, truncate=options.truncate)
        return PendingAnswers(self.decoder, encoded, options, time.perf_counter() - began)

    def encode(self, texts: Sequence[object], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """Return the windows of each text, in order; an invalid text, or one without tokens, yields its InputError."""
        return self._encode(texts, truncate, allow_empty=False)

    def encode_steps(self, texts: Sequence[object], *, truncate: bool = False) -> Steps[list[EncodedText | InputError]]:
        """Do the same as `encode`, in steps of CHUNK_CHARACTERS."""
        encoded: list[EncodedText | InputError] = []
        first, characters = 0, 0
        for place, text in enumerate(texts):
            characters += count_characters(text)
            if characters > CHUNK_CHARACTERS and place > first:
                encoded += self.encode(texts[first:place], truncate=truncate)
                yield None
                first, characters = place, count_characters(text)
        return encoded + self.encode(texts[first:], truncate=truncate)

    def _encode(self, texts: Sequence[object], truncate: bool, *, allow_empty: bool) -> list[EncodedText | InputError]:
        checked = [self._checked(text) for text in texts]
        good = [text for text in checked if not isinstance(text, InputError)]
        began = time.perf_counter()
        encoded = self.encoder.encode(good, truncate=truncate, allow_empty=allow_empty)
        took = time.perf_counter() - began
        tokens = sum(item.tokens for item in encoded if isinstance(item, EncodedText))
        if not truncate:
            self.rates.learn(sum(map(count_characters, good)), tokens, took)
        rest = iter(encoded)
        return [item if isinstance(item, InputError) else next(rest) for item in checked]

    def encode_all(self, texts: Sequence[object]) -> list[EncodedText]:
        """Return the windows of each text, for training and export: a text without tokens has one of special tokens.

        Raises the InputError of the first invalid text.
        """
        encoded = []
        for item in self._encode(texts, False, allow_empty=True):
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
        """Run the windows of all texts and return the pooled outputs of each (see `Decoder.pool`).

        `lane` and `deadline`: see `Batcher.submit`. `tier`: the tier of a cascade that must answer all texts.
        """
        return pool_outputs(self.decoder, texts, self._submit(texts, lane, deadline, tier))

    def pooled_texts(
        self,
        texts: Sequence[object],
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
        truncate: bool = False,
    ) -> Steps[list[PooledText | InputError]]:
        """Return each encoded text with its pooled outputs, not decoded; an invalid text yields its InputError.

        For answers that combine the logits of several texts.
        """
        encoded = yield from self.encode_steps(texts, truncate=truncate)
        good = [each for each in encoded if isinstance(each, EncodedText)]
        yield None
        future = self._submit(good, lane, deadline)
        yield future
        pooled = iter(pool_outputs(self.decoder, good, future))
        return [PooledText(each, next(pooled)) if isinstance(each, EncodedText) else each for each in encoded]

    def tiers(self, texts: Sequence[EncodedText]) -> list[Tier | None]:
        """Return which tier of a cascade answers each text; None for each text if the model is no cascade."""
        return tiers_of(texts, None if self._cascade is None else self._submit(texts, "bulk", None))

    def _submit(
        self, texts: Sequence[EncodedText], lane: Lane, deadline: float | None, tier: Tier | None = None
    ) -> Future[Outputs] | None:
        """Queue the windows of all texts; None if there are no texts."""
        if not texts:
            return None
        if self._cascade is not None:
            return self._cascade.submit(texts, lane=lane, deadline=deadline, tier=tier)
        return self._executor.submit(windows_of(texts), lane=lane, deadline=deadline)

    def logits(self, texts: Sequence[object]) -> NDArray[np.float64]:
        """Return pooled logits `(texts, labels)` or vectors `(texts, dimension)`.

        Not for tasks with outputs per token. Raises the InputError of the first invalid text.
        """
        width = next(iter(self.task.outputs.values()))[-1]
        rows = self.pooled_outputs(self.encode_all(texts))
        return np.stack(rows) if rows else np.empty((0, width or 0))

    def _checked(self, text: object) -> Text | InputError:
        if isinstance(text, InputError):  # rejected earlier, for example by a reader
            return text
        try:
            return check_input(text, pair=self._pairs)
        except InputError as error:
            return error


def pool_outputs(
    decoder: Decoder, texts: Sequence[EncodedText], future: Future[Outputs] | None
) -> list[NDArray[np.float64]]:
    """Wait for the outputs and pool those of each text."""
    if future is None:
        return []
    return [decoder.pool(text, group) for text, group in zip(texts, group_by_text(texts, future.result()), strict=True)]


def tiers_of(texts: Sequence[EncodedText], future: Future[Outputs] | None) -> list[Tier | None]:
    """Wait for the outputs and return which tier answered each text; None if the model is no cascade."""
    outputs = None if future is None else future.result()
    return list(outputs.tiers) if isinstance(outputs, TieredOutputs) else [None] * len(texts)
