"""The routes of text-embeddings-inference (TEI), under `/tei/MODEL`: labels, vectors, ranking, similarity, tokens.

Unlike there, a model with several labels a text answers with a sigmoid each, as it was trained.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from service.api.asking import ask, bounded, good
from service.api.body import check_count, parse_object, read_json_body, validated
from service.api.dialects.errors import ERRORS, Told, route_class
from service.api.dialects.hugging_face import scores_of, similarities
from service.api.documentation import body_of
from service.api.problems import InvalidRequest
from service.api.routes.models import ModelName
from service.api.state import Shared, State
from service.bundle.task import Classifier, TextEmbedding, TextPair
from service.errors import ConfigError
from service.inference.model import Model
from service.inference.pipeline import Answer
from service.inference.ranking import Ranked
from service.tasks.encoded import Pair, Text
from service.tasks.text_embedding import shortened

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


@router.post("/{name}/predict", summary="Labels, in the shape of TEI", openapi_extra=body_of(TeiPredict))
async def predict(name: ModelName, request: Request, state: Shared) -> Response:
    """`[{"score", "label"}]`, the most probable label first; of a batch a list of these."""
    began = time.perf_counter()
    model, asked = state.model(name), await _read(request, state, TeiPredict)
    if not isinstance(model.task, Classifier) or model.task.problem_type == "regression":
        raise ConfigError("this model gives no labels", found=model.task.task, way_out="See GET /v1/models.")
    texts, alone = _inputs(asked.inputs)
    answers = good(await ask(state, request, model, name, texts, truncate=bool(asked.truncate)))
    if asked.raw_scores:
        logits = await to_thread.run_sync(model.pipeline.logits, texts, limiter=state.limiter)
        rows = [
            [{"score": float(row[index]), "label": model.task.labels[index]} for index in (-row).argsort(kind="stable")]
            for row in logits
        ]
    else:
        rows = [[{"score": each.score, "label": each.label} for each in scores_of(answer)] for answer in answers]
    return _timed(rows[0] if alone else rows, began, texts, answers)


@router.post("/{name}/embed", summary="Vectors, in the shape of TEI", openapi_extra=body_of(TeiEmbed))
async def embed(name: ModelName, request: Request, state: Shared) -> Response:
    """`[[float]]`, a vector for each text."""
    began = time.perf_counter()
    model, asked = state.embedding_model(name), await _read(request, state, TeiEmbed)
    texts = _listed(asked.inputs)
    answers = good(await ask(state, request, model, name, texts, truncate=bool(asked.truncate)))
    vectors = [shortened(each.vector, asked.dimensions, normalize=asked.normalize).tolist() for each in answers]
    return _timed(vectors, began, texts, answers)


@router.post("/{name}/rerank", summary="Texts by how well they answer, as TEI", openapi_extra=body_of(TeiRerank))
async def rerank(name: ModelName, request: Request, state: Shared) -> Response:
    """`[{"index", "text"?, "score"}]`, the best first."""
    began = time.perf_counter()
    model, asked = state.model(name), await _read(request, state, TeiRerank)
    check_count(asked.texts, state.settings.max_texts)
    ranked = await ranked_by(state, model, asked.query, asked.texts, raw=asked.raw_scores)
    rows = [
        {"index": each.index, **({"text": each.text} if asked.return_text else {}), "score": each.score}
        for each in ranked
    ]
    return _timed(rows, began, [asked.query, *asked.texts], ())


@router.post("/{name}/similarity", summary="Similarities, as TEI", openapi_extra=body_of(TeiSimilarity))
async def similarity(name: ModelName, request: Request, state: Shared) -> Response:
    """`[float]`, a cosine for each sentence."""
    began = time.perf_counter()
    model, asked = state.embedding_model(name), await _read(request, state, TeiSimilarity)
    texts = [asked.inputs.source_sentence, *asked.inputs.sentences]
    answers = good(await ask(state, request, model, name, texts))
    return _timed(similarities(answers), began, texts, answers)


@router.post("/{name}/tokenize", summary="Tokens of texts, as TEI", openapi_extra=body_of(TeiTokenize))
async def tokenize(name: ModelName, request: Request, state: Shared) -> list[list[dict[str, Any]]]:
    """`[[{"id", "text", "special", "start", "stop"}]]`; places count code points, and special tokens have none."""
    model, asked = state.model(name), await _read(request, state, TeiTokenize)
    texts = _listed(asked.inputs)
    check_count(texts, state.settings.max_texts)
    for text in texts:
        if not isinstance(limited := bounded(text, state.settings.max_characters), str):
            raise limited  # type: ignore[misc]
    return [
        [
            {"id": each.id, "text": each.text, "special": each.special, "start": each.start, "stop": each.stop}
            for each in model.tokenize(text, special_tokens=asked.add_special_tokens)
        ]
        for text in texts
    ]


@router.post("/{name}/decode", summary="Texts of tokens, as TEI", openapi_extra=body_of(TeiDecode))
async def decode(name: ModelName, request: Request, state: Shared) -> list[str]:
    """A text for each list of ids."""
    model, asked = state.model(name), await _read(request, state, TeiDecode)
    rows: Any = asked.ids if asked.ids and isinstance(asked.ids[0], list) else [asked.ids]
    check_count(rows, state.settings.max_texts)
    return [model.detokenize(row, skip_special_tokens=asked.skip_special_tokens) for row in rows]


@router.get("/{name}/info", summary="A model, as TEI describes it")
async def info(name: ModelName, state: Shared) -> dict[str, Any]:
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
async def health(name: ModelName, state: Shared) -> Response:
    """200 with no body."""
    state.model(name)
    return Response()


@router.get("/{name}/ping", summary="Whether a model answers", include_in_schema=False)
async def ping(name: ModelName, state: Shared) -> Response:
    """200 with no body."""
    return await health(name, state)


@router.get(
    "/{name}/metrics", summary="Metrics under TEI's names", response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def metrics(name: ModelName, state: Shared) -> Response:
    """The metrics that TEI's dashboards read, of this model."""
    state.model(name)
    return Response(state.metrics.tei_exposition(name), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def ranked_by(
    state: State, model: Model, query: str, texts: Sequence[str], *, raw: bool = False, top_k: int | None = None
) -> list[Ranked]:
    """The texts, the best first; raises the error of the first that cannot be read. `raw` scores are logits."""
    limit = state.settings.max_characters
    if isinstance(error := bounded(query, limit), Exception):
        raise error
    deadline = time.monotonic() + state.settings.timeout_seconds

    def work() -> list[Ranked]:
        found = model.rerank(query, [bounded(text, limit) for text in texts], top_k=top_k, deadline=deadline, raw=raw)  # type: ignore[misc]
        for each in found:
            if not isinstance(each, Ranked):
                each.error.what = f"text {each.index}: {each.error.what}"
                raise each.error
        return [each for each in found if isinstance(each, Ranked)]

    return await to_thread.run_sync(work, limiter=state.limiter)


async def _read(request: Request, state: State, kind: type[Any]) -> Any:
    value = parse_object(await read_json_body(request, state.settings.max_body_bytes), way_out=_WAY_OUT)
    return validated(value, kind, way_out=_WAY_OUT)


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
            way_out='Send a batch as [["a"], ["b"]].',
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


def _timed(content: Any, began: float, texts: Sequence[Text], answers: Sequence[Answer]) -> Response:
    """The answer, with what it took in TEI's headers: whole milliseconds."""
    characters = sum(sum(map(len, text)) if isinstance(text, Pair) else len(text) for text in texts)
    return JSONResponse(
        content,
        headers={
            "x-compute-type": "cpu",
            "x-compute-characters": str(characters),
            "x-compute-tokens": str(sum(answer.tokens for answer in answers)),
            "x-total-time": str(round(1e3 * (time.perf_counter() - began))),
        },
    )
