"""Texts to answers, in order: the one path that HTTP, files, Python, evaluation and verification share."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.bundle.task import Task
from service.errors import InputError
from service.inference.batching import Lane, Run
from service.inference.encoding import EncodedText, Encoder, check_text
from service.inference.planning import plan
from service.tasks.text_classification import Classification, check_options, decode_all, pool_windows

CHUNK_TEXTS = 1_024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one text, and how much of it the model saw."""

    prediction: Classification
    tokens: int
    """Tokens of the text that the model saw, special tokens and overlaps not counted."""
    windows: int
    truncated: bool
    """Whether tokens were left out. Only ever True where truncation was asked for."""

    @property
    def label(self) -> str | None:
        """The most probable label decided on, or None where a multi-label text carries none."""
        return self.prediction.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels decided on, most probable first."""
        return self.prediction.labels

    @property
    def score(self) -> float:
        """The probability of the most probable label, decided on or not."""
        return self.prediction.score


class Executor(Protocol):
    """What turns windows of token ids into logits `(windows, labels)`, in order: the queue of a served model
    (`service.inference.batching`), or a graph or PyTorch model that runs where it is called (`Sequential`)."""

    def submit(
        self, windows: Sequence[Sequence[int]], *, lane: Lane = "interactive", deadline: float | None = None
    ) -> Future[NDArray[np.float32]]: ...


class Sequential:
    """An executor that runs planned batches at once, in the caller's thread."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def submit(
        self, windows: Sequence[Sequence[int]], *, lane: Lane = "interactive", deadline: float | None = None
    ) -> Future[NDArray[np.float32]]:
        """The logits, there already; a lane and a deadline mean nothing here."""
        future: Future[NDArray[np.float32]] = Future()
        try:
            batches = plan([len(window) for window in windows])
            rows = [self._run([windows[index] for index in batch]) for batch in batches]
            logits = np.empty((len(windows), rows[0].shape[1]), dtype=np.float32)  # (windows, labels)
            for batch, each in zip(batches, rows, strict=True):
                logits[batch] = each
            future.set_result(logits)
        except Exception as error:
            future.set_exception(error)
        return future


class Pending:
    """Answers on their way."""

    def __init__(
        self,
        task: Task,
        encoded: Sequence[EncodedText | InputError],
        future: Future[NDArray[np.float32]] | None,
        *,
        top_k: int | None,
        threshold: float | None,
    ) -> None:
        self._task = task
        self._encoded = encoded
        self.future = future
        """The logits of the windows to come; None where no text has any."""
        self._top_k = top_k
        self._threshold = threshold

    def result(self) -> list[Answer | InputError]:
        """One answer a text, in order, when all are there; raises what the executor raises."""
        texts = [item for item in self._encoded if isinstance(item, EncodedText)]
        logits = pool(texts, self.future, self._task)
        decoded = iter(decode_all(logits, self._task, top_k=self._top_k, threshold=self._threshold))
        return [
            Answer(next(decoded), tokens=item.tokens, windows=len(item.windows), truncated=item.truncated)
            if isinstance(item, EncodedText)
            else item
            for item in self._encoded
        ]


class Pipeline:
    """Encodes, runs and decodes. Threads may share one."""

    def __init__(self, encoder: Encoder, executor: Executor, task: Task) -> None:
        self._encoder = encoder
        self._executor = executor
        self.task = task

    def predict(
        self,
        texts: Sequence[object],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        truncate: bool = False,
    ) -> list[Answer | InputError]:
        """One answer a text, in order; a text that cannot be answered has its InputError in its place.

        Raises ConfigError where an option does not apply to the task, InferenceError where the graph fails.
        """
        # Few texts may share a batch with those of other callers. Many are planned among themselves, in chunks: one is
        # encoded, and another decoded, while workers run a third.
        check_options(self.task, top_k=top_k, threshold=threshold)
        chunks = [
            self.start(texts[first : first + CHUNK_TEXTS], top_k=top_k, threshold=threshold, truncate=truncate)
            for first in range(0, len(texts), CHUNK_TEXTS)
        ]
        return [answer for chunk in chunks for answer in chunk.result()]

    def start(
        self,
        texts: Sequence[object],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        truncate: bool = False,
        lane: Lane = "interactive",
        deadline: float | None = None,
    ) -> Pending:
        """The answers of `predict` to come: the texts are encoded, and their windows wait for a worker.

        `lane` and `deadline` are those of `Batcher.submit`.
        """
        check_options(self.task, top_k=top_k, threshold=threshold)
        encoded = self.encode(texts, truncate=truncate)
        windows = _windows([item for item in encoded if isinstance(item, EncodedText)])
        future = self._executor.submit(windows, lane=lane, deadline=deadline) if windows else None
        return Pending(self.task, encoded, future, top_k=top_k, threshold=threshold)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits `(texts, labels)`, pooled over windows; raises the InputError of the first bad text."""
        encoded = []
        for item in self.encode(texts):
            if isinstance(item, InputError):
                raise item
            encoded.append(item)
        return self.pooled_logits(encoded)

    def encode(self, texts: Sequence[object], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """The windows of each text, in order; a text that cannot be encoded has its InputError in its place, and an
        InputError given for a text stays."""
        checked = [_checked(text) for text in texts]
        good = iter(self._encoder.encode([text for text in checked if isinstance(text, str)], truncate=truncate))
        return [next(good) if isinstance(item, str) else item for item in checked]

    def pooled_logits(self, texts: Sequence[EncodedText]) -> NDArray[np.float64]:
        """Logits `(texts, labels)`, pooled over windows; every window runs once, in batches of like length."""
        windows = _windows(texts)
        return pool(texts, self._executor.submit(windows, lane="bulk") if windows else None, self.task)


def pool(texts: Sequence[EncodedText], future: Future[NDArray[np.float32]] | None, task: Task) -> NDArray[np.float64]:
    """Logits `(texts, labels)` from those of the texts' windows, when these are there."""
    pooled = np.empty((len(texts), len(task.labels)), dtype=np.float64)
    if future is None:
        return pooled
    logits, start = future.result(), 0
    for row, text in enumerate(texts):
        stop = start + len(text.windows)
        pooled[row] = pool_windows(logits[start:stop], text.new_tokens, task)
        start = stop
    return pooled


def _windows(texts: Sequence[EncodedText]) -> list[list[int]]:
    return [window for text in texts for window in text.windows]


def _checked(text: object) -> str | InputError:
    if isinstance(text, InputError):  # found before the text came here
        return text
    try:
        return check_text(text)
    except InputError as error:
        return error
