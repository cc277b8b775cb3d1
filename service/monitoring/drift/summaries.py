"""One-dimensional summaries of a text and its answer. Export computes them for the reference, the log for every answer.

Every task: `tokens`, the length of the text; `surprise`, the mean surprise of a character after the one before it under
the training texts, in bits; `unknown_words`, the share of the words that fewer than two training texts have.
Labels: `confidence`, the probability of the most probable one; `entropy` of the probabilities, in bits, with several
labels the mean over the labels. Scores: `score`. Entities: `confidence` of the least certain one; `entities` per token.
Answers to questions: `confidence` of the span, or that there is none; `answered`, 1 or 0.

A summary that a text does not have (the confidence of a text without entities) is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier, Task
from glossator.service.bundle.text_profile import TextProfile
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Scores
from glossator.service.tasks.token_classification import Entities

DIGITS = 6
"""Digits after the decimal point, in the reference and in the log: both sides are rounded alike."""
SUMMARIES = ("tokens", "surprise", "unknown_words", "confidence", "entropy", "score", "entities", "answered")
"""All summaries; no task has all of them."""
TEXT_SUMMARIES = ("tokens", "surprise", "unknown_words")
"""Those that depend on the text alone, not on the answer."""
_TINY = 1e-300


def summaries_of(answer: Answer, text: Text, task: Task, profile: TextProfile | None) -> dict[str, float]:
    """Return the summaries of a text and its answer, rounded to DIGITS.

    Args:
        answer: The answer.
        text: The text, or the two texts of a pair, which are summarised as one.
        task: The task of the model.
        profile: That of the training texts, from the bundle's reference; None leaves out what needs it.
    """
    found: dict[str, float | None] = {"tokens": float(answer.tokens)}
    if profile is not None:
        content = " ".join(text) if isinstance(text, Pair) else text
        found["surprise"] = profile.surprise(content)
        found["unknown_words"] = profile.unknown_words(content)
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        found["confidence"] = prediction.score
        probability = label_probabilities(prediction)
        if probability is not None:
            found["entropy"] = entropy(probability, several=_gives_several_labels(task))
    elif isinstance(prediction, Rating):
        found["score"] = prediction.score
    elif isinstance(prediction, Entities):
        found["confidence"] = min((each.score for each in prediction.entities), default=None)
        found["entities"] = len(prediction.entities) / max(1, answer.tokens)
    elif isinstance(prediction, Extraction):
        span = prediction.answer
        found["confidence"] = prediction.no_answer_score if span is None else span.score
        found["answered"] = float(span is not None)
    return {name: round(float(value), DIGITS) for name, value in found.items() if value is not None}


def label_probabilities(prediction: Classification) -> NDArray[np.float64] | None:
    """Return the probability of each label, in label order `(labels,)`; None if they are not known."""
    scores = prediction.scores
    return scores.probability if isinstance(scores, Scores) else None


def entropy(probability: NDArray[np.float64], *, several: bool) -> float:
    """Return the entropy of probabilities `(labels,)` in bits; if a text may have `several` labels, their mean.

    >>> entropy(np.array([0.5, 0.25, 0.25]), several=False)
    1.5
    >>> entropy(np.array([0.5, 1.0]), several=True)
    0.5
    """
    found = -float(probability @ np.log2(probability + _TINY))
    if several:
        other = 1.0 - probability
        found = (found - float(other @ np.log2(other + _TINY))) / len(probability)
    return abs(found)


def predicted_labels(answer: Answer, task: Task) -> list[str]:
    """Return the labels that count for the mix of labels: those of the answer; of entities, their types.

    Of a model that gives one label, the most probable one, whatever the caller's options left of it.
    """
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        return list(prediction.labels) if _gives_several_labels(task) else [prediction.scores[0].label]
    if isinstance(prediction, Entities):
        return sorted({each.label for each in prediction.entities})
    return []


def _gives_several_labels(task: Task) -> bool:
    return isinstance(task, Classifier) and task.problem_type == "multi_label_classification"
