"""Several heads of one backbone answer the same texts: each text is encoded and read once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple, Unpack

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.answer_cells import answer_columns
from glossator.service.inference.answers import Answers
from glossator.service.inference.calls import Lane
from glossator.service.inference.heads.head_executor import HeadOutputs
from glossator.service.inference.inputs import Texts, as_list, index_of, name_row
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import CHUNK_TEXTS, Answer, PendingAnswers
from glossator.service.inference.steps import Steps
from glossator.service.tasks.encoded import windows_of
from glossator.service.tasks.options import DecodeKeywords, DecodeOptions


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
        self.vectors = heads[0].batcher.submit(windows_of(texts), lane=lane, deadline=deadline) if texts else None
        """The future vectors of all windows; None if there are none."""

    def by_head(self) -> Iterator[HeadAnswers]:
        """Wait for the vectors and yield the answers of each head. Raises the executor's error."""
        outputs = None if self.vectors is None else HeadOutputs(self.vectors)
        for head in self._heads:
            assert head.head is not None
            future = None if outputs is None else outputs.of(head.head.logits)
            pending = self._pending.decoded_by(head.pipeline.decoder, future)
            yield HeadAnswers(head, pending, pending.result())


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
    found = []
    for each in running.by_head():
        found.append(each)
        yield None
    return found


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
        for place, each in enumerate(chunk.by_head()):
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
    for head in heads:
        head.pipeline.decoder.check(options)
