"""What several dialects share: which model answers, scores from 0 to 1, documents as objects, vectors in base64."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.inference_requests import raise_first_unranked
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.state import AppState
from glossator.service.bundle.task import Task, TextEmbedding, TextPair
from glossator.service.errors import Fault, shorten
from glossator.service.inference.composed.reranking import RankedDocument
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.inference.queue.workload import count_characters
from glossator.service.tasks.encoded import EncodedText, Pair, Text
from glossator.service.tasks.rating import Rating, is_rating
from glossator.service.tasks.text_classification import Score
from glossator.service.tasks.text_embedding import cosine_similarities

_MOST_FAULTS = 20


def is_embedding(task: Task) -> bool:
    """Whether a model of this task returns vectors."""
    return isinstance(task, TextEmbedding)


def ranks(task: Task) -> bool:
    """Whether a model of this task can rank documents."""
    return isinstance(task, TextEmbedding | TextPair)


def choose_model(state: AppState, name: str | None, fits: Callable[[Task], bool]) -> str:
    """The name of the model that the request names; without one, of the only model that fits. Raises InvalidRequest."""
    if name:
        return name
    fitting = [each.name for each in state.models.listed() if fits(each.manifest.task)]
    if len(fitting) != 1:
        raise InvalidRequest(
            "the request names no model, and the server cannot choose one",
            found=f"{len(fitting)} models that fit",
            expected=f"model: one of {', '.join(fitting)}" if fitting else "a model for this request",
            hint="GET /v1/models lists the models.",
        )
    return fitting[0]


async def rank(
    state: AppState, request: Request, model: Model, query: str, documents: Sequence[str], *, top_k: int | None = None
) -> list[RankedDocument]:
    """The documents by their relevance, best first, with scores from 0 to 1. Raises the first error of a document."""
    ranked = raise_first_unranked(await inference_requests.rerank(state, request, model, query, documents, top_k=top_k))
    return [RankedDocument(each.index, each.text, relevance(each.score, model.task)) for each in ranked]


async def count_tokens(state: AppState, model: Model, query: str, documents: Sequence[str]) -> int:
    """How many tokens the model reads to rank these documents."""
    pairs = [Pair(query, document) for document in documents]
    texts: Sequence[Text] = pairs if isinstance(model.task, TextPair) else [query, *documents]

    def count() -> int:
        return sum(each.tokens for each in model.pipeline.encode(texts) if isinstance(each, EncodedText))

    seconds = model.pipeline.rates.estimate(list(map(count_characters, texts))).seconds
    return await offload(state, count, seconds=seconds)


def relevance(score: float, task: Task) -> float:
    """A score of our own ranking on the scale from 0 to 1, which rerank protocols define.

    A rating becomes the sigmoid of the logit: its place in the range of ratings that the model was trained on. A cosine
    similarity below 0 becomes 0. A probability stays.
    """
    if is_rating(task):
        if task.score_range is None:
            return 0.5 * (1.0 + math.tanh(0.5 * score))
        low, high = task.score_range
        score = (score - low) / (high - low)
    return min(1.0, max(0.0, score))


def document_texts(documents: Sequence[str | Mapping[str, Any]], fields: Sequence[str] | None = None) -> list[str]:
    """The texts of documents: strings, or objects whose `fields` are joined by line breaks; default: `text`."""
    wanted = list(fields or ("text",))
    texts, faults = [], []
    for index, document in enumerate(documents):
        if isinstance(document, str):
            texts.append(document)
            continue
        found = [document.get(name) for name in wanted]
        if all(isinstance(each, str) for each in found):
            texts.append("\n".join(map(str, found)))
        else:
            faults.append(Fault("no-text", f"has no text in {shorten(', '.join(wanted))}", f"[{index}]"))
            if len(faults) == _MOST_FAULTS:
                break
    if faults:
        raise InvalidRequest(
            "an input has no text", faults=faults, hint='Send strings, or objects such as {"text": "..."}.'
        )
    return texts


def scores_of(answer: Answer) -> Sequence[Score]:
    """The scores that an answer lists; of a model with scores, its one score under the name `score`."""
    if isinstance(answer.prediction, Rating):
        return [Score("score", answer.prediction.score)]
    scores: Sequence[Score] = answer.prediction.scores  # type: ignore[union-attr]
    return scores


def similarities(answers: Sequence[Answer]) -> list[float]:
    """The cosine similarities of the first answer's vector to the others."""
    first, *others = [answer.vector[None] for answer in answers]
    return [float(cosine_similarities(first, other)[0, 0]) for other in others]


def encode_base64(vector: NDArray[np.float32]) -> str:
    """A vector as base64 of little-endian float32."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
