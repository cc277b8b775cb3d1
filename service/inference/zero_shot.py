"""Labels with no training data: which of some labels fits a text, told by a model that was trained on something else.

- With a model of entailment (text-pair with labels that name entailment and contradiction): each label stands in a
  hypothesis, and the probability that the text entails it decides (Yin, Hay and Roth 2019), as in transformers'
  zero-shot pipeline. With `multi_label` each label is judged against contradiction alone, else against the others.
- With a model of vectors: labels are described by texts, and the cosine of text and description, times 20, decides by a
  softmax; with `multi_label` the cosine itself is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle.task import TextEmbedding, TextPair
from service.errors import ConfigError, InputError
from service.inference.pipeline import Pipeline
from service.tasks.encoded import EncodedText, Pair
from service.tasks.text_embedding import cosine

HYPOTHESIS = "This example is {}."
SCALE = 20.0
_ENTAILMENT = ("entailment", "entails", "entailed")
_CONTRADICTION = ("contradiction", "contradicts")


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """The labels, the best first, with their scores: what transformers' pipeline calls `labels` and `scores`."""

    sequence: str
    labels: tuple[str, ...]
    scores: tuple[float, ...]


def zero_shot(
    pipeline: Pipeline,
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    hypothesis: str | None = None,
    multi_label: bool = False,
) -> list[ZeroShot | InputError]:
    """The candidate labels of each text in the order of their fit; an InputError in the place of a bad text.

    `hypothesis` has `{}` where the label goes; it defaults to HYPOTHESIS for entailment, to the bare label for vectors.
    Raises ConfigError where the model can do neither, or the labels cannot be told apart.
    """
    task = pipeline.task
    template = hypothesis or (HYPOTHESIS if isinstance(task, TextPair) else "{}")
    _check(labels, template)
    described = [template.format(label) for label in labels]
    if isinstance(task, TextPair):
        rows = _by_entailment(pipeline, task, texts, described, multi_label)
    elif isinstance(task, TextEmbedding):
        rows = _by_vectors(pipeline, texts, described, multi_label)
    else:
        raise ConfigError(
            "zero-shot needs a model of entailment (text-pair) or of vectors (text-embedding)", found=task.task
        )
    return [
        row if isinstance(row, InputError) else _sorted(text, labels, row)
        for text, row in zip(texts, rows, strict=True)
    ]


def _check(labels: Sequence[str], template: str) -> None:
    if len(labels) < 1 or len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise ConfigError(
            "the candidate labels are empty or repeat", found=", ".join(labels), expected="different names"
        )
    if "{}" not in template:
        raise ConfigError(
            "the hypothesis has no place for the label", found=template, expected=f"such as {HYPOTHESIS!r}"
        )


def _by_entailment(
    pipeline: Pipeline, task: TextPair, texts: Sequence[str], described: Sequence[str], multi_label: bool
) -> list[NDArray[np.float64] | InputError]:
    entailment, contradiction = _place(task, _ENTAILMENT), _place(task, _CONTRADICTION)
    encoded = pipeline.encode([Pair(text, each) for text in texts for each in described])
    gathered = iter(pipeline.gathered([each for each in encoded if isinstance(each, EncodedText)]))
    logits = [each if isinstance(each, InputError) else next(gathered) for each in encoded]
    rows: list[NDArray[np.float64] | InputError] = []
    for start in range(0, len(logits), len(described)):
        part = logits[start : start + len(described)]
        error = next((each for each in part if isinstance(each, InputError)), None)
        if error is not None:
            rows.append(error)
            continue
        table = np.stack([each for each in part if not isinstance(each, InputError)])  # (labels, classes)
        if multi_label or len(described) == 1:
            rows.append(_softmax(table[:, [contradiction, entailment]])[:, 1])
        else:
            rows.append(_softmax(table[:, entailment]))
    return rows


def _by_vectors(
    pipeline: Pipeline, texts: Sequence[str], described: Sequence[str], multi_label: bool
) -> list[NDArray[np.float64] | InputError]:
    anchors = np.stack(pipeline.gathered(pipeline.encode_all(described)))
    encoded = pipeline.encode(texts)
    vectors = iter(pipeline.gathered([each for each in encoded if isinstance(each, EncodedText)]))
    rows: list[NDArray[np.float64] | InputError] = []
    for each in encoded:
        if isinstance(each, InputError):
            rows.append(each)
            continue
        near = cosine(next(vectors)[np.newaxis], anchors)[0]
        rows.append(np.clip(near, 0.0, 1.0) if multi_label else _softmax(SCALE * near))
    return rows


def _place(task: TextPair, names: Sequence[str]) -> int:
    for place, label in enumerate(task.labels):
        if label.casefold() in names:
            return place
    raise ConfigError(
        "this pair model was not trained on entailment",
        found=", ".join(task.labels),
        expected=f"a label named {names[0]}",
    )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _sorted(text: str, labels: Sequence[str], scores: NDArray[np.float64]) -> ZeroShot:
    order = np.argsort(-scores, kind="stable")
    return ZeroShot(text, tuple(labels[place] for place in order), tuple(float(scores[place]) for place in order))
