"""Documents in the order in which they answer a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glossator.service.bundle.task import TextEmbedding, TextPair
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.encoding import check_text
from glossator.service.inference.pipeline import Answer, Pipeline
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import cosine_similarities
from glossator.service.tasks.text_pair import Rating

_RELEVANT = ("relevant", "entailment", "yes", "true", "1", "match")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document: its place in the list given, its text and how well it fits, more being better."""

    index: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Unranked:
    """A document that cannot be ranked, and why."""

    index: int
    error: InputError


def rerank(
    pipeline: Pipeline,
    query: str,
    documents: Sequence[str | InputError],
    *,
    top_k: int | None = None,
    label: str | None = None,
    deadline: float | None = None,
    raw: bool = False,
) -> list[Ranked | Unranked]:
    """The documents, the best first, at most `top_k`; after them all that cannot be read.

    A pair model that rates gives its score, one with classes the probability of `label` (by default of one named
    relevant, entailment, yes, true, 1 or match), a model of vectors the cosine; `raw`, of pairs, the logit. Raises
    ConfigError for other models, and the query's InputError.
    """
    task = pipeline.task
    if isinstance(task, TextEmbedding):
        query_vector = pipeline.logits([query])
        answers = pipeline.start(documents, deadline=deadline).result()
        scores = [
            each
            if isinstance(each, InputError)
            else float(cosine_similarities(query_vector, each.vector[np.newaxis])[0, 0])
            for each in answers
        ]
    elif isinstance(task, TextPair):
        wanted = None if task.problem_type == "regression" else _wanted(task, label)
        check_text(query)
        pairs = [each if isinstance(each, InputError) else Pair(query, each) for each in documents]
        if raw:
            place = 0 if wanted is None else task.labels.index(wanted)
            found = pipeline.raw(pairs, deadline=deadline)
            scores = [each if isinstance(each, InputError) else float(each.pooled[place]) for each in found]
        else:
            answers = pipeline.start(pairs, deadline=deadline).result()
            scores = [each if isinstance(each, InputError) else _score(each, wanted) for each in answers]
    else:
        raise ConfigError("documents are ranked by a model of pairs or of vectors", found=task.task)
    ranked, unranked = [], []
    for index, (document, score) in enumerate(zip(documents, scores, strict=True)):
        if isinstance(score, InputError):
            unranked.append(Unranked(index, score))
        elif isinstance(document, str):
            ranked.append(Ranked(index, document, score))
    ranked.sort(key=lambda each: (-each.score, each.index))
    return [*ranked[:top_k], *unranked]


def _wanted(task: TextPair, label: str | None) -> str:
    names = [label] if label is not None else [name for name in task.labels if name.casefold() in _RELEVANT]
    if len(names) != 1 or names[0] not in task.labels:
        raise ConfigError(
            "which label means that a document fits cannot be told",
            found=label or ", ".join(task.labels),
            expected=f"one of {', '.join(task.labels)}",
            hint="Name it: label=...",
        )
    return names[0]


def _score(answer: Answer, wanted: str | None) -> float:
    if isinstance(answer.prediction, Rating):
        return answer.prediction.score
    assert isinstance(answer.prediction, Classification)
    return next(score.score for score in answer.prediction.scores if score.label == wanted)
