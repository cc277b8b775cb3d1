"""Sorts documents by how well they answer a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glossator.service.bundle.task import TextEmbedding, TextPair
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.encoding import check_text
from glossator.service.inference.pipeline import Pipeline, PooledText
from glossator.service.inference.steps import Steps
from glossator.service.tasks.decoders import Prediction
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.options import DEFAULTS
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification
from glossator.service.tasks.text_embedding import cosine_similarities

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
) -> Steps[list[RankedDocument | UnrankedDocument]]:
    """Return the documents, best first, at most `top_k`, followed by all invalid documents.

    The score depends on the model. Text pairs with scores: the score. Text pairs with labels: the probability of
    `label`, by default the one named relevant, entailment, yes, true, 1 or match. Embeddings: the cosine similarity.
    `raw` returns the logit of a text-pair model instead. Raises ConfigError for other models, and the query's
    InputError.
    """
    task = pipeline.task
    scores: list[float | InputError]
    if isinstance(task, TextEmbedding):
        first, *found = yield from pipeline.pooled_texts([query, *documents], deadline=deadline)
        if isinstance(first, InputError):
            raise first
        scores = [
            each
            if isinstance(each, InputError)
            else float(cosine_similarities(first.pooled[np.newaxis], each.pooled[np.newaxis])[0, 0])
            for each in found
        ]
    elif isinstance(task, TextPair):
        wanted = None if task.problem_type == "regression" else _wanted(task, label)
        check_text(query)
        pairs = [each if isinstance(each, InputError) else Pair(query, each) for each in documents]
        found = yield from pipeline.pooled_texts(pairs, deadline=deadline)
        good = [each for each in found if isinstance(each, PooledText)]
        if raw:
            place = 0 if wanted is None else task.labels.index(wanted)
            rated = iter([float(each.pooled[place]) for each in good])
        else:
            decoded = pipeline.decoder.decode([each.text for each in good], [each.pooled for each in good], DEFAULTS)
            rated = iter([_score(prediction, wanted) for prediction in decoded])
        scores = [each if isinstance(each, InputError) else next(rated) for each in found]
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


def _score(prediction: Prediction, wanted: str | None) -> float:
    if isinstance(prediction, Rating):
        return prediction.score
    assert isinstance(prediction, Classification)
    return next(score.score for score in prediction.scores if score.label == wanted)
