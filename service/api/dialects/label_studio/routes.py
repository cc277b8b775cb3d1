"""The routes of a machine learning backend for Label Studio: predictions for the tasks of a project."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.label_studio.bodies import LabelStudioPredict, LabelStudioSetup
from glossator.service.api.dialects.label_studio.control_match import MatchedControl, match_control
from glossator.service.api.dialects.label_studio.labelling_config import field_value, parse_config
from glossator.service.api.dialects.label_studio.results import prediction_of
from glossator.service.api.dialects.request_bodies import parse_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import ROW_BYTES, check_answer_size, span_bytes, text_bytes
from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.routes.models import ModelName
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import InputError, UndecodableText
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DecodeKeywords

PREFIX = "/label-studio"
_HINT = 'Send {"tasks": [{"data": {"text": "..."}}], "label_config": "<View>...</View>"}.'
_MARKUP = re.compile(r"<[A-Za-z/!][^<>]*>|&(?:[A-Za-z]+|#\d+);")


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors."""
    return JSONResponse({"detail": error.message, "code": error.code}, status_code=error.status)


router = APIRouter(tags=["label-studio"], responses=ERRORS, route_class=route_class(error_form), dependencies=[INFER])


@router.post("/{name}/predict", summary="Predict for Label Studio", openapi_extra=request_body(LabelStudioPredict))
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return one prediction per task, in order; that of an invalid task is empty and contains the error."""
    model = state.model(name)
    body = await parse_tolerantly(request, state, LabelStudioPredict, _HINT)
    control = await _matched(body.label_config, state, model.task)
    check_count(body.tasks, state.settings.max_texts)
    size = check_answer_size(len(body.tasks) * _row_bytes(control, model.task), state.settings)
    places: DecodeKeywords = {} if isinstance(model.task, Classifier) else {"offset_unit": "utf16"}
    texts = [_text(task.data, control, model.task) for task in body.tasks]
    model = answering_model(state, request, name, model, texts)
    answers = await inference_requests.predict(state, request, model, name, texts, **places)
    results = (prediction_of(answer, control, model.version) for answer in answers)
    content = {"results": results, "model_version": model.version}
    return await json_response(state, content, size=size + span_bytes(answers))


@router.post(
    "/{name}/setup",
    summary="Check a project, for Label Studio",
    openapi_extra=request_body(LabelStudioSetup, accepts_timeout=False),
)
async def setup(name: ModelName, request: Request, state: StateDep) -> dict[str, str]:
    """Return the model version. A project with a labelling configuration that does not fit is refused."""
    model = state.model(name)
    hint = 'Send {"project": "...", "schema": "<View>..."}.'
    has_body = "content-type" in request.headers
    body = await parse_tolerantly(request, state, LabelStudioSetup, hint) if has_body else LabelStudioSetup()
    if body.schema_ and body.schema_.strip() and parse_config(body.schema_).controls:
        await _matched(body.schema_, state, model.task)
    return {"model_version": model.version}


@router.post("/{name}/webhook", status_code=201, summary="Accept events of a project")
async def webhook(name: ModelName, state: StateDep) -> dict[str, str]:
    """Ignore the event: models are trained with `glossator train`."""
    state.model(name)
    return {"status": "ignored"}


@router.get("/{name}/versions", summary="List the versions of a model, for Label Studio")
@router.post("/{name}/versions", summary="List the versions of a model, for Label Studio")
async def versions(name: ModelName, state: StateDep) -> dict[str, list[str]]:
    """Return the served version. Older versions of Label Studio ask with POST."""
    return {"versions": [state.model(name).version]}


@router.get("/{name}", summary="Health of a model, for Label Studio")
@router.get("/{name}/health", summary="Health of a model, for Label Studio")
async def health(name: ModelName, state: StateDep) -> dict[str, str]:
    """Return the status `UP` if the model exists."""
    return {"status": "UP", "model_class": state.model(name).task.task}


async def _matched(config: str | None, state: AppState, task: Task) -> MatchedControl:
    """The control of a configuration for the answers of a model; a large one is read in a thread."""
    length = len(config or "")
    work = partial(match_control, config, task)
    return await offload(state, work, inline=length <= INLINE_CHARACTERS, seconds=1e-6 * length)


def _row_bytes(control: MatchedControl, task: Task) -> int:
    """About how many bytes the prediction for one task has, without spans."""
    several = isinstance(task, Classifier) and task.problem_type == "multi_label_classification"
    names = [text_bytes(control.names.get(label, label)) for label in task.labels]
    own = text_bytes(control.from_name) + text_bytes(control.to_name)
    return ROW_BYTES + own + (sum(names) if several else max(names, default=0))


def _text(data: dict[str, Any], control: MatchedControl, task: Task) -> Text | InputError:
    """The text or the pair of a task, or the error of a task without it."""
    values = [field_value(data, path) for path in control.paths]
    for path, value in zip(control.paths, values, strict=True):
        if not isinstance(value, str):
            return UndecodableText(
                f"the task has no text in {path}",
                found="nothing" if value is None else type(value).__name__,
                expected="a string",
                hint="Name the field in the labelling configuration.",
            )
        if control.is_html and _MARKUP.search(value):
            return UndecodableText(
                f"the task has HTML in {path}",
                expected="a text without markup",
                hint="Import the text without markup, and show it in a Text.",
            )
    return Pair(str(values[0]), str(values[1])) if reads_pairs(task) else str(values[0])
