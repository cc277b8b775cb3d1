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

from glossator.service.bundle.task import Task, TextEmbedding, TextPair
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.pipeline import Answer, Pipeline, PooledText
from glossator.service.inference.queue.calls import Lane
from glossator.service.inference.steps import Steps
from glossator.service.tasks.encoded import Floats, Pair
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD, Classification, label_by_probability
from glossator.service.tasks.text_embedding import cosine_similarities

HYPOTHESIS = "This example is {}."
SCALE = 20.0
_Score = Callable[[Floats], NDArray[np.float64]]
MOST_CHARACTERS = 1_000
"""The longest label, and the longest hypothesis without its label: each text is read with each label."""
_PLACEHOLDER = "{}"
_SHOWN_LABELS = 20
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
) -> Steps[list[Answer | InputError]]:
    """Return an answer over the candidate labels for each text; an invalid text yields its InputError.

    Assigns the best label, with `multi_label` each label with a score of at least 0.5.

    Args:
        hypothesis: A template with `{}` for the label; default: HYPOTHESIS for entailment, the label for embeddings.

    Raises:
        ConfigError: As `check_zero_shot`.
    """
    task = pipeline.task
    template = check_zero_shot(task, labels, hypothesis)
    described = [template.replace(_PLACEHOLDER, label) for label in labels]
    threshold = DEFAULT_THRESHOLD if multi_label else None
    read: Sequence[object]
    anchors = 0
    if isinstance(task, TextPair):
        score: _Score = _by_entailment(task, len(labels), multi_label)
        read = [text if isinstance(text, InputError) else Pair(text, each) for text in texts for each in described]
        count = len(labels)
    else:
        read, count, anchors = [*described, *texts], 1, len(described)
    found = yield from pipeline.pooled_texts(read, lane=lane, deadline=deadline)
    if anchors:
        score = partial(_by_vectors, np.stack(_vectors(found[:anchors])), multi_label)
        found = found[anchors:]
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


def check_zero_shot(task: Task, labels: Sequence[str], hypothesis: str | None) -> str:
    """Return the template of hypotheses. Nothing is formatted before all is checked.

    Raises ConfigError if the model supports neither way, labels are empty, too long or repeat, or the hypothesis is too
    long or has not exactly one placeholder.
    """
    if isinstance(task, TextPair):
        for names in (_ENTAILMENT, _CONTRADICTION):
            _place(task, names)
    elif not isinstance(task, TextEmbedding):
        raise ConfigError("zero-shot needs a text-pair model of entailment or a text-embedding model", found=task.task)
    longest = max(map(len, labels), default=0)
    if longest > MOST_CHARACTERS:
        raise ConfigError(
            "a candidate label is too long",
            found=f"{longest:,} characters",
            expected=f"at most {MOST_CHARACTERS:,} characters",
        )
    if len(labels) < 1 or len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise ConfigError("candidate labels are empty or repeat", found=_shown(labels), expected="different names")
    template = hypothesis or (HYPOTHESIS if isinstance(task, TextPair) else _PLACEHOLDER)
    if len(template) > MOST_CHARACTERS:
        raise ConfigError(
            "the hypothesis is too long",
            found=f"{len(template):,} characters",
            expected=f"at most {MOST_CHARACTERS:,} characters",
        )
    if template.count(_PLACEHOLDER) != 1:
        raise ConfigError(
            "the hypothesis has no placeholder for the label, or several",
            found=template,
            expected=f"a text with one {_PLACEHOLDER}, such as {HYPOTHESIS}",
        )
    return template


def _shown(labels: Sequence[str]) -> str:
    return ", ".join(labels[:_SHOWN_LABELS])


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


def _vectors(rows: Sequence[PooledText | InputError]) -> list[NDArray[np.float64]]:
    """Return the vectors of the descriptions. Raises the error of the first invalid one."""
    vectors = []
    for row in rows:
        if isinstance(row, InputError):
            raise row
        vectors.append(row.pooled)
    return vectors


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
