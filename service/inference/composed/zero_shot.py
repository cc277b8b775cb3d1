"""Zero-shot classification: labels that the model was not trained on.

- With a text-pair model of entailment (labels named entailment and contradiction): each label is put into a hypothesis,
  and its score is the probability that the text entails it (Yin, Hay and Roth 2019), as in transformers' zero-shot
  pipeline. With `multi_label` each label competes only with contradiction, otherwise with the other labels.
- With a text-embedding model: each label is described by a text. The scores are a softmax over 20 times the cosine
  similarity of text and description; with `multi_label`, the cosine similarity itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import TextEmbedding, TextPair
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.batching import Lane
from glossator.service.inference.pipeline import Answer, Pipeline, PooledText
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
    """Return an answer over the candidate labels for each text; an invalid text yields its InputError.

    Assigns the best label, with `multi_label` each label with a score of at least 0.5.

    Args:
        hypothesis: A template with `{}` for the label; default: HYPOTHESIS for entailment, the label for embeddings.

    Raises:
        ConfigError: The model supports neither way, or labels are empty or repeat.
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
        raise ConfigError("zero-shot needs a text-pair model of entailment or a text-embedding model", found=task.task)
    found = pipeline.pooled_texts(read, lane=lane, deadline=deadline)
    answers: list[Answer | InputError] = []
    for begin in range(0, len(found), count):
        part = [each for each in found[begin : begin + count] if isinstance(each, PooledText)]
        error = next((each for each in found[begin : begin + count] if isinstance(each, InputError)), None)
        if error is None:
            answers.append(
                _answer(part, label_by_probability(labels, score(np.stack([each.pooled for each in part])), threshold))
            )
        else:
            answers.append(error)
    return answers


def _answer(part: Sequence[PooledText], chosen: Classification) -> Answer:
    windows = sum(len(each.text.windows) for each in part)
    return Answer(chosen, tokens=part[0].text.tokens, windows=windows, truncated=False)


def _check(labels: Sequence[str], template: str) -> None:
    if len(labels) < 1 or len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise ConfigError("candidate labels are empty or repeat", found=", ".join(labels), expected="different names")
    if "{}" not in template:
        raise ConfigError(
            "the hypothesis has no placeholder for the label",
            found=template,
            expected=f"a text with {{}}, such as {HYPOTHESIS!r}",
        )


def _by_entailment(task: TextPair, labels: int, multi_label: bool) -> _Score:
    """Return a function from the logits `(labels, classes)` of a text with each hypothesis to scores `(labels,)`."""
    entailment, contradiction = _place(task, _ENTAILMENT), _place(task, _CONTRADICTION)
    if multi_label or labels == 1:
        return lambda logits: _softmax(logits[:, [contradiction, entailment]])[:, 1]
    return lambda logits: _softmax(logits[:, entailment])


def _by_vectors(anchors: Floats, multi_label: bool, vector: Floats) -> NDArray[np.float64]:
    """Return the scores `(labels,)` of a text from its vector `(1, dimension)`."""
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
