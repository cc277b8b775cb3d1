"""Sorts documents by how well they answer a query."""

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
class RankedDocument:
    """A document: its index in the given list, its text, and its score (higher is better)."""

    index: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class UnrankedDocument:
    """A document that cannot be ranked, and its error."""

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
) -> list[RankedDocument | UnrankedDocument]:
    """Return the documents, best first, at most `top_k`, followed by all invalid documents.

    The score depends on the model. Text pairs with scores: the score. Text pairs with labels: the probability of
    `label`, by default the one named relevant, entailment, yes, true, 1 or match. Embeddings: the cosine similarity.
    `raw` returns the logit of a text-pair model instead. Raises ConfigError for other models, and the query's
    InputError.
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
            found = pipeline.pooled_texts(pairs, deadline=deadline)
            scores = [each if isinstance(each, InputError) else float(each.pooled[place]) for each in found]
        else:
            answers = pipeline.start(pairs, deadline=deadline).result()
            scores = [each if isinstance(each, InputError) else _score(each, wanted) for each in answers]
    else:
        raise ConfigError("reranking needs a text-pair or a text-embedding model", found=task.task)
    ranked, unranked = [], []
    for index, (document, score) in enumerate(zip(documents, scores, strict=True)):
        if isinstance(score, InputError):
            unranked.append(UnrankedDocument(index, score))
        elif isinstance(document, str):
            ranked.append(RankedDocument(index, document, score))
    ranked.sort(key=lambda each: (-each.score, each.index))
    return [*ranked[:top_k], *unranked]


def _wanted(task: TextPair, label: str | None) -> str:
    names = [label] if label is not None else [name for name in task.labels if name.casefold() in _RELEVANT]
    if len(names) != 1 or names[0] not in task.labels:
        raise ConfigError(
            "it is unclear which label means that a document is relevant",
            found=label or ", ".join(task.labels),
            expected=f"one of {', '.join(task.labels)}",
            hint="Set label.",
        )
    return names[0]


def _score(answer: Answer, wanted: str | None) -> float:
    if isinstance(answer.prediction, Rating):
        return answer.prediction.score
    assert isinstance(answer.prediction, Classification)
    return next(score.score for score in answer.prediction.scores if score.label == wanted)
