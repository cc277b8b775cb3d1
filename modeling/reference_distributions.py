"""Builds the reference that a bundle carries: the look of the training texts, and samples of what answers are like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from glossator.service.bundle.reference import MOST_SAMPLES, Histogram, Reference
from glossator.service.bundle.task import Classifier, Task, TokenClassification
from glossator.service.bundle.text_profile import TextProfile, make_text_profile
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.monitoring.drift.summaries import label_probabilities, predicted_labels, summaries_of
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.text_classification import Classification

PROFILE_TEXTS = 50_000
"""The most training texts that the profile is made of, evenly from first to last."""


def make_reference(
    rows: int,
    label_counts: Mapping[str, int],
    tokens: Sequence[int],
    confidence: ArrayLike,
    texts: Sequence[Text] = (),
) -> Reference:
    """Return the distributions of labels, text lengths and confidence, and the profile of the training texts.

    Args:
        rows: The number of training rows.
        label_counts: The training rows of each label.
        tokens: The length of each text in tokens.
        confidence: The confidence of each answer, from 0 to 1.
        texts: The training texts; without any, there is no profile.
    """
    edges_wanted = np.round(np.geomspace(1, max([2, *tokens]) + 1, 20))
    counts, edges = np.histogram(tokens, bins=np.unique([0, *edges_wanted]))  # a text may have no tokens
    confidence_counts, confidence_edges = np.histogram(np.asarray(confidence), bins=20, range=(0.0, 1.0))
    return Reference(
        rows=rows,
        label_counts=dict(label_counts),
        tokens=Histogram(edges=edges.tolist(), counts=counts.tolist()),
        confidence=Histogram(edges=confidence_edges.tolist(), counts=confidence_counts.tolist()),
        profile=profile_of(texts) if len(texts) else None,
    )


def profile_and_sample(
    reference: Reference,
    inputs: Sequence[Text],
    predict: Callable[[Sequence[Text]], Sequence[Answer | InputError]],
    task: Task,
    *,
    words: bool = True,
) -> Reference:
    """Return the reference with samples of the summaries of these inputs, and with a profile if it has none.

    Without a profile of the training texts, every second input makes one, and the others the samples: a text looks more
    familiar to a profile that was made of it. `words`: the profile has the hashes of their frequent words.
    """
    if reference.profile is None and len(inputs) > 1:
        reference = reference.model_copy(update={"profile": profile_of(inputs[1::2], words=words)})
        inputs = inputs[::2]
    texts = spread(inputs)
    return sample_reference(reference, texts, predict(texts), task)


def sample_reference(
    reference: Reference, texts: Sequence[Text], answers: Sequence[Answer | InputError], task: Task
) -> Reference:
    """Return the reference with samples of the summaries of these texts, on which the model was not trained.

    Args:
        reference: The reference of the checkpoint.
        texts: At most MOST_SAMPLES texts, see `spread`.
        answers: The answer of the served model to each. Texts that cannot be answered are left out.
        task: The task, with its calibration.
    """
    samples: defaultdict[str, list[float]] = defaultdict(list)
    predicted: Counter[str] = Counter(dict.fromkeys(_classes(task), 0))
    probabilities = []
    count = 0
    for text, answer in zip(texts, answers, strict=True):
        if isinstance(answer, InputError):
            continue
        count += 1
        for name, value in summaries_of(answer, text, task, reference.profile).items():
            samples[name].append(value)
        predicted.update(predicted_labels(answer, task))
        if _gives_one_label(task) and isinstance(answer.prediction, Classification):
            probabilities.append(label_probabilities(answer.prediction))
    mean = np.mean([each for each in probabilities if each is not None], axis=0) if probabilities else []
    return reference.model_copy(
        update={
            "texts": count,
            "samples": {name: sorted(values) for name, values in sorted(samples.items())},
            "predicted_counts": dict(predicted),
            "mean_probabilities": {
                label: round(float(share), 9) for label, share in zip(_classes(task), mean, strict=False)
            },
        }
    )


def spread(texts: Sequence[Text], count: int = MOST_SAMPLES) -> list[Text]:
    """Return at most `count` texts, evenly from first to last."""
    step = max(1.0, len(texts) / count)
    return [texts[int(index * step)] for index in range(min(count, len(texts)))]


def profile_of(texts: Sequence[Text], *, words: bool = True) -> TextProfile:
    """Return the profile of these texts; `words`: with the hashes of their frequent words."""
    joined = (" ".join(text) if isinstance(text, Pair) else text for text in spread(texts, PROFILE_TEXTS))
    return make_text_profile(joined, words=words)


def _classes(task: Task) -> Sequence[str]:
    if isinstance(task, TokenClassification):
        return task.types
    return task.labels if isinstance(task, Classifier) and task.problem_type != "regression" else []


def _gives_one_label(task: Task) -> bool:
    return isinstance(task, Classifier) and task.problem_type == "single_label_classification"
