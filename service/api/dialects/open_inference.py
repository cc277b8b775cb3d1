"""The Open Inference Protocol V2 (KServe) for clients of Triton and MLServer: JSON and binary, under `/v2`.

A model's input is `text` (BYTES, `(n)` or `(n, 1)`), plus `text_pair` if it reads two texts. Its outputs depend on its
task; `GET /v2/models/MODEL` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Any

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.open_inference_tensors import BINARY, Tensor, split_binary, texts_of
from glossator.service.api.inference_requests import INLINE_CHARACTERS, raise_first_error
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.health import raise_if_not_ready
from glossator.service.api.routes.models import ModelName
from glossator.service.api.transport.json_body import parse_object, read_body, validate
from glossator.service.bundle.task import Classifier, Task, TextEmbedding
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction

HEADER = "Inference-Header-Content-Length"
_PLATFORM = "onnxruntime_onnx"
_HINT = 'Send {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["..."]}]}.'
_LOADED = {"state": "READY", "reason": ""}
_NOT_LOADED = {"state": "UNAVAILABLE", "reason": "loaded on the first request"}
_REQUEST_CODES = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _error_response(error: DialectError) -> JSONResponse:
    status = HTTPStatus.BAD_REQUEST if error.status in _REQUEST_CODES else error.status
    return JSONResponse({"error": error.message}, status_code=status)


router = APIRouter(prefix="/v2", tags=["open-inference"], responses=ERRORS, route_class=route_class(_error_response))


class InferTensor(BaseModel):
    """An input, or a requested output."""

    model_config = ConfigDict(extra="allow")

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """Inputs and the requested outputs; default: all outputs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a text"]}]}]
        },
    )

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: list[InferTensor]
    outputs: list[InferTensor] | None = None


BODIES = (InferRequest,)


@router.get("", summary="Describe the server")
async def server(state: StateDep) -> dict[str, Any]:
    """Return the name, version and extensions of the server."""
    return {"name": "glossator", "version": state.version, "extensions": [BINARY, "model_repository"]}


@router.get("/health/live", summary="Liveness")
async def live() -> dict[str, bool]:
    """Same as `/livez`."""
    return {"live": True}


@router.get("/health/ready", summary="Readiness")
async def server_ready(state: StateDep) -> dict[str, bool]:
    """Same as `/readyz`."""
    raise_if_not_ready(state)
    return {"ready": True}


@router.post("/repository/index", summary="List the models, in Triton's format")
async def index(state: StateDep) -> list[dict[str, str]]:
    """Return each model with its served version."""
    return [
        {"name": each.name, "version": each.digest} | (_LOADED if each.is_loaded else _NOT_LOADED)
        for each in state.models.listed()
    ]


@router.get("/models/{name}", summary="Inputs and outputs of a model")
@router.get("/models/{name}/versions/{version}", summary="Inputs and outputs of a model version")
async def metadata(name: ModelName, state: StateDep, version: str | None = None) -> dict[str, Any]:
    """Return names, types and shapes; -1 is the number of texts."""
    model = state.model(name, version)
    inputs = ["text", "text_pair"] if reads_pairs(model.task) else ["text"]
    return {
        "name": name,
        "versions": [model.digest],
        "platform": _PLATFORM,
        "inputs": [{"name": each, "datatype": "BYTES", "shape": [-1]} for each in inputs],
        "outputs": [
            {"name": each, "datatype": kind, "shape": [-1, *further]} for each, kind, further in _outputs(model.task)
        ],
    }


@router.get("/models/{name}/ready", summary="Readiness of a model")
@router.get("/models/{name}/versions/{version}/ready", summary="Readiness of a model version")
async def model_ready(name: ModelName, state: StateDep, version: str | None = None) -> dict[str, Any]:
    """Return 200 if the model is ready."""
    state.model(name, version)
    raise_if_not_ready(state)
    return {"name": name, "ready": True}


@router.post("/models/{name}/infer", summary="Predict", openapi_extra=request_body(InferRequest))
@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Predict with a model version",
    openapi_extra=request_body(InferRequest),
)
async def infer(name: ModelName, request: Request, state: StateDep, version: str | None = None) -> Response:
    """Return one row of every output per text.

    One invalid text fails the whole request: the protocol has no error per text.
    """
    model = state.model(name, version)
    body = await read_body(request, state.settings.max_body_bytes)
    length = _header_length(request)
    work = partial(_parsed, body, length, model)
    asked, texts = work() if len(body) <= INLINE_CHARACTERS else await to_thread.run_sync(work, limiter=state.limiter)
    tensors = {
        tensor.name: tensor
        for tensor in _answered(
            model.task, raise_first_error(await inference_requests.predict(state, request, model, name, texts))
        )
    }
    everywhere = bool((asked.parameters or {}).get("binary_data_output"))
    wanted = asked.outputs or [InferTensor(name=each) for each in tensors]
    outputs: list[dict[str, Any]] = []
    raw = []
    for each in wanted:
        if each.name not in tensors:
            raise InvalidRequest("the model has no such output", found=each.name, expected=", ".join(tensors))
        if (each.parameters or {}).get("binary_data", everywhere):
            entry, data = tensors[each.name].to_binary()
            raw.append(data)
        else:
            entry = tensors[each.name].to_json()
        outputs.append(entry)
    response = {"model_name": name, "model_version": model.digest, "outputs": outputs}
    head = json.dumps(response | ({} if asked.id is None else {"id": asked.id})).encode("utf-8")
    if not raw:
        return Response(head, media_type="application/json")
    return Response(head + b"".join(raw), media_type="application/octet-stream", headers={HEADER: str(len(head))})


def _header_length(request: Request) -> int | None:
    value = request.headers.get(HEADER)
    if value is None:
        return None
    if not value.isdecimal() or len(value) > 12:
        raise InvalidRequest(f"{HEADER} is not a number of bytes", found=value)
    return int(value)


def _parsed(body: bytes, length: int | None, model: Model) -> tuple[InferRequest, list[Text]]:
    """Parse a request and its texts."""
    asked = validate(parse_object(body[:length], hint=_HINT), InferRequest, hint=_HINT)
    return asked, _texts(asked, body, length, model)


def _texts(asked: InferRequest, body: bytes, length: int | None, model: Model) -> list[Text]:
    """Return the texts or pairs of texts of the inputs."""
    tensors = [each.model_dump() for each in asked.inputs]
    parts = split_binary(body, length, tensors)
    found = {each["name"]: texts_of(each, raw) for each, raw in zip(tensors, parts, strict=True)}
    names = ["text", "text_pair"] if reads_pairs(model.task) else ["text"]
    if len(names) == 1 and len(found) == 1:  # a single input may have any name: clients of MLServer choose their own
        return list(next(iter(found.values())))
    if set(found) != set(names) or len(found) != len(tensors):
        raise InvalidRequest("the inputs do not match the model", found=", ".join(found), expected=", ".join(names))
    if len(names) == 1:
        return list(found["text"])
    if len(found["text"]) != len(found["text_pair"]):
        raise InvalidRequest(
            "text and text_pair have different lengths", found=f"{len(found['text'])} and {len(found['text_pair'])}"
        )
    return [Pair(*sides) for sides in zip(found["text"], found["text_pair"], strict=True)]


def _outputs(task: Task) -> list[tuple[str, str, list[int]]]:
    """Return name, type and shape per text of each output."""
    if isinstance(task, TextEmbedding):
        return [("embedding", "FP32", [task.dimension])]
    if task.task == "token-classification":
        return [("entities", "BYTES", [])]
    if task.task == "question-answering":
        return [("answer", "BYTES", []), ("start", "INT64", []), ("end", "INT64", []), ("score", "FP64", [])]
    if isinstance(task, Classifier) and task.problem_type == "regression":
        return [("score", "FP64", [])]
    return [
        ("label", "BYTES", []),
        ("score", "FP64", []),
        ("labels", "BYTES", []),
        ("probabilities", "FP64", [len(task.labels)]),
    ]


def _answered(task: Task, answers: Sequence[Answer]) -> list[Tensor]:
    """Return the outputs. `labels` and `entities` contain JSON; `probabilities` are in the order of the labels."""
    if isinstance(task, TextEmbedding):
        columns: list[Any] = [np.concatenate([answer.vector for answer in answers] or [np.empty(0, dtype=np.float32)])]
    elif task.task == "token-classification":
        columns = [[json.dumps([asdict(each) for each in answer.entities]) for answer in answers]]
    elif task.task == "question-answering":
        columns = _spans(answers)
    elif isinstance(task, Classifier) and task.problem_type == "regression":
        columns = [np.array([answer.score for answer in answers])]
    else:
        place = {label: index for index, label in enumerate(task.labels)}
        rows = np.zeros((len(answers), len(place)))
        for row, answer in zip(rows, answers, strict=True):
            for each in answer.prediction.scores:  # type: ignore[union-attr]
                row[place[each.label]] = each.score
        columns = [
            [answer.label or "" for answer in answers],
            np.array([answer.score for answer in answers]),
            [json.dumps(answer.labels) for answer in answers],
            rows.ravel(),
        ]
    return [
        Tensor(name, kind, (len(answers), *further), values)
        for (name, kind, further), values in zip(_outputs(task), columns, strict=True)
    ]


def _spans(answers: Sequence[Answer]) -> list[Any]:
    """Return texts, starts, ends and scores; "no answer" is an empty text from 0 to 0."""
    rows = []
    for answer in answers:
        prediction = answer.prediction
        assert isinstance(prediction, Extraction)
        best = prediction.answer
        rows.append((best.text, best.start, best.end, best.score) if best else ("", 0, 0, prediction.no_answer_score))
    texts, starts, ends, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return [list(texts), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), np.array(scores)]
