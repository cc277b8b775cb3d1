"""Texts to answers, in order: the one path that HTTP, files, Python, evaluation and verification share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.bundle.task import Task
from service.errors import InputError
from service.inference.encoding import EncodedText, Encoder, check_text
from service.inference.planning import plan
from service.tasks.text_classification import Classification, check_options, decode, pool_windows


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


class Runner(Protocol):
    """What turns windows of token ids into logits `(len(windows), labels)`: ONNX Runtime here, PyTorch in training."""

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]: ...


class Pipeline:
    """Encodes, plans, runs and decodes. Threads may share one."""

    def __init__(self, encoder: Encoder, session: Runner, task: Task) -> None:
        self._encoder = encoder
        self._session = session
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
        check_options(self.task, top_k=top_k, threshold=threshold)
        encoded = self.encode(texts, truncate=truncate)
        pooled = iter(self.pooled_logits([item for item in encoded if isinstance(item, EncodedText)]))
        return [
            Answer(
                decode(next(pooled), self.task, top_k=top_k, threshold=threshold),
                tokens=item.tokens,
                windows=len(item.windows),
                truncated=item.truncated,
            )
            if isinstance(item, EncodedText)
            else item
            for item in encoded
        ]

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Logits `(texts, labels)`, pooled over windows; raises the InputError of the first bad text."""
        encoded = []
        for item in self.encode(texts):
            if isinstance(item, InputError):
                raise item
            encoded.append(item)
        return self.pooled_logits(encoded)

    def encode(self, texts: Sequence[object], *, truncate: bool = False) -> list[EncodedText | InputError]:
        """The windows of each text, in order; a text that cannot be encoded has its InputError in its place."""
        checked = [_checked(text) for text in texts]
        good = iter(self._encoder.encode([text for text in checked if isinstance(text, str)], truncate=truncate))
        return [next(good) if isinstance(item, str) else item for item in checked]

    def pooled_logits(self, texts: Sequence[EncodedText]) -> NDArray[np.float64]:
        """Logits `(texts, labels)`, pooled over windows; every window runs once, in batches of like length."""
        windows = [window for text in texts for window in text.windows]
        logits = np.empty((len(windows), len(self.task.labels)), dtype=np.float32)  # (windows, labels)
        for batch in plan([len(window) for window in windows]):
            logits[batch] = self._session.run([windows[index] for index in batch])
        pooled = np.empty((len(texts), len(self.task.labels)), dtype=np.float64)  # (texts, labels)
        start = 0
        for row, text in enumerate(texts):
            stop = start + len(text.windows)
            pooled[row] = pool_windows(logits[start:stop], text.new_tokens, self.task)
            start = stop
        return pooled


def _checked(text: object) -> str | InputError:
    try:
        return check_text(text)
    except InputError as error:
        return error
