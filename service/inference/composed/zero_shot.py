"""Labels with no training data: which of some labels fits a text, told by a model that was trained on something else.

- With a model of entailment (text-pair with labels that name entailment and contradiction): each label stands in a
  hypothesis, and the probability that the text entails it decides (Yin, Hay and Roth 2019), as in transformers'
  zero-shot pipeline. With `multi_label` each label is judged against contradiction alone, else against the others.
- With a model of vectors: labels are described by texts, and the cosine of text and description, times 20, decides by a
  softmax; with `multi_label` the cosine itself is the score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextEmbedding, TextPair
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.batching import Lane
from glossator.service.inference.pipeline import Answer, Pipeline, Raw
from glossator.service.tasks.encoded import Floats, Pair
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD, Classification, label_by_probability
from glossator.service.tasks.text_embedding import cosine_similarities

HYPOTHESIS = "This example is {}."
SCALE = 20.0
_Score = Callable[[Floats], NDArray[np.float64]]
_ENTAILMENT = ("entailment", "entails", "entailed")
_CONTRADICTION = ("contradiction", "contradicts")


def zero_shot(
    pipeline: Pipeline,
    texts: Sequence[str | InputError],
    labels: Sequence[str],
    *,
    hypothesis: str | None = None,
    multi_label: bool = False,
    lane: Lane = "interactive",
    deadline: float | None = None,
) -> list[Answer | InputError]:
    """For each text its candidate labels by their fit, in the form of a classifier's answer; an InputError in the place
    of a bad text. The best label is given, with `multi_label` each whose score is 0.5 or more.

    `hypothesis` has `{}` where the label goes; it defaults to HYPOTHESIS for entailment, to the bare label for vectors.
    Raises ConfigError where the model can do neither, or the labels cannot be told apart.
    """
    task = pipeline.task
    template = hypothesis or (HYPOTHESIS if isinstance(task, TextPair) else "{}")
    _check(labels, template)
    described = [template.replace("{}", label) for label in labels]
    threshold = DEFAULT_THRESHOLD if multi_label else None
    read: Sequence[object]
    if isinstance(task, TextPair):
        score: _Score = _by_entailment(task, len(labels), multi_label)
        read = [text if isinstance(text, InputError) else Pair(text, each) for text in texts for each in described]
        count = len(labels)
    elif isinstance(task, TextEmbedding):
        anchors = np.stack(pipeline.pooled_outputs(pipeline.encode_all(described), lane=lane, deadline=deadline))
        score = partial(_by_vectors, anchors, multi_label)
        read, count = texts, 1
    else:
        raise ConfigError(
            "zero-shot needs a model of entailment (text-pair) or of vectors (text-embedding)", found=task.task
        )
    found = pipeline.raw(read, lane=lane, deadline=deadline)
    answers: list[Answer | InputError] = []
    for begin in range(0, len(found), count):
        part = [each for each in found[begin : begin + count] if isinstance(each, Raw)]
        error = next((each for each in found[begin : begin + count] if isinstance(each, InputError)), None)
        if error is None:
            answers.append(
                _answer(part, label_by_probability(labels, score(np.stack([each.pooled for each in part])), threshold))
            )
        else:
            answers.append(error)
    return answers


def _answer(part: Sequence[Raw], chosen: Classification) -> Answer:
    windows = sum(len(each.text.windows) for each in part)
    return Answer(chosen, tokens=part[0].text.tokens, windows=windows, truncated=False)


def _check(labels: Sequence[str], template: str) -> None:
    if len(labels) < 1 or len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise ConfigError(
            "the candidate labels are empty or repeat", found=", ".join(labels), expected="different names"
        )
    if "{}" not in template:
        raise ConfigError(
            "the hypothesis has no place for the label", found=template, expected=f"such as {HYPOTHESIS!r}"
        )


def _by_entailment(task: TextPair, labels: int, multi_label: bool) -> _Score:
    """From the logits `(labels, classes)` of a text beside each hypothesis to the scores `(labels,)`."""
    entailment, contradiction = _place(task, _ENTAILMENT), _place(task, _CONTRADICTION)
    if multi_label or labels == 1:
        return lambda logits: _softmax(logits[:, [contradiction, entailment]])[:, 1]
    return lambda logits: _softmax(logits[:, entailment])


def _by_vectors(anchors: Floats, multi_label: bool, vector: Floats) -> NDArray[np.float64]:
    """From the vector `(1, dimension)` of a text to the scores `(labels,)`."""
    near = cosine_similarities(vector, anchors)[0]
    return np.clip(near, 0.0, 1.0) if multi_label else _softmax(SCALE * near)


def _place(task: TextPair, names: Sequence[str]) -> int:
    for place, label in enumerate(task.labels):
        if label.casefold() in names:
            return place
    raise ConfigError(
        "this pair model was not trained on entailment",
        found=", ".join(task.labels),
        expected=f"a label named {names[0]}",
    )


def _softmax(logits: Floats) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
