"""The routes of text-embeddings-inference (TEI), under `/tei/MODEL`: labels, vectors, ranking, similarity, tokens.

Unlike there, a model with several labels a text answers with a sigmoid each, as it was trained.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, Told, route_class
from glossator.service.api.dialects.hugging_face import scores_of, similarities
from glossator.service.api.inference_requests import (
    parse_body,
    raise_first_error,
    raise_first_unranked,
    read_deadline,
    replace_too_long,
)
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count
from glossator.service.bundle.task import Classifier, TextEmbedding, TextPair
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.text_embedding import truncate_vector

PREFIX = "/tei"
_STATUS = {
    HTTPStatus.INTERNAL_SERVER_ERROR: (HTTPStatus.FAILED_DEPENDENCY, "Backend"),
    HTTPStatus.GATEWAY_TIMEOUT: (HTTPStatus.FAILED_DEPENDENCY, "Backend"),
    HTTPStatus.TOO_MANY_REQUESTS: (HTTPStatus.TOO_MANY_REQUESTS, "Overloaded"),
    HTTPStatus.SERVICE_UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "Unhealthy"),
}
_EMPTY = frozenset({"empty-text"})


def _form(told: Told) -> JSONResponse:
    status, kind = _STATUS.get(told.status, (told.status, "Validation"))
    if told.code in _EMPTY:
        status, kind = HTTPStatus.BAD_REQUEST, "Empty"
    return JSONResponse({"error": told.message, "error_type": kind}, status_code=status)


router = APIRouter(tags=["text-embeddings-inference"], responses=ERRORS, route_class=route_class(_form))

_STRICT = ConfigDict(extra="forbid")
_DIRECTION = Annotated[Literal["Right", "right"], Field(description="Long texts lose their end, where they lose any.")]
_WAY_OUT = "The fields are those of text-embeddings-inference; GET /openapi.json describes them."
Inputs = str | list[str]


class TeiPredict(BaseModel):
    """A text, one pair `["a", "b"]`, or a batch `[["a"], ["b", "c"]]`."""

    model_config = _STRICT | ConfigDict(json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: str | list[str] | list[list[str]]
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"
    raw_scores: Annotated[bool, Field(description="Logits in the place of probabilities.")] = False


class TeiEmbed(BaseModel):
    """A text, or texts."""

    model_config = _STRICT

    inputs: Inputs
    normalize: bool = True
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"
    prompt_name: None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class TeiRerank(BaseModel):
    """A query, and texts that may answer it."""

    model_config = _STRICT

    query: str
    texts: Annotated[list[str], Field(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"


class TeiSentences(BaseModel):
    """Sentences held against one."""

    model_config = _STRICT

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]


class TeiSimilarity(BaseModel):
    """What is compared, and how."""

    model_config = _STRICT

    inputs: TeiSentences
    parameters: dict[str, Any] | None = None


class TeiTokenize(BaseModel):
    """Texts to tokens."""

    model_config = _STRICT

    inputs: Inputs
    add_special_tokens: bool = True
    prompt_name: None = None


class TeiDecode(BaseModel):
    """Tokens to texts."""

    model_config = _STRICT

    ids: list[int] | list[list[int]]
    skip_special_tokens: bool = True


BODIES = (TeiPredict, TeiEmbed, TeiRerank, TeiSimilarity, TeiTokenize, TeiDecode)


@router.post("/{name}/predict", summary="Labels, in the shape of TEI", openapi_extra=request_body(TeiPredict))
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """`[{"score", "label"}]`, the most probable label first; of a batch a list of these."""
    began = time.perf_counter()
    model, asked = state.model(name), await parse_body(request, state, TeiPredict, _WAY_OUT)
    if not isinstance(model.task, Classifier) or model.task.problem_type == "regression":
        raise ConfigError("this model gives no labels", found=model.task.task, hint="See GET /v1/models.")
    texts, alone = _inputs(asked.inputs)
    if asked.raw_scores:
        rows, tokens = await _logits(state, request, model, texts, truncate=bool(asked.truncate))
    else:
        answers = raise_first_error(
            await inference_requests.predict(state, request, model, name, texts, truncate=bool(asked.truncate))
        )
        rows = [[{"score": each.score, "label": each.label} for each in scores_of(answer)] for answer in answers]
        tokens = _tokens(answers)
    return _timed(rows[0] if alone else rows, began, texts, tokens)


@router.post("/{name}/embed", summary="Vectors, in the shape of TEI", openapi_extra=request_body(TeiEmbed))
async def embed(name: ModelName, request: Request, state: StateDep) -> Response:
    """`[[float]]`, a vector for each text."""
    began = time.perf_counter()
    model, asked = state.embedding_model(name), await parse_body(request, state, TeiEmbed, _WAY_OUT)
    texts = _listed(asked.inputs)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=bool(asked.truncate))
    )
    vectors = [truncate_vector(each.vector, asked.dimensions, normalize=asked.normalize).tolist() for each in answers]
    return _timed(vectors, began, texts, _tokens(answers))


@router.post("/{name}/rerank", summary="Texts by how well they answer, as TEI", openapi_extra=request_body(TeiRerank))
async def rerank(name: ModelName, request: Request, state: StateDep) -> Response:
    """`[{"index", "text"?, "score"}]`, the best first."""
    began = time.perf_counter()
    model, asked = state.model(name), await parse_body(request, state, TeiRerank, _WAY_OUT)
    ranked = raise_first_unranked(
        await inference_requests.rerank(state, request, model, asked.query, asked.texts, raw=asked.raw_scores)
    )
    rows = [
        {"index": each.index, **({"text": each.text} if asked.return_text else {}), "score": each.score}
        for each in ranked
    ]
    return _timed(rows, began, [asked.query, *asked.texts], None)


@router.post("/{name}/similarity", summary="Similarities, as TEI", openapi_extra=request_body(TeiSimilarity))
async def similarity(name: ModelName, request: Request, state: StateDep) -> Response:
    """`[float]`, one cosine similarity per sentence."""
    began = time.perf_counter()
    model, asked = state.embedding_model(name), await parse_body(request, state, TeiSimilarity, _WAY_OUT)
    texts = [asked.inputs.source_sentence, *asked.inputs.sentences]
    answers = raise_first_error(await inference_requests.predict(state, request, model, name, texts))
    return _timed(similarities(answers), began, texts, _tokens(answers))


@router.post(
    "/{name}/tokenize",
    summary="Tokens of texts, as TEI",
    openapi_extra=request_body(TeiTokenize, accepts_timeout=False),
)
async def tokenize(name: ModelName, request: Request, state: StateDep) -> list[list[dict[str, Any]]]:
    """`[[{"id", "text", "special", "start", "stop"}]]`; places count code points, and special tokens have none."""
    model, asked = state.model(name), await parse_body(request, state, TeiTokenize, _WAY_OUT)
    texts = _listed(asked.inputs)
    check_count(texts, state.settings.max_texts)
    raise_first_error(replace_too_long(texts, state.settings.max_characters))

    def work() -> list[list[dict[str, Any]]]:
        return [
            [asdict(each) for each in model.tokenize(text, special_tokens=asked.add_special_tokens)] for text in texts
        ]

    return await to_thread.run_sync(work, limiter=state.limiter)


@router.post(
    "/{name}/decode", summary="Texts of tokens, as TEI", openapi_extra=request_body(TeiDecode, accepts_timeout=False)
)
async def decode(name: ModelName, request: Request, state: StateDep) -> list[str]:
    """A text for each list of ids."""
    model, asked = state.model(name), await parse_body(request, state, TeiDecode, _WAY_OUT)
    rows: Any = asked.ids if asked.ids and isinstance(asked.ids[0], list) else [asked.ids]
    check_count(rows, state.settings.max_texts)
    work = partial(model.detokenize, skip_special_tokens=asked.skip_special_tokens)
    return await to_thread.run_sync(lambda: [work(row) for row in rows], limiter=state.limiter)


@router.get("/{name}/info", summary="A model, as TEI describes it")
async def info(name: ModelName, state: StateDep) -> dict[str, Any]:
    """What clients of TEI ask of a model before they use it."""
    model = state.model(name)
    task, cost = model.task, model.batcher.cost
    if isinstance(task, TextEmbedding):
        kind: Mapping[str, Any] = {"embedding": {"pooling": "mean"}}
    elif isinstance(task, TextPair):
        kind = {"reranker": _labels(task.labels)}
    else:
        kind = {"classifier": _labels(task.labels)}
    return {
        "model_id": name,
        "model_sha": model.digest,
        "model_dtype": model.bundle.manifest.served.precision,
        "model_type": kind,
        "max_concurrent_requests": state.settings.max_texts,
        "max_input_length": task.encoding.max_length,
        "max_batch_tokens": cost.most_tokens,
        "max_batch_requests": None,
        "max_client_batch_size": state.settings.max_texts,
        "auto_truncate": False,
        "tokenization_workers": state.settings.encoding_workers,
        "version": state.version,
        "sha": None,
        "docker_label": None,
    }


@router.get("/{name}/health", summary="Whether a model answers", response_class=Response)
async def health(name: ModelName, state: StateDep) -> Response:
    """200 with no body."""
    state.model(name)
    return Response()


@router.get("/{name}/ping", summary="Whether a model answers", include_in_schema=False)
async def ping(name: ModelName, state: StateDep) -> Response:
    """200 with no body."""
    return await health(name, state)


@router.get(
    "/{name}/metrics", summary="Metrics under TEI's names", response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def metrics(name: ModelName, state: StateDep) -> Response:
    """The metrics that TEI's dashboards read, of this model."""
    state.model(name)
    return Response(
        await to_thread.run_sync(state.metrics.tei_exposition, name), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


async def _logits(
    state: AppState, request: Request, model: Model, texts: Sequence[Text], *, truncate: bool
) -> tuple[list[list[dict[str, Any]]], int]:
    """The labels of each text with their logits, the highest first, and the tokens seen; raises the first error."""
    settings = state.settings
    check_count(texts, settings.max_texts)
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    work = partial(model.pipeline.pooled_texts, limited, deadline=deadline, truncate=truncate)
    found = raise_first_error(await to_thread.run_sync(work, limiter=state.limiter))
    labels = model.task.labels
    rows = [
        [{"score": float(each.pooled[i]), "label": labels[i]} for i in (-each.pooled).argsort(kind="stable")]
        for each in found
    ]
    return rows, sum(each.text.tokens for each in found)


def _inputs(inputs: str | list[str] | list[list[str]]) -> tuple[list[Text], bool]:
    """The texts or pairs, and whether it is one alone. Two strings are ONE pair."""
    if isinstance(inputs, str):
        return [inputs], True
    if all(isinstance(each, str) for each in inputs):
        return [_sides(inputs)], True  # type: ignore[arg-type]
    return [_sides(each) for each in inputs], False  # type: ignore[arg-type]


def _sides(sides: list[str]) -> Text:
    if len(sides) not in (1, 2):
        raise InvalidRequest(
            "an input is neither a text nor a pair", found=f"{len(sides)} texts", expected="one or two",
            hint='Send a batch as [["a"], ["b"]].',
        )  # fmt: skip
    return sides[0] if len(sides) == 1 else Pair(*sides)


def _listed(inputs: Inputs) -> list[str]:
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not texts:
        raise InvalidRequest("there is no input", expected="a text, or texts")
    return texts


def _labels(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _tokens(answers: Sequence[Answer]) -> int:
    return sum(answer.tokens for answer in answers)


def _timed(content: Any, began: float, texts: Sequence[Text], tokens: int | None) -> Response:
    """The answer, with what it took in TEI's headers: whole milliseconds."""
    characters = sum(sum(map(len, text)) if isinstance(text, Pair) else len(text) for text in texts)
    return JSONResponse(
        content,
        headers={
            "x-compute-type": "cpu",
            "x-compute-characters": str(characters),
            "x-total-time": str(round(1e3 * (time.perf_counter() - began))),
        }
        | ({} if tokens is None else {"x-compute-tokens": str(tokens)}),
    )
