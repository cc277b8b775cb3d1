"""Logits of tokens to entities. This is the one file where a tag becomes an entity.

1. Overlapping windows are stitched: each token takes its logits from the window in which it is farthest from an edge
   (of equals, the first window).
2. The bias fitted on validation data is subtracted from the logit of `O`; a softmax over the tags gives probabilities.
3. `aggregation` merges tokens into words, with the names of transformers' pipeline: `first` (default; models are
   trained this way) takes the probabilities of the first token, `average` the mean, `max` those of the most confident
   token. `simple` and `none` keep tokens separate.
4. The most probable tag sequence that the tagging allows is chosen (in IOB2 `I-X` only after `B-X` or `I-X`; Viterbi
   1967 with free or forbidden transitions). `none` takes the best tag of each token instead.
5. `B-X` and the following `I-X` form an entity from the first character of its first word to the last character of its
   last word; its score is the mean over its words. With `none`, each token that is not `O` is an entity. Models that
   were trained elsewhere may have another tagging: in IOB1 an entity may begin with `I-X`, in BILOU `L-X` and `U-X`
   count as `I-X` and `B-X`, with the sum of their probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import OUTSIDE, Tagging, TokenClassification, iob2_tags
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.offsets import offset_converter
from glossator.service.tasks.options import Aggregation, DecodeOptions

DEFAULT_AGGREGATION: Aggregation = "first"


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: `text == document[start:end]`, in code points or the requested unit.

    `label` is a type (`PER`), or with aggregation `none` a tag (`B-PER`).
    """

    start: int
    end: int
    text: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of a text, in text order."""

    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class TokenPositions:
    """The tokens of a text, each once: offsets `(tokens, 2)` and the index of each token's word `(tokens,)`."""

    offsets: NDArray[np.int64]
    words: NDArray[np.int64]


def stitch_logits(text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
    """Return the logits `(tokens, tags)` of a text, each token's from the window with most context around it."""
    chosen = [output[places] for output, places in zip(outputs, _tokens_by_window(text), strict=True)]
    return np.concatenate(chosen).astype(np.float64)


def stitch_tokens(text: EncodedText) -> TokenPositions:
    """Return the positions of the rows of `stitch_logits`."""
    pairs = list(zip(text.alignment, _tokens_by_window(text), strict=True))
    return TokenPositions(
        np.concatenate([alignment.offsets[places] for alignment, places in pairs]),
        np.concatenate([alignment.words[places] for alignment, places in pairs]),
    )


def _tokens_by_window(text: EncodedText) -> list[NDArray[np.intp]]:
    """Return for each window the indices of the tokens that it decides, in order; each token has one window."""
    inside = [alignment.inside for alignment in text.alignment]
    if len(inside) == 1:
        return inside
    ends = np.cumsum(text.new_tokens)
    starts = [int(end) - len(places) for end, places in zip(ends, inside, strict=True)]
    total = int(ends[-1])
    best = np.full(total, -1)
    owner = np.zeros(total, dtype=np.int64)
    for window, (start, places) in enumerate(zip(starts, inside, strict=True)):
        count = len(places)
        distance = np.minimum(np.arange(count), np.arange(count)[::-1])
        # The start and the end of the text are not edges: there is no context that the window misses.
        if start == 0:
            distance = np.arange(count)[::-1]
        if start + count == total:
            distance = np.arange(count) if start else np.full(count, total)
        better = distance > best[start : start + count]
        best[start : start + count][better] = distance[better]
        owner[start : start + count][better] = window
    return [
        places[owner[start : start + len(places)] == window]
        for window, (start, places) in enumerate(zip(starts, inside, strict=True))
    ]


def probabilities(logits: Floats) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    shifted = np.exp(np.asarray(logits, dtype=np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def allowed_transitions(labels: Sequence[str], tagging: Tagging = "IOB2") -> NDArray[np.bool_]:
    """Return which tag (column) may follow which (row), `(tags + 1, tags)`; row -1 is the start of the text."""
    follows = np.ones((len(labels) + 1, len(labels)), dtype=bool)
    if tagging == "IOB1":
        return follows
    for column, label in enumerate(labels):
        if label.startswith("I-"):
            begin = {f"B-{label[2:]}", label}
            follows[:, column] = [before in begin for before in labels] + [False]
    return follows


def merge_tags(task: TokenClassification) -> tuple[list[str], NDArray[np.float64] | None]:
    """Return the tags that are decided, and the matrix `(labels, tags)` that sums probabilities; None if none differ.

    BILOU is read as IOB2: `L-X` as `I-X`, `U-X` as `B-X`.
    """
    if task.tagging != "BILOU":
        return task.labels, None
    tags = iob2_tags(task.types)
    merged = [label if label == OUTSIDE else f"{'B' if label[0] in 'BU' else 'I'}-{label[2:]}" for label in task.labels]
    return tags, np.array([[float(tag == each) for tag in tags] for each in merged])


def best_tags(probability: NDArray[np.float64], follows: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the most probable allowed tag sequence `(words,)`; `probability` is `(words, tags)`."""
    best: NDArray[np.intp] = probability.argmax(axis=1)
    if follows[np.concatenate([[-1], best[:-1]]), best].all():
        return best  # the best tags of the single words are an allowed sequence
    with np.errstate(divide="ignore"):
        log = np.log(probability)
        cost = np.log(follows.astype(np.float64))  # 0 or minus infinity
    score = log[0] + cost[-1]
    came = np.zeros(probability.shape, dtype=np.intp)
    for word in range(1, len(log)):
        paths = score[:, np.newaxis] + cost[:-1]  # (tag before, tag)
        came[word] = paths.argmax(axis=0)
        score = paths.max(axis=0) + log[word]
    tags = np.zeros(len(log), dtype=np.intp)
    tags[-1] = score.argmax()
    for word in range(len(log) - 1, 0, -1):
        tags[word - 1] = came[word, tags[word]]
    return tags


def merge_words(
    probability: NDArray[np.float64], tokens: TokenPositions, aggregation: Aggregation
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Merge tokens into words: return probabilities `(words, tags)` and offsets `(words, 2)`."""
    if aggregation in ("none", "simple") or not len(probability):
        return probability, tokens.offsets
    begins = np.flatnonzero(np.diff(tokens.words, prepend=-1))
    ends = np.append(begins[1:], len(tokens.words))
    offsets = np.stack([tokens.offsets[begins, 0], tokens.offsets[ends - 1, 1]], axis=1)
    if aggregation == "first":
        return probability[begins], offsets
    if aggregation == "average":
        return np.add.reduceat(probability, begins) / (ends - begins)[:, np.newaxis], offsets
    surest = probability.max(axis=1)
    chosen = [begin + int(surest[begin:end].argmax()) for begin, end in zip(begins, ends, strict=True)]
    return probability[chosen], offsets


class Decoder:
    """Decodes the entities of texts."""

    needs_alignment = True

    def __init__(self, task: TokenClassification) -> None:
        self.task = task
        self._tags, self._merge = merge_tags(task)
        self._follows = allowed_transitions(self._tags, task.tagging)
        self._outside = self._tags.index(OUTSIDE)

    def check(self, options: DecodeOptions) -> None:
        """Raise ConfigError if an option does not apply."""
        options.check(self.task.task, ("aggregation", "threshold", "offset_unit"))

    def pool(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """Return the stitched logits `(tokens, tags)` of a text."""
        return stitch_logits(text, outputs)

    def decode(
        self, texts: Sequence[EncodedText], pooled: Sequence[NDArray[np.float64]], options: DecodeOptions
    ) -> list[Entities]:
        """Return the entities of each text; with a `threshold`, only those with at least this score."""
        return [Entities(self._entities(text, logits, options)) for text, logits in zip(texts, pooled, strict=True)]

    def summary(self, answer: Entities) -> tuple[tuple[str, ...], float]:
        """Return each entity as `start:end:label`, and the mean of their scores."""
        found = answer.entities
        score = sum(entity.score for entity in found) / len(found) if found else 0.0
        return tuple(f"{entity.start}:{entity.end}:{entity.label}" for entity in found), score

    def _entities(self, text: EncodedText, logits: NDArray[np.float64], options: DecodeOptions) -> tuple[Entity, ...]:
        if not len(logits):
            return ()
        aggregation = options.aggregation or DEFAULT_AGGREGATION
        biased = logits.copy()
        biased[:, self.task.labels.index(OUTSIDE)] -= self.task.outside_bias
        by_token = probabilities(biased) if self._merge is None else probabilities(biased) @ self._merge
        probability, offsets = merge_words(by_token, stitch_tokens(text), aggregation)
        tags = probability.argmax(axis=1) if aggregation == "none" else best_tags(probability, self._follows)
        inside = np.flatnonzero(tags != self._outside)
        groups: list[list[int]] = []
        for word in inside.tolist():
            tag = self._tags[tags[word]]
            follows = (
                aggregation != "none"
                and groups
                and groups[-1][-1] == word - 1
                and tag.startswith("I-")
                and self._tags[tags[word - 1]][2:] == tag[2:]
            )
            if follows:
                groups[-1].append(word)
            else:
                groups.append([word])
        found = []
        count = offset_converter(text.text, options.offset_unit)
        for group in groups:
            start, end = int(offsets[group[0], 0]), int(offsets[group[-1], 1])
            score = float(np.mean([probability[word, tags[word]] for word in group]))
            if end <= start or (options.threshold is not None and score < options.threshold):
                continue  # some tokenizers produce tokens without characters
            label = self._tags[tags[group[0]]]
            counted = count(start), count(end)
            found.append(Entity(*counted, text.text[start:end], label if aggregation == "none" else label[2:], score))
        return tuple(found)
