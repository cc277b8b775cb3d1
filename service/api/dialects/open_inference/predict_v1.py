"""The Open Inference Protocol V1 (KServe): `POST /v1/models/MODEL:predict`.

`GET /v1/models/MODEL`, the readiness of version 1, is a native route.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.open_inference.bodies import PredictV1
from glossator.service.api.dialects.open_inference.errors import OpenInferenceRoute
from glossator.service.api.dialects.open_inference.inputs import text_or_pair
from glossator.service.api.dialects.request_bodies import parse_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import check_answer_size, row_bytes, span_bytes
from glossator.service.api.inference.inference_requests import raise_first_error
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.serialization import ResultWriter
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.api.security.access import INFER
from glossator.service.errors import Fault, InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.tasks.encoded import Pair, Text

router = APIRouter(tags=["open-inference"], responses=ERRORS, route_class=OpenInferenceRoute, dependencies=[INFER])


@router.post(
    "/v1/models/{name}:predict", summary="Predict, in KServe's version 1", openapi_extra=request_body(PredictV1)
)
async def predict_v1(name: ModelName, request: Request, state: StateDep) -> Response:
    """Return one prediction per instance, with the fields of the native route."""
    model = state.model(name)
    body = await parse_tolerantly(request, state, PredictV1, 'Send {"instances": ["...", "..."]}.')
    texts = [_text(instance, index, model) for index, instance in enumerate(body.instances)]
    model = answering_model(state, request, name, model, texts)
    size = check_answer_size(len(texts) * row_bytes(model.task), state.settings)
    answers = raise_first_error(await inference_requests.predict(state, request, model, name, texts))
    rows = map(ResultWriter().result, answers)
    return await json_response(state, {"predictions": rows}, size=size + span_bytes(answers))


def _text(instance: object, index: int, model: Model) -> Text:
    """The text or the pair of an instance. Raises InvalidRequest with its index."""
    pairs = reads_pairs(model.task)
    if isinstance(instance, list) and len(instance) == 1 + pairs:
        return Pair(*instance) if pairs else str(instance[0])
    try:
        text = text_or_pair(instance)
    except InputError as error:
        message = f"{error.message}: {error.found}" if error.found else error.message
        raise InvalidRequest("an instance is no text", faults=[Fault("type", message, f"instances[{index}]")]) from None
    if isinstance(text, Pair) != pairs:
        expected = "text and text_pair" if pairs else "a text"
        fault = Fault("type", f"this model reads {expected}", f"instances[{index}]")
        raise InvalidRequest("an instance does not fit the model", faults=[fault])
    return text
