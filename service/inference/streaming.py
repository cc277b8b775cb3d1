"""Answers to texts that are read one after another: in order, while they come, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.inputs import check_items, is_one_text, name_row
from glossator.service.inference.pipeline import Answer, PendingAnswers

BATCH_TEXTS = 256
_AHEAD = 2
"""Batches that wait for their answers while the next one is read: workers always have work."""


def stream(
    start: Callable[[Sequence[object]], PendingAnswers], texts: Iterable[object], batch: int
) -> Iterator[Answer | InputError]:
    """Return an iterator of one answer per text; an error names the place of its text.

    Args:
        start: Queues a batch of texts.
        texts: The texts, possibly without end.
        batch: Texts per batch. At most three batches of texts and answers are held.

    Raises:
        ConfigError: `texts` is a single text or a table, or `batch` is too small.
    """
    if batch < 1:
        raise ConfigError("the batch is too small", found=batch, expected="1 or more texts")
    if is_one_text(texts):
        raise ConfigError("a stream needs many texts", found=type(texts).__name__, hint="Call the model: model(text).")
    return _stream(start, iter(check_items(texts)), batch)


def _stream(
    start: Callable[[Sequence[object]], PendingAnswers], texts: Iterator[object], batch: int
) -> Iterator[Answer | InputError]:
    waiting: deque[PendingAnswers] = deque()
    places = count()
    while items := list(islice(texts, batch)):
        waiting.append(start(items))
        if len(waiting) > _AHEAD:
            yield from map(name_row, waiting.popleft().result(), places)
    while waiting:
        yield from map(name_row, waiting.popleft().result(), places)
