"""Logits of tokens to entities. This is the one file where a tag becomes an entity.

The rule, in order:

1. Windows of a long text are stitched: of a token that several windows hold, the logits of the window in which it
   stands farthest from an edge count (the first of equals).
2. The bias that was fitted on validation data is taken from the logit of `O`, and a softmax over the tags gives each
   token its probabilities.
3. `aggregation` makes words of tokens, by the names of transformers' pipeline: with `first` (the default, as the model
   was trained) a word has the probabilities of its first token, with `average` their mean, with `max` those of its
   surest token; with `simple` and `none` every token stands for itself.
4. Of all sequences of tags that IOB2 allows (no `I-X` but after `B-X` or `I-X`), the most probable is taken (Viterbi
   1967, with transitions that cost nothing or are forbidden). `none` takes each token's own best tag instead.
5. `B-X` and the `I-X` behind it make an entity, from the first character of its first word to the last of its last;
   its score is the mean over its words. With `none`, every token that is not `O` is answered by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import OUTSIDE, TokenClassification
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.offsets import counter
from glossator.service.tasks.options import Aggregation, Options

DEFAULT_AGGREGATION: Aggregation = "first"


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text, `text == document[start:end]` in code points (or the unit asked for), and what it is.

    With aggregation `none` the label is a tag (`B-PER`), else a type (`PER`).
    """

    start: int
    end: int
    text: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of a text, in its order."""

    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Stitched:
    """The tokens of a text, each once: where they lie `(tokens, 2)`, and which word each is part of `(tokens,)`."""

    offsets: NDArray[np.int64]
    words: NDArray[np.int64]


def stitch_logits(text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
    """Logits `(tokens, tags)` of the tokens of a text, each from the window in which it has most context around it."""
    chosen = [output[places] for output, places in zip(outputs, _places(text), strict=True)]
    return np.concatenate(chosen).astype(np.float64)


def stitch_tokens(text: EncodedText) -> Stitched:
    """Where the rows of `stitch_logits` lie."""
    pairs = list(zip(text.alignment, _places(text), strict=True))
    return Stitched(
        np.concatenate([alignment.offsets[places] for alignment, places in pairs]),
        np.concatenate([alignment.words[places] for alignment, places in pairs]),
    )


def _places(text: EncodedText) -> list[NDArray[np.intp]]:
    """Of each window the tokens that it speaks for: its share of the text's tokens, in order."""
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
        # Beyond the text's own ends there is nothing to see, so they are no edges.
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
    """The softmax over the last axis."""
    shifted = np.exp(np.asarray(logits, dtype=np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def allowed(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which tag may follow which, `(tags + 1, tags)`: row -1 is the begin of a text."""
    follows = np.ones((len(labels) + 1, len(labels)), dtype=bool)
    for column, label in enumerate(labels):
        if label.startswith("I-"):
            begin = {f"B-{label[2:]}", label}
            follows[:, column] = [before in begin for before in labels] + [False]
    return follows


def best_tags(probability: NDArray[np.float64], follows: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The most probable sequence of tags `(words,)` that is allowed; `probability` is `(words, tags)`."""
    best: NDArray[np.intp] = probability.argmax(axis=1)
    if follows[np.concatenate([[-1], best[:-1]]), best].all():
        return best  # nothing is more probable than each word's best
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
    probability: NDArray[np.float64], tokens: Stitched, aggregation: Aggregation
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities `(words, tags)` and offsets `(words, 2)` of words from those of their tokens."""
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
    """Logits of windows to the entities of texts."""

    needs_alignment = True

    def __init__(self, task: TokenClassification) -> None:
        self.task = task
        self._follows = allowed(task.labels)
        self._outside = task.labels.index(OUTSIDE)

    def check(self, options: Options) -> None:
        """Raises ConfigError where an option cannot apply."""
        options.check(self.task.task, ("aggregation", "threshold", "offset_unit"))

    def gather(self, text: EncodedText, outputs: Sequence[Floats]) -> NDArray[np.float64]:
        """The logits `(tokens, tags)` of a text, stitched."""
        return stitch_logits(text, outputs)

    def answer(
        self, texts: Sequence[EncodedText], gathered: Sequence[NDArray[np.float64]], options: Options
    ) -> list[Entities]:
        """The entities of each text. With a `threshold`, those of at least that score."""
        return [Entities(self._entities(text, logits, options)) for text, logits in zip(texts, gathered, strict=True)]

    def summary(self, answer: Entities) -> tuple[tuple[str, ...], float]:
        """What golden rows record of an answer: each entity as `start:end:label`, and the mean of their scores."""
        found = answer.entities
        score = sum(entity.score for entity in found) / len(found) if found else 0.0
        return tuple(f"{entity.start}:{entity.end}:{entity.label}" for entity in found), score

    def _entities(self, text: EncodedText, logits: NDArray[np.float64], options: Options) -> tuple[Entity, ...]:
        if not len(logits):
            return ()
        aggregation = options.aggregation or DEFAULT_AGGREGATION
        biased = logits.copy()
        biased[:, self._outside] -= self.task.outside_bias
        probability, offsets = merge_words(probabilities(biased), stitch_tokens(text), aggregation)
        tags = probability.argmax(axis=1) if aggregation == "none" else best_tags(probability, self._follows)
        inside = np.flatnonzero(tags != self._outside)
        groups: list[list[int]] = []
        for word in inside.tolist():
            follows = groups and groups[-1][-1] == word - 1 and self.task.labels[tags[word]].startswith("I-")
            if follows and aggregation != "none":
                groups[-1].append(word)
            else:
                groups.append([word])
        found = []
        count = counter(text.text, options.offset_unit)
        for group in groups:
            start, end = int(offsets[group[0], 0]), int(offsets[group[-1], 1])
            score = float(np.mean([probability[word, tags[word]] for word in group]))
            if end <= start or (options.threshold is not None and score < options.threshold):
                continue  # a token of no characters, as some tokenizers make
            label = self.task.labels[tags[group[0]]]
            counted = count(start), count(end)
            found.append(Entity(*counted, text.text[start:end], label if aggregation == "none" else label[2:], score))
        return tuple(found)
