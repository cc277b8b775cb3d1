"""The API of text-embeddings-inference (TEI), under `/tei/MODEL`: labels, vectors, reranking, similarity, tokens.

Unlike TEI, a multi-label model returns one sigmoid per label, as it was trained.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.openai.embeddings import EmbeddingsRequest
from glossator.service.api.dialects.openai.embeddings import embed as embed_for_openai
from glossator.service.api.dialects.predictions import relevance, scores_of, similarities
from glossator.service.api.dialects.request_bodies import parse_tolerantly, validate_tolerantly
from glossator.service.api.dialects.text_embeddings.bodies import (
    Inputs,
    TeiAny,
    TeiDecode,
    TeiEmbed,
    TeiPredict,
    TeiRerank,
    TeiSimilarity,
    TeiTokenize,
)
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import (
    NUMBER_BYTES,
    ROW_BYTES,
    check_answer_size,
    echo_bytes,
    row_bytes,
)
from glossator.service.api.inference.inference_requests import (
    parse_body,
    raise_first_error,
    raise_first_unranked,
    replace_too_long,
)
from glossator.service.api.inference.json_answers import RawJson, json_response
from glossator.service.api.inference.score_writer import SCORE_FIRST, ScoreWriter
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.api.security.access import ADMIN, INFER
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
    HTTPStatus.UNAUTHORIZED: (HTTPStatus.UNAUTHORIZED, "Unauthorized"),
    HTTPStatus.FORBIDDEN: (HTTPStatus.FORBIDDEN, "Unauthorized"),
    HTTPStatus.INTERNAL_SERVER_ERROR: (HTTPStatus.FAILED_DEPENDENCY, "Backend"),
    HTTPStatus.GATEWAY_TIMEOUT: (HTTPStatus.FAILED_DEPENDENCY, "Backend"),
    HTTPStatus.TOO_MANY_REQUESTS: (HTTPStatus.TOO_MANY_REQUESTS, "Overloaded"),
    HTTPStatus.SERVICE_UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "Unhealthy"),
}
_EMPTY = frozenset({"empty-text"})
_TOKEN_BYTES = 80
"""About how many bytes a token has that `tokenize` lists, if each character is one."""
_DECODED_BYTES = 16
"""About how many bytes a token has that `decode` returns as text."""


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors."""
    status, kind = _STATUS.get(error.status, (error.status, "Validation"))
    if error.code in _EMPTY:
        status, kind = HTTPStatus.BAD_REQUEST, "Empty"
    return JSONResponse({"error": error.message, "error_type": kind}, status_code=status)


router = APIRouter(
    tags=["text-embeddings-inference"], responses=ERRORS, route_class=route_class(error_form), dependencies=[INFER]
)
_admin_router = APIRouter(
    tags=["text-embeddings-inference"], responses=ERRORS, route_class=route_class(error_form), dependencies=[ADMIN]
)

_HINT = "Use the fields of text-embeddings-inference; see GET /openapi.json."


@router.post("/{name}", summary="Predict, embed or rerank, in TEI's format", openapi_extra=request_body(TeiAny))
async def any_task(name: ModelName, request: Request, state: StateDep) -> Response:
    """Do what the model does: embed with an embedding model, classify with another; with a `query`, rerank."""
    began = time.perf_counter()
    body = (await parse_body(request, state, TeiAny, _HINT)).model_extra or {}
    if "query" in body:
        return await _reranked(name, request, state, validate_tolerantly(body, TeiRerank, request, hint=_HINT), began)
    if isinstance(state.model(name).task, TextEmbedding):
        return await _embedded(name, request, state, validate_tolerantly(body, TeiEmbed, request, hint=_HINT), began)
    return await _predicted(name, request, state, validate_tolerantly(body, TeiPredict, request, hint=_HINT), began)


@router.post("/{name}/predict", summary="Classify texts, in TEI's format", openapi_extra=request_body(TeiPredict))
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[{"score", "label"}]`, most probable label first; for a batch, one list per input."""
    began = time.perf_counter()
    return await _predicted(name, request, state, await parse_tolerantly(request, state, TeiPredict, _HINT), began)


@router.post("/{name}/embed", summary="Embed texts, in TEI's format", openapi_extra=request_body(TeiEmbed))
async def embed(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[[float]]`, one vector per text."""
    began = time.perf_counter()
    return await _embedded(name, request, state, await parse_tolerantly(request, state, TeiEmbed, _HINT), began)


@router.post("/{name}/embed_all", summary="Refuse to embed tokens", openapi_extra=request_body(TeiEmbed))
@router.post("/{name}/embed_sparse", summary="Refuse sparse vectors", openapi_extra=request_body(TeiEmbed))
async def not_supported(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return an error: a bundle returns one dense vector per text."""
    state.model(name)
    raise ConfigError(
        "this server returns neither vectors of single tokens nor sparse vectors",
        found=request.url.path.rpartition("/")[2],
        expected="embed",
        hint="Use /embed, which returns one vector per text.",
    )


@router.post(
    "/{name}/v1/embeddings",
    summary="Embed texts with one model, in OpenAI's format",
    openapi_extra=request_body(EmbeddingsRequest),
)
async def openai_embeddings(name: ModelName, request: Request, state: StateDep) -> Response:
    """Same as `/v1/embeddings`; the model is that of the path, whatever the body names."""
    body = await parse_tolerantly(request, state, EmbeddingsRequest, _HINT)
    return await embed_for_openai(state, request, name, body)


@router.post("/{name}/rerank", summary="Rerank texts, in TEI's format", openapi_extra=request_body(TeiRerank))
async def rerank(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[{"index", "text"?, "score"}]`, best first; scores from 0 to 1 unless `raw_scores` is set."""
    began = time.perf_counter()
    return await _reranked(name, request, state, await parse_tolerantly(request, state, TeiRerank, _HINT), began)


@router.post(
    "/{name}/similarity", summary="Compare sentences, in TEI's format", openapi_extra=request_body(TeiSimilarity)
)
async def similarity(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[float]`, one cosine similarity per sentence."""
    began = time.perf_counter()
    model, body = state.embedding_model(name), await parse_tolerantly(request, state, TeiSimilarity, _HINT)
    texts = [body.inputs.source_sentence, *body.inputs.sentences]
    size = check_answer_size(len(texts) * NUMBER_BYTES, state.settings)
    answers = raise_first_error(await inference_requests.predict(state, request, model, name, texts))
    return await _timed(state, similarities(answers), began, texts, _tokens(answers), size)


@router.post(
    "/{name}/tokenize",
    summary="Tokenize texts, in TEI's format",
    openapi_extra=request_body(TeiTokenize, accepts_timeout=False),
)
async def tokenize(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[[{"id", "text", "special", "start", "stop"}]]`; offsets in code points, null for special tokens."""
    model, body = state.model(name), await parse_tolerantly(request, state, TeiTokenize, _HINT)
    texts = _listed(body.inputs)
    check_count(texts, state.settings.max_texts)
    raise_first_error(replace_too_long(texts, state.settings.max_characters))
    size = check_answer_size(sum(map(len, texts)) * _TOKEN_BYTES, state.settings)
    tokens = (map(asdict, model.tokenize(text, special_tokens=body.add_special_tokens)) for text in texts)
    return await json_response(state, tokens, size=size)


@router.post(
    "/{name}/decode",
    summary="Decode token ids, in TEI's format",
    openapi_extra=request_body(TeiDecode, accepts_timeout=False),
)
async def decode(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return one text per list of ids."""
    model, body = state.model(name), await parse_tolerantly(request, state, TeiDecode, _HINT)
    rows: Any = body.ids if body.ids and isinstance(body.ids[0], list) else [body.ids]
    check_count(rows, state.settings.max_texts)
    size = check_answer_size(sum(map(len, rows)) * _DECODED_BYTES, state.settings)
    texts = (model.detokenize(row, skip_special_tokens=body.skip_special_tokens) for row in rows)
    return await json_response(state, texts, size=size)


@router.get("/{name}/info", summary="Describe a model, in TEI's format")
async def info(name: ModelName, state: StateDep) -> dict[str, Any]:
    """Return what clients of TEI read before they use a model."""
    model = state.model(name)
    task, cost = model.task, model.batcher.cost
    if isinstance(task, TextEmbedding):
        kind: Mapping[str, Any] = {"embedding": {"pooling": _pooling(task)}}
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


@router.get("/{name}/health", summary="Health of a model", response_class=Response)
async def health(name: ModelName, state: StateDep) -> Response:
    """Return 200 without a body if the model exists."""
    state.model(name)
    return Response()


@router.get("/{name}/ping", summary="Health of a model", include_in_schema=False)
async def ping(name: ModelName, state: StateDep) -> Response:
    """Return 200 without a body if the model exists."""
    return await health(name, state)


@_admin_router.get(
    "/{name}/metrics",
    summary="Metrics under TEI's names",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(name: ModelName, state: StateDep) -> Response:
    """Return the metrics of this model that TEI's dashboards read."""
    state.model(name)
    return Response(
        await to_thread.run_sync(state.metrics.tei_exposition, name), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


router.routes.extend(_admin_router.routes)


async def _predicted(name: str, request: Request, state: AppState, body: TeiPredict, began: float) -> Response:
    model = state.model(name)
    if not isinstance(model.task, Classifier):
        raise ConfigError("this model has neither labels nor scores", found=model.task.task, hint="See GET /v1/models.")
    texts, alone = _inputs(body.inputs)
    model = answering_model(state, request, name, model, texts)
    size = check_answer_size(len(texts) * row_bytes(model.task), state.settings)
    if body.raw_scores:
        rows, tokens = await _logits(state, request, model, texts, truncate=body.truncate)
    else:
        answers = raise_first_error(
            await inference_requests.predict(state, request, model, name, texts, truncate=body.truncate)
        )
        rows = map(ScoreWriter(SCORE_FIRST).write, map(scores_of, answers))
        tokens = _tokens(answers)
    return await _timed(state, next(rows) if alone else rows, began, texts, tokens, size)


async def _embedded(name: str, request: Request, state: AppState, body: TeiEmbed, began: float) -> Response:
    model = state.embedding_model(name)
    texts = _listed(body.inputs)
    size = check_answer_size(len(texts) * row_bytes(model.task), state.settings)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=body.truncate)
    )
    vectors = (truncate_vector(each.vector, body.dimensions, normalize=body.normalize) for each in answers)
    return await _timed(state, vectors, began, texts, _tokens(answers), size)


async def _reranked(name: str, request: Request, state: AppState, body: TeiRerank, began: float) -> Response:
    model = state.model(name)
    echo = echo_bytes(body.texts) if body.return_text else 0
    size = check_answer_size(len(body.texts) * ROW_BYTES + echo, state.settings)
    ranked = raise_first_unranked(
        await inference_requests.rerank(state, request, model, body.query, body.texts, raw=body.raw_scores)
    )
    rows = [
        {"index": each.index}
        | ({"text": each.text} if body.return_text else {})
        | {"score": each.score if body.raw_scores else relevance(each.score, model.task)}
        for each in ranked
    ]
    return await _timed(state, rows, began, [body.query, *body.texts], None, size)


async def _logits(
    state: AppState, request: Request, model: Model, texts: Sequence[Text], *, truncate: bool
) -> tuple[Iterator[RawJson], int]:
    """Return the labels and logits of each text, highest first, and the number of tokens. Raises the first error."""
    found = raise_first_error(await inference_requests.pooled_texts(state, request, model, texts, truncate=truncate))
    labels = model.task.labels
    writer = ScoreWriter(SCORE_FIRST)
    orders = ((each.pooled, (-each.pooled).argsort(kind="stable")) for each in found)
    rows = (writer.write_numbers([labels[i] for i in order.tolist()], logits[order]) for logits, order in orders)
    return rows, sum(each.text.tokens for each in found)


def _inputs(inputs: str | list[str] | list[list[str]]) -> tuple[list[Text], bool]:
    """Return the texts or pairs, and whether there is a single input. Two strings are ONE pair."""
    if isinstance(inputs, str):
        return [inputs], True
    if all(isinstance(each, str) for each in inputs):
        return [_sides(inputs)], True  # type: ignore[arg-type]
    return [_sides(each) for each in inputs], False  # type: ignore[arg-type]


def _sides(sides: list[str]) -> Text:
    if len(sides) not in (1, 2):
        raise InvalidRequest(
            "an input is neither a text nor a pair",
            found=f"{len(sides)} texts",
            expected="one or two",
            hint='Send a batch as [["a"], ["b"]].',
        )
    return sides[0] if len(sides) == 1 else Pair(*sides)


def _listed(inputs: Inputs) -> list[str]:
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not texts:
        raise InvalidRequest("there is no input", expected="a text or a list of texts")
    return texts


def _pooling(task: TextEmbedding) -> str:
    """Return the name of the pooling in TEI; several are joined."""
    names = [task.pooling] if isinstance(task.pooling, str) else task.pooling
    return "+".join("last_token" if name == "last" else name for name in names)


def _labels(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _tokens(answers: Sequence[Answer]) -> int:
    return sum(answer.tokens for answer in answers)


async def _timed(
    state: AppState, content: Any, began: float, texts: Sequence[Text], tokens: int | None, size: int
) -> Response:
    """Return the response with TEI's headers; times in whole milliseconds."""
    characters = sum(sum(map(len, text)) if isinstance(text, Pair) else len(text) for text in texts)
    headers = {
        "x-compute-type": "cpu",
        "x-compute-characters": str(characters),
        "x-total-time": str(round(1e3 * (time.perf_counter() - began))),
    } | ({} if tokens is None else {"x-compute-tokens": str(tokens)})
    return await json_response(state, content, size=size, headers=headers)
