"""Several heads of one backbone answer the same texts: each text is encoded and read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import count
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.backbones import reads_tokens
from glossator.service.bundle.task import Classifier, TextEmbedding
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.answer_forms.answer_cells import answer_columns
from glossator.service.inference.answers import Answers
from glossator.service.inference.heads.head_executor import mark_tokens, stack_vectors
from glossator.service.inference.inputs import Texts, as_list, index_of, name_row
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import CHUNK_TEXTS, Answer, PendingAnswers, Pipeline
from glossator.service.inference.queue.calls import Lane, Outputs, Windows
from glossator.service.inference.steps import Steps, finish
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.encoded import EncodedText, group_by_text, windows_of
from glossator.service.tasks.options import DEFAULTS, DecodeKeywords, DecodeOptions
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
            windows: Windows = windows_of(texts)
            if any(reads_tokens(head.task) for head in heads):
                windows = mark_tokens(windows)
            pending.future = heads[0].batcher.submit(windows, lane=lane, deadline=deadline)
        self.vectors = pending.future
        """The future vectors of all windows; None if there are none."""

    def result(self) -> list[HeadAnswers]:
        """Wait for the vectors and return the answers of each head. Raises the executor's error."""
        return finish(self.steps())

    def steps(self) -> Steps[list[HeadAnswers]]:
        """Do the same as `result`, in steps: each decodes classifiers with alike tasks together, or one other head."""
        texts = self._pending.texts
        outputs = [] if self.vectors is None else self.vectors.result()
        classifiers = {place: head for place, head in enumerate(self._heads) if not reads_tokens(head.task)}
        found: dict[int, list[Answer | InputError]] = {}
        if classifiers:
            vectors = stack_vectors(_of_texts(next(iter(classifiers.values())), outputs))
            options = options_for(classifiers.values(), self._pending.options)
            for stack in stack_heads(list(classifiers.values()), len(vectors)):
                places = [list(classifiers)[each] for each in stack]
                predictions = decode_heads([classifiers[place] for place in places], texts, vectors, options)
                found |= zip(places, map(self._pending.answers, predictions), strict=True)
                yield None
        for place, head in enumerate(self._heads):
            if place not in classifiers:
                options = options_for([head], self._pending.options)
                found[place] = self._pending.answers(decode_tokens(head, texts, outputs, options))
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


def decode_tokens(
    head: Model, texts: Sequence[EncodedText], outputs: Outputs, options: DecodeOptions
) -> Sequence[Prediction]:
    """Return the predictions of a head that reads tokens, from the outputs of the backbone for all windows."""
    assert head.head is not None
    decoder = head.pipeline.decoder
    groups = group_by_text(texts, head.head.logits(outputs))
    pooled = [decoder.pool(text, group) for text, group in zip(texts, groups, strict=True)]
    return decoder.decode(texts, pooled, options)


def _of_texts(head: Model, outputs: Outputs) -> Outputs:
    """Return the vectors of the windows, without those of their tokens."""
    assert head.backbone is not None
    assert isinstance(head.backbone.task, TextEmbedding)
    dimension = head.backbone.task.dimension
    return [output[:dimension] for output in outputs]


def reader(heads: Sequence[Model]) -> Pipeline:
    """Return the pipeline that encodes texts for all heads: with the positions of tokens, if a head reads tokens."""
    return next((head for head in heads if reads_tokens(head.task)), heads[0]).pipeline


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
    """Answer the texts with every head, in steps. Raises ConfigError for an option that applies to no head."""
    options = check_options(heads, asked)
    pending = yield from reader(heads).prepare_steps(texts, truncate=options.truncate)
    pending.options = options
    yield None
    running = PendingHeads(heads, pending, deadline=deadline)
    yield running.vectors
    return (yield from running.steps())


def predict_heads(heads: Sequence[Model], texts: Texts, **asked: Unpack[DecodeKeywords]) -> list[Answers]:
    """Return the answers of each head to all texts, in the order of the heads. Each text is encoded and read once.

    Args:
        heads: Loaded heads of one backbone.
        texts: As for `Model.predict`.
        **asked: Options of the tasks. Each must apply to all heads that classify texts, or to those that find
            entities; the others ignore it.

    Raises:
        ConfigError: The models are not heads of one backbone, or an option applies to none of them.
        InferenceError: The graph failed.
    """
    check_heads(heads)
    options = check_options(heads, asked)
    items = as_list(texts)
    chunks = [
        PendingHeads(heads, prepare(heads, items[first : first + CHUNK_TEXTS], options))
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


def prepare(heads: Sequence[Model], texts: Sequence[object], options: DecodeOptions) -> PendingAnswers:
    """Encode the texts for all heads. The options must have passed `check_options`."""
    pending = reader(heads).prepare(texts, truncate=options.truncate)
    pending.options = options
    return pending


def check_options(heads: Sequence[Model], asked: DecodeKeywords) -> DecodeOptions:
    """Return the options. Raises ConfigError for one that applies neither to all classifiers nor to other heads."""
    options = DecodeOptions(**asked)
    kinds = [list(group) for group in _by_task(heads)]
    for name in asked:
        refused = [error for kind in kinds if (error := _refusal(kind, name, options)) is not None]
        if len(refused) == len(kinds):
            raise refused[0]
    return options


def options_for(heads: Iterable[Model], options: DecodeOptions) -> DecodeOptions:
    """Return the options that apply to heads of one task; the others have their defaults."""
    alike = list(heads)
    unfit = [each.name for each in fields(options) if _refusal(alike, each.name, options) is not None]
    return replace(options, **{name: getattr(DEFAULTS, name) for name in unfit})


def _by_task(heads: Sequence[Model]) -> Iterable[Iterable[Model]]:
    """Return the heads in groups with the same task."""
    grouped: defaultdict[str, list[Model]] = defaultdict(list)
    for head in heads:
        grouped[head.task.task].append(head)
    return grouped.values()


def _refusal(heads: Sequence[Model], name: str, options: DecodeOptions) -> ConfigError | None:
    """Return the error of the first head to which an option does not apply; None if there is none."""
    one = replace(DEFAULTS, **{name: getattr(options, name)})
    for head in {repr(getattr(head.task, "problem_type", None)): head for head in heads}.values():
        try:
            head.pipeline.decoder.check(one)
        except ConfigError as error:
            return error
    return None
