"""POST /v1/models/{name}/heads/predict: several heads of one backbone answer the same texts, which are read once."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.answer_budget import check_answer_size, row_bytes
from glossator.service.api.inference.answer_recording import record_answers
from glossator.service.api.inference.inference_requests import admit, parse_body, read_deadline, replace_too_long
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.serialization import ResultWriter
from glossator.service.api.inference.step_runner import run_steps
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import problem_responses, request_body
from glossator.service.api.problems import InvalidRequest, TooManyTexts
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.predictions import HeadsResponse
from glossator.service.api.schemas.requests import HeadsRequest
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError, Fault, InputError
from glossator.service.inference.heads.several_heads import check_heads, heads_steps
from glossator.service.inference.model import Model
from glossator.service.inference.queue.workload import count_characters
from glossator.service.tasks.encoded import Text
from glossator.service.tasks.options import DecodeKeywords

router = APIRouter(tags=["inference"], dependencies=[INFER])

_HINT = 'Send {"texts": ["..."]} or {"texts": ["..."], "heads": ["...", "..."]}.'


@router.post(
    "/v1/models/{name}/heads/predict",
    summary="Predict texts with several heads of one backbone",
    openapi_extra=request_body(HeadsRequest),
    response_class=Response,
    responses={
        200: {"model": HeadsResponse},
        **problem_responses(
            "/v1/models/encoder/heads/predict",
            UNKNOWN_MODEL,
            InvalidRequest("invalid request body", faults=[Fault("missing", "Field required", "texts")]),
            TooManyTexts("too many texts in one request", found="1,200", expected="at most 1,000"),
            ConfigError("these models are not heads of this backbone", found="tickets"),
        ),
    },
)
async def predict_heads(name: ModelName, request: Request, state: StateDep) -> Response:
    """Answer every text with every head. `name` is the backbone; each text is encoded and read by it once.

    A text that cannot be answered has an error as its result, for each head. Every head has its own line in the
    prediction log, all with the id of this request. A head alone is asked with `/v1/models/{name}/predict`.
    """
    backbone = state.model(name)
    body = await parse_body(request, state, HeadsRequest, _HINT)
    names = _names(state, backbone, body.heads)
    check_count(range(len(body.texts) * max(1, len(names))), state.settings.max_texts)
    deadline = read_deadline(request, state.settings)
    texts = replace_too_long(body.texts, state.settings.max_characters)
    heads = [_head(state, request, each, backbone, texts) for each in names]
    check_heads(heads)
    began = time.perf_counter()
    sizes = [row_bytes(head.task, listed=body.top_k) for head in heads]
    size = check_answer_size(len(texts) * sum(sizes), state.settings)
    share = admit(state, request, heads[0], list(map(count_characters, texts)), deadline, truncate=body.truncate)
    asked = DecodeKeywords(truncate=body.truncate)
    if any(isinstance(head.task, Classifier) for head in heads):
        asked["top_k"] = body.top_k
    steps = heads_steps(heads, texts, deadline=deadline, **asked)
    answered = await run_steps(state, request, steps, deadline, share)
    for place, (head_name, each) in enumerate(zip(names, answered, strict=True)):
        record_answers(
            state,
            request,
            each.head,
            head_name,
            texts,
            each.pending,
            each.answers,
            began,
            count_errors=place == 0,
            count_stages=False,
        )
    state.metrics.stages(name, answered[0].pending, time.perf_counter() - began)
    writer = ResultWriter()
    found = {
        head_name: {"version": each.head.digest, "results": writer.results(each.answers, size=len(texts) * row)}
        for head_name, each, row in zip(names, answered, sizes, strict=True)
    }
    return await json_response(state, {"model": name, "version": backbone.digest, "heads": found}, size=size)


def _names(state: AppState, backbone: Model, asked: Sequence[str] | None) -> list[str]:
    """The names of the heads that answer, without repetitions; by default every live head of the backbone.

    Raises ConfigError if the backbone has none.
    """
    if asked is not None:
        found = list(dict.fromkeys(asked))
    else:
        listed = ((each.name, each.manifest.backbone) for each in state.models.listed())
        found = [name for name, record in listed if "@" not in name and record and record.digest == backbone.digest]
    if not found:
        raise ConfigError(
            "this request asks no head",
            found="an empty list of heads" if asked is not None else f"no head of {backbone.version} is served",
            hint="GET /v1/models lists the models, each head with the digest of its backbone.",
        )
    return found


def _head(state: AppState, request: Request, name: str, backbone: Model, texts: Sequence[Text | InputError]) -> Model:
    """The version of a head that answers. Raises ConfigError if it is not a head of the backbone."""
    head = state.model(name)
    if head.backbone is None or head.backbone.digest != backbone.digest:
        raise ConfigError(
            "this model is not a head of this backbone",
            found=f"{name}: {'no head' if head.backbone is None else f'a head of {head.backbone.version}'}",
            expected=f"a head of {backbone.version}",
            hint="GET /v1/models lists the models, each head with the digest of its backbone.",
        )
    answering = answering_model(state, request, name, head, texts)
    # A new version on another backbone cannot answer from the same vectors: it gets its share of other requests.
    return answering if answering.backbone is not None and answering.backbone.digest == backbone.digest else head
