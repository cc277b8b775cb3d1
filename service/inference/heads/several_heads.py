"""Several heads of one backbone answer the same texts: each text is encoded and read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.answer_forms.answer_cells import answer_columns
from glossator.service.inference.answers import Answers
from glossator.service.inference.heads.head_executor import stack_vectors
from glossator.service.inference.inputs import Texts, as_list, index_of, name_row
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import CHUNK_TEXTS, Answer, PendingAnswers
from glossator.service.inference.queue.calls import Lane
from glossator.service.inference.steps import Steps, finish
from glossator.service.tasks.encoded import EncodedText, group_by_text, windows_of
from glossator.service.tasks.options import DecodeKeywords, DecodeOptions
from glossator.service.tasks.text_classification import Classification, decode_stacked, pool_windows, stack_key

STACKED_NUMBERS = 262_144
"""Logits that are decoded together: 2 MB in float64. More would take more memory, and no less time."""


class HeadAnswers(NamedTuple):
    """The answers of one head: one per text, in order; an invalid text has its error."""

    head: Model
    pending: PendingAnswers
    answers: list[Answer | InputError]


class PendingHeads:
    """The answers of several heads to encoded texts whose windows wait or run."""

    def __init__(
        self,
        heads: Sequence[Model],
        pending: PendingAnswers,
        *,
        lane: Lane = "interactive",
        deadline: float | None = None,
    ) -> None:
        self._heads = heads
        self._pending = pending
        texts = pending.texts
        if texts:
            pending.future = heads[0].batcher.submit(windows_of(texts), lane=lane, deadline=deadline)
        self.vectors = pending.future
        """The future vectors of all windows; None if there are none."""

    def result(self) -> list[HeadAnswers]:
        """Wait for the vectors and return the answers of each head. Raises the executor's error."""
        return finish(self.steps())

    def steps(self) -> Steps[list[HeadAnswers]]:
        """Do the same as `result`, in steps: each decodes heads with alike tasks together."""
        texts = self._pending.texts
        vectors = np.empty((0, 0)) if self.vectors is None else stack_vectors(self.vectors.result())
        found: dict[int, list[Answer | InputError]] = {}
        for places in stack_heads(self._heads, len(vectors)):
            heads = [self._heads[place] for place in places]
            predictions = decode_heads(heads, texts, vectors, self._pending.options)
            found |= zip(places, map(self._pending.answers, predictions), strict=True)
            yield None
        return [HeadAnswers(head, self._pending, found[place]) for place, head in enumerate(self._heads)]


def stack_heads(heads: Sequence[Model], windows: int) -> Iterator[list[int]]:
    """Yield the places of heads whose logits are decoded together: the same number of labels, and about 2 MB."""
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, head in enumerate(heads):
        alike[stack_key(_classifier(head))].append(place)
    for places in alike.values():
        numbers = windows * len(_classifier(heads[places[0]]).labels)
        count = max(1, STACKED_NUMBERS // max(1, numbers))
        for first in range(0, len(places), count):
            yield places[first : first + count]


def decode_heads(
    heads: Sequence[Model], texts: Sequence[EncodedText], vectors: NDArray[np.float64], options: DecodeOptions
) -> list[list[Classification]]:
    """Return the classifications of each head from the vectors `(windows, dimension)`; see `decode_stacked`."""
    if not texts:
        return [[] for _ in heads]
    tasks = [_classifier(head) for head in heads]
    layers = [head.head.logits.of_stacked(vectors) for head in heads if head.head is not None]
    logits = np.stack(layers, axis=1)  # (windows, heads, labels)
    groups = zip(texts, group_by_text(texts, list(logits)), strict=True)
    pooled = [pool_windows(group, text.new_tokens, tasks[0]) for text, group in groups]
    return decode_stacked(np.stack(pooled), tasks, options)


def _classifier(head: Model) -> Classifier:
    """The task of a head."""
    assert isinstance(head.task, Classifier)
    return head.task


def check_heads(heads: Sequence[Model]) -> None:
    """Raise ConfigError if the models are not heads of one backbone."""
    digests = {None if head.backbone is None else head.backbone.digest for head in heads}
    if len(digests) != 1 or None in digests:
        of = (f"{head.name} of {'none' if head.backbone is None else head.backbone.version}" for head in heads)
        raise ConfigError(
            "these models are not heads of one backbone",
            found=", ".join(of) or "no heads",
            expected="one or more heads of the same backbone",
            hint="Ask the other models in requests of their own.",
        )


def heads_steps(
    heads: Sequence[Model], texts: Sequence[object], *, deadline: float, **asked: Unpack[DecodeKeywords]
) -> Steps[list[HeadAnswers]]:
    """Answer the texts with every head, in steps. Raises ConfigError if an option does not apply to a head."""
    check_options(heads, asked)
    pending = yield from heads[0].pipeline.prepare_steps(texts, **asked)
    yield None
    running = PendingHeads(heads, pending, deadline=deadline)
    yield running.vectors
    return (yield from running.steps())


def predict_heads(heads: Sequence[Model], texts: Texts, **asked: Unpack[DecodeKeywords]) -> list[Answers]:
    """Return the answers of each head to all texts, in the order of the heads. Each text is encoded and read once.

    Args:
        heads: Loaded heads of one backbone.
        texts: As for `Model.predict`.
        **asked: Options of the task, which must apply to every head.

    Raises:
        ConfigError: The models are not heads of one backbone, or an option does not apply to one of them.
        InferenceError: The graph failed.
    """
    check_heads(heads)
    check_options(heads, asked)
    items = as_list(texts)
    chunks = [
        PendingHeads(heads, heads[0].pipeline.prepare(items[first : first + CHUNK_TEXTS], **asked))
        for first in range(0, len(items), CHUNK_TEXTS)
    ]
    found: list[list[Answer | InputError]] = [[] for _ in heads]
    for chunk in chunks:
        for place, each in enumerate(chunk.result()):
            found[place] += each.answers
    sets = asked.get("coverage") is not None
    return [
        Answers(
            map(name_row, answers, count()),
            columns=answer_columns(head.task, label_sets=sets, cascade=False),
            index=index_of(texts),
        )
        for head, answers in zip(heads, found, strict=True)
    ]


def check_options(heads: Sequence[Model], asked: DecodeKeywords) -> None:
    """Raise ConfigError if an option does not apply to one of the heads."""
    options = DecodeOptions(**asked)
    for head in {_classifier(head).problem_type: head for head in heads}.values():
        head.pipeline.decoder.check(options)
