"""The API of text-embeddings-inference (TEI), under `/tei/MODEL`: labels, vectors, reranking, similarity, tokens.

Unlike TEI, a multi-label model returns one sigmoid per label, as it was trained.
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
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
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


def _error_response(error: DialectError) -> JSONResponse:
    status, kind = _STATUS.get(error.status, (error.status, "Validation"))
    if error.code in _EMPTY:
        status, kind = HTTPStatus.BAD_REQUEST, "Empty"
    return JSONResponse({"error": error.message, "error_type": kind}, status_code=status)


router = APIRouter(tags=["text-embeddings-inference"], responses=ERRORS, route_class=route_class(_error_response))

_STRICT = ConfigDict(extra="forbid")
_DIRECTION = Annotated[
    Literal["Right", "right"], Field(description="With `truncate`, the end of a long text is cut off.")
]
_HINT = "Use the fields of text-embeddings-inference; see GET /openapi.json."
Inputs = str | list[str]


class TeiPredict(BaseModel):
    """A text, one pair `["a", "b"]`, or a batch `[["a"], ["b", "c"]]`."""

    model_config = _STRICT | ConfigDict(json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: str | list[str] | list[list[str]]
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"
    raw_scores: Annotated[bool, Field(description="Return logits instead of probabilities.")] = False


class TeiEmbed(BaseModel):
    """One text or several."""

    model_config = _STRICT

    inputs: Inputs
    normalize: bool = True
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"
    prompt_name: None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class TeiRerank(BaseModel):
    """A query and candidate texts."""

    model_config = _STRICT

    query: str
    texts: Annotated[list[str], Field(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool | None = None
    truncation_direction: _DIRECTION = "Right"


class TeiSentences(BaseModel):
    """Sentences to compare with a source sentence."""

    model_config = _STRICT

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]


class TeiSimilarity(BaseModel):
    """Sentences to compare; parameters are ignored."""

    model_config = _STRICT

    inputs: TeiSentences
    parameters: dict[str, Any] | None = None


class TeiTokenize(BaseModel):
    """Texts to tokenize."""

    model_config = _STRICT

    inputs: Inputs
    add_special_tokens: bool = True
    prompt_name: None = None


class TeiDecode(BaseModel):
    """Token ids to decode."""

    model_config = _STRICT

    ids: list[int] | list[list[int]]
    skip_special_tokens: bool = True


BODIES = (TeiPredict, TeiEmbed, TeiRerank, TeiSimilarity, TeiTokenize, TeiDecode)


@router.post("/{name}/predict", summary="Classify texts, in TEI's format", openapi_extra=request_body(TeiPredict))
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[{"score", "label"}]`, most probable label first; for a batch, one list per input."""
    began = time.perf_counter()
    model, body = state.model(name), await parse_body(request, state, TeiPredict, _HINT)
    if not isinstance(model.task, Classifier) or model.task.problem_type == "regression":
        raise ConfigError("this model does not assign labels", found=model.task.task, hint="See GET /v1/models.")
    texts, alone = _inputs(body.inputs)
    if body.raw_scores:
        rows, tokens = await _logits(state, request, model, texts, truncate=bool(body.truncate))
    else:
        answers = raise_first_error(
            await inference_requests.predict(state, request, model, name, texts, truncate=bool(body.truncate))
        )
        rows = [[{"score": each.score, "label": each.label} for each in scores_of(answer)] for answer in answers]
        tokens = _tokens(answers)
    return _timed(rows[0] if alone else rows, began, texts, tokens)


@router.post("/{name}/embed", summary="Embed texts, in TEI's format", openapi_extra=request_body(TeiEmbed))
async def embed(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[[float]]`, one vector per text."""
    began = time.perf_counter()
    model, body = state.embedding_model(name), await parse_body(request, state, TeiEmbed, _HINT)
    texts = _listed(body.inputs)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=bool(body.truncate))
    )
    vectors = [truncate_vector(each.vector, body.dimensions, normalize=body.normalize).tolist() for each in answers]
    return _timed(vectors, began, texts, _tokens(answers))


@router.post("/{name}/rerank", summary="Rerank texts, in TEI's format", openapi_extra=request_body(TeiRerank))
async def rerank(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[{"index", "text"?, "score"}]`, best first."""
    began = time.perf_counter()
    model, body = state.model(name), await parse_body(request, state, TeiRerank, _HINT)
    ranked = raise_first_unranked(
        await inference_requests.rerank(state, request, model, body.query, body.texts, raw=body.raw_scores)
    )
    rows = [
        {"index": each.index, **({"text": each.text} if body.return_text else {}), "score": each.score}
        for each in ranked
    ]
    return _timed(rows, began, [body.query, *body.texts], None)


@router.post(
    "/{name}/similarity", summary="Compare sentences, in TEI's format", openapi_extra=request_body(TeiSimilarity)
)
async def similarity(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return `[float]`, one cosine similarity per sentence."""
    began = time.perf_counter()
    model, body = state.embedding_model(name), await parse_body(request, state, TeiSimilarity, _HINT)
    texts = [body.inputs.source_sentence, *body.inputs.sentences]
    answers = raise_first_error(await inference_requests.predict(state, request, model, name, texts))
    return _timed(similarities(answers), began, texts, _tokens(answers))


@router.post(
    "/{name}/tokenize",
    summary="Tokenize texts, in TEI's format",
    openapi_extra=request_body(TeiTokenize, accepts_timeout=False),
)
async def tokenize(name: ModelName, request: Request, state: StateDep) -> list[list[dict[str, Any]]]:
    """Return `[[{"id", "text", "special", "start", "stop"}]]`; offsets in code points, null for special tokens."""
    model, body = state.model(name), await parse_body(request, state, TeiTokenize, _HINT)
    texts = _listed(body.inputs)
    check_count(texts, state.settings.max_texts)
    raise_first_error(replace_too_long(texts, state.settings.max_characters))

    def work() -> list[list[dict[str, Any]]]:
        return [
            [asdict(each) for each in model.tokenize(text, special_tokens=body.add_special_tokens)] for text in texts
        ]

    return await to_thread.run_sync(work, limiter=state.limiter)


@router.post(
    "/{name}/decode",
    summary="Decode token ids, in TEI's format",
    openapi_extra=request_body(TeiDecode, accepts_timeout=False),
)
async def decode(name: ModelName, request: Request, state: StateDep) -> list[str]:
    """Return one text per list of ids."""
    model, body = state.model(name), await parse_body(request, state, TeiDecode, _HINT)
    rows: Any = body.ids if body.ids and isinstance(body.ids[0], list) else [body.ids]
    check_count(rows, state.settings.max_texts)
    work = partial(model.detokenize, skip_special_tokens=body.skip_special_tokens)
    return await to_thread.run_sync(lambda: [work(row) for row in rows], limiter=state.limiter)


@router.get("/{name}/info", summary="Describe a model, in TEI's format")
async def info(name: ModelName, state: StateDep) -> dict[str, Any]:
    """Return what clients of TEI read before they use a model."""
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


@router.get("/{name}/health", summary="Health of a model", response_class=Response)
async def health(name: ModelName, state: StateDep) -> Response:
    """Return 200 without a body if the model exists."""
    state.model(name)
    return Response()


@router.get("/{name}/ping", summary="Health of a model", include_in_schema=False)
async def ping(name: ModelName, state: StateDep) -> Response:
    """Return 200 without a body if the model exists."""
    return await health(name, state)


@router.get(
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


async def _logits(
    state: AppState, request: Request, model: Model, texts: Sequence[Text], *, truncate: bool
) -> tuple[list[list[dict[str, Any]]], int]:
    """Return the labels and logits of each text, highest first, and the number of tokens. Raises the first error."""
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


def _labels(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _tokens(answers: Sequence[Answer]) -> int:
    return sum(answer.tokens for answer in answers)


def _timed(content: Any, began: float, texts: Sequence[Text], tokens: int | None) -> Response:
    """Return the response with TEI's headers; times in whole milliseconds."""
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
