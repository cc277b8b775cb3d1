"""The Open Inference Protocol V2 (KServe) for clients of Triton and MLServer: JSON and binary, under `/v2`.

A model's input is `text` (BYTES, `(n)` or `(n, 1)`), plus `text_pair` if it reads two texts. Its outputs depend on its
task; `GET /v2/models/MODEL` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.open_inference.bodies import InferRequest, InferTensor
from glossator.service.api.dialects.open_inference.errors import OpenInferenceRoute
from glossator.service.api.dialects.open_inference.inputs import check_parameters, read_texts
from glossator.service.api.dialects.open_inference.outputs import (
    PLATFORM,
    output_bytes,
    output_tensors,
    outputs_of,
    parse_classes,
    top_classes,
)
from glossator.service.api.dialects.open_inference.tensors import BINARY
from glossator.service.api.dialects.request_bodies import known_fields, note_ignored
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import ROW_BYTES, SMALL_BYTES, check_answer_size, span_bytes
from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS, parse_seconds, raise_first_error
from glossator.service.api.inference.json_answers import encode_seconds, json_chunks, send_chunks, split_chunks
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.health import raise_if_not_ready
from glossator.service.api.routes.models import ModelName
from glossator.service.api.security.access import INFER
from glossator.service.api.transport.json_body import JSON, parse_object, read_body, validate
from glossator.service.bundle.task import Task
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Text

EXTENSIONS = [BINARY, "classification", "model_configuration", "model_repository", "statistics"]
HEADER = "Inference-Header-Content-Length"
_HINT = 'Send {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["..."]}]}.'


router = APIRouter(
    prefix="/v2", tags=["open-inference"], responses=ERRORS, route_class=OpenInferenceRoute, dependencies=[INFER]
)


@router.get("", summary="Describe the server")
async def server(state: StateDep) -> dict[str, Any]:
    """Return the name, version and extensions of the server."""
    return {"name": "glossator", "version": state.version, "extensions": EXTENSIONS}


@router.get("/health/live", summary="Liveness")
async def live() -> dict[str, bool]:
    """Same as `/livez`."""
    return {"live": True}


@router.get("/health/ready", summary="Readiness")
async def server_ready(state: StateDep) -> dict[str, bool]:
    """Same as `/readyz`."""
    raise_if_not_ready(state)
    return {"ready": True}


@router.get("/models/{name}", summary="Inputs and outputs of a model")
@router.get("/models/{name}/versions/{version}", summary="Inputs and outputs of a model version")
async def metadata(name: ModelName, state: StateDep, version: str | None = None) -> dict[str, Any]:
    """Return names, types and shapes; -1 is the number of texts."""
    model = state.model(name, version)
    inputs = ["text", "text_pair"] if reads_pairs(model.task) else ["text"]
    return {
        "name": name,
        "versions": [model.digest],
        "platform": PLATFORM,
        "inputs": [{"name": each, "datatype": "BYTES", "shape": [-1]} for each in inputs],
        "outputs": [
            {"name": each, "datatype": kind, "shape": [-1, *further]} for each, kind, further in outputs_of(model.task)
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
    inline = len(body) <= INLINE_CHARACTERS
    asked, texts, ignored = await offload(state, work, inline=inline, seconds=parse_seconds(body))
    note_ignored(request, ignored)
    if version is None:
        model = answering_model(state, request, name, model, texts)
    requested = _requested(asked, model.task)
    size = check_answer_size(ROW_BYTES + len(texts) * _row_bytes(requested, model.task), state.settings)
    requested_name = name if version is None else f"{name}@{version}"
    answers = raise_first_error(await inference_requests.predict(state, request, model, requested_name, texts))
    size += span_bytes(answers)
    response = {"model_name": name, "model_version": model.digest} | ({} if asked.id is None else {"id": asked.id})
    write = partial(_written, response, requested, answers, model.task, state.settings.max_answer_bytes)
    head, raw = await offload(state, write, inline=size <= SMALL_BYTES, seconds=encode_seconds(size))
    if not raw:
        return send_chunks(head, JSON)
    return send_chunks([*head, *raw], "application/octet-stream", {HEADER: str(sum(map(len, head)))})


@dataclass(frozen=True, slots=True)
class _Output:
    """An output that a request asks for, and in which form."""

    name: str
    is_binary: bool
    classes: int | None
    """The number of classes to return in place of all numbers."""


def _requested(asked: InferRequest, task: Task) -> list[_Output]:
    """The outputs that a request asks for, each once; default: all."""
    kinds = {name: kind for name, kind, _ in outputs_of(task)}
    everywhere = bool((asked.parameters or {}).get("binary_data_output"))
    found: dict[str, _Output] = {}
    for each in asked.outputs or [InferTensor(name=name) for name in kinds]:
        if each.name not in kinds:
            raise InvalidRequest("the model has no such output", found=each.name, expected=", ".join(kinds))
        if each.name in found:
            raise InvalidRequest("an output is requested twice", found=each.name, expected="each output once")
        parameters = each.parameters or {}
        natural = "str" if kinds[each.name] == "BYTES" else "np"
        if parameters.get("content_type", natural) not in (natural, None):
            raise InvalidRequest(
                f"the output {each.name} has another content type", found=parameters["content_type"], expected=natural
            )
        classes = parse_classes(parameters.get("classification"))
        found[each.name] = _Output(each.name, bool(parameters.get("binary_data", everywhere)), classes)
    return list(found.values())


def _row_bytes(requested: Sequence[_Output], task: Task) -> int:
    """About how many bytes the requested outputs of one text have."""
    return sum(output_bytes(each.name, each.classes, task) for each in requested)


def _written(
    response: Mapping[str, Any], requested: Sequence[_Output], answers: Sequence[Answer], task: Task, limit: int
) -> tuple[list[bytes], list[bytes]]:
    """The chunks of the JSON header with the requested outputs, and those of the binary data."""
    tensors = {tensor.name: tensor for tensor in output_tensors(task, answers)}
    outputs: list[dict[str, Any]] = []
    raw = []
    for each in requested:
        tensor = tensors[each.name]
        if each.classes is not None:
            tensor = top_classes(tensor, each.classes, task.labels)
        if each.is_binary:
            entry, data = tensor.to_binary()
            raw.append(data)
        else:
            entry = tensor.to_json()
        outputs.append(entry)
    return json_chunks({**response, "outputs": iter(outputs)}, limit), split_chunks(raw)


def _header_length(request: Request) -> int | None:
    value = request.headers.get(HEADER)
    if value is None:
        return None
    if not value.isdecimal() or len(value) > 12:
        raise InvalidRequest(f"{HEADER} is not a number of bytes", found=value)
    return int(value)


def _parsed(body: bytes, length: int | None, model: Model) -> tuple[InferRequest, list[Text], list[str]]:
    """Parse a request. Returns it, its texts, and the fields without effect."""
    known, ignored = known_fields(parse_object(body[:length], hint=_HINT), InferRequest)
    asked = validate(known, InferRequest, hint=_HINT)
    return asked, read_texts(asked, body, length, model.task), ignored + check_parameters(asked)
