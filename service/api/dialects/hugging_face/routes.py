"""The Hugging Face Inference API for `huggingface_hub.InferenceClient`: `POST /hf/MODEL`.

Requests have the form of transformers' pipelines: `{"inputs": ..., "parameters": {...}}`. The response depends on the
model's task and, for vectors, on the inputs.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.hugging_face.bodies import (
    ClassificationParameters,
    EmbeddingParameters,
    EntityParameters,
    HuggingFaceRequest,
    QuestionParameters,
    SentencesInput,
    ZeroShotParameters,
)
from glossator.service.api.dialects.predictions import scores_of, similarities
from glossator.service.api.dialects.request_bodies import note_ignored, validate_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import (
    NUMBER_BYTES,
    candidates_bytes,
    check_answer_size,
    row_bytes,
    span_bytes,
)
from glossator.service.api.inference.inference_requests import parse_body, raise_first_error
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.score_writer import LABEL_FIRST, ScoreWriter
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.api.schemas.operations import HealthStatus
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.bundle.task import Classifier, TextEmbedding, TextPair
from glossator.service.errors import ConfigError, Fault
from glossator.service.inference.model import Model
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_embedding import truncate_vector
from glossator.service.tasks.token_classification import Entity

PREFIX = "/hf"
_HINT = 'Send {"inputs": "...", "parameters": {}}.'


def error_form(error: DialectError) -> JSONResponse:
    """The format of errors."""
    return JSONResponse({"error": error.message, "error_type": error.code}, status_code=error.status)


router = APIRouter(tags=["hugging-face"], responses=ERRORS, route_class=route_class(error_form), dependencies=[INFER])


@router.post("/{name}", summary="Predict, in Hugging Face's format", openapi_extra=request_body(HuggingFaceRequest))
async def infer(name: ModelName, request: Request, state: StateDep) -> Any:
    """Return what transformers' pipeline for the model's task returns."""
    model = state.model(name)
    body = await parse_body(request, state, HuggingFaceRequest, _HINT)
    parameters = body.parameters or {}
    if not isinstance(model.task, TextEmbedding):
        note_ignored(request, list(body.model_extra or {}))
    if "candidate_labels" in parameters:
        return await _zero_shot(state, request, model, body.inputs, parameters)
    task = model.task
    if isinstance(task, TextEmbedding):
        return await _vectors(state, request, model, name, body)
    if task.task == "token-classification":
        return await _entities(state, request, model, name, body.inputs, parameters)
    if task.task == "question-answering":
        return await _question(state, request, model, name, body.inputs, parameters)
    return await _labels(state, request, model, name, body.inputs, parameters)


@router.get("/{name}/health", summary="Health of a model")
async def health(name: ModelName, state: StateDep) -> HealthStatus:
    """Return 200 if the model exists."""
    state.model(name)
    return HealthStatus(status="ok")


@router.get("/{name}/info", summary="Describe a model, in the format of Hugging Face endpoints")
async def info(name: ModelName, state: StateDep) -> dict[str, Any]:
    """Return what `InferenceClient.get_endpoint_info` reads."""
    model = state.model(name)
    return {
        "model_id": name,
        "model_sha": model.digest,
        "model_dtype": model.bundle.manifest.served.precision,
        "model_type": model.task.task,
        "max_input_length": model.task.encoding.max_length,
        "version": state.version,
    }


async def _labels(
    state: AppState, request: Request, model: Model, name: str, inputs: object, parameters: dict[str, Any]
) -> Response:
    """Return `[[{"label", "score"}]]`: one list per text, most probable label first."""
    body = validate_tolerantly(parameters, ClassificationParameters, request, hint=_HINT, where="parameters.")
    task = model.task
    assert isinstance(task, Classifier)
    texts = _texts(inputs, pair=isinstance(task, TextPair))
    if body.function_to_apply not in (None, _function(task)):
        raise ConfigError(
            "function_to_apply does not match the model",
            found=body.function_to_apply,
            expected=_function(task),
            hint="Remove function_to_apply.",
        )
    rated = task.problem_type == "regression"
    model = answering_model(state, request, name, model, texts)
    size = check_answer_size(len(texts) * row_bytes(model.task, listed=body.top_k), state.settings)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, top_k=None if rated else body.top_k)
    )
    writer = ScoreWriter(LABEL_FIRST)
    return await json_response(state, map(writer.write, map(scores_of, answers)), size=size)


def _function(task: Classifier) -> str:
    if task.problem_type == "regression":
        return "sigmoid" if task.score_range == (0.0, 1.0) else "none"
    return {"single_label_classification": "softmax", "multi_label_classification": "sigmoid"}[task.problem_type]


async def _entities(
    state: AppState, request: Request, model: Model, name: str, inputs: object, parameters: dict[str, Any]
) -> Response:
    """Return `[{"entity_group", "score", "word", "start", "end"}]`; for several texts, one list per text."""
    body = validate_tolerantly(parameters, EntityParameters, request, hint=_HINT, where="parameters.")
    texts = _texts(inputs, pair=False)
    model = answering_model(state, request, name, model, texts)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, aggregation=body.aggregation_strategy)
    )
    kind = "entity" if body.aggregation_strategy == "none" else "entity_group"
    left_out = set(body.ignore_labels or ())
    found = ([_entity(each, kind) for each in answer.entities if each.label not in left_out] for answer in answers)
    return await json_response(state, found if isinstance(inputs, list) else next(found), size=span_bytes(answers))


async def _question(
    state: AppState, request: Request, model: Model, name: str, inputs: object, parameters: dict[str, Any]
) -> Any:
    """Return `{"answer", "start", "end", "score"}`, with `top_k` a list of them. "No answer" is an empty string."""
    body = validate_tolerantly(parameters, QuestionParameters, request, hint=_HINT, where="parameters.")
    (pair,) = _texts([inputs], pair=True, names=("question", "context"))
    model = answering_model(state, request, name, model, [pair])
    (answer,) = raise_first_error(
        await inference_requests.predict(state, request, model, name, [pair], top_k=body.top_k or 1)
    )
    prediction = answer.prediction
    assert isinstance(prediction, Extraction)
    spans = [_answer(span.text, span.start, span.end, span.score) for span in prediction.candidates]
    nothing = _answer("", 0, 0, prediction.no_answer_score)
    if prediction.answer is None and (body.handle_impossible_answer is not False or not spans):
        spans.insert(0, nothing)
    elif body.handle_impossible_answer:
        better = sum(span.score >= prediction.no_answer_score for span in prediction.candidates[1:])
        spans.insert(1 + better, nothing)  # the best span is the answer, whatever "no answer" scores
    return spans[: body.top_k] if body.top_k is not None else spans[0]


async def _vectors(state: AppState, request: Request, model: Model, name: str, body: HuggingFaceRequest) -> Any:
    """Return `[[float]]`, one vector per text; for a source sentence and sentences, `[float]`, their similarities."""
    if isinstance(body.inputs, dict):
        hint = 'Send {"source_sentence": "...", "sentences": [...]}.'
        given = validate_tolerantly(body.inputs, SentencesInput, request, hint=hint, where="inputs.")
        note_ignored(request, [*(body.model_extra or {}), *(f"parameters.{each}" for each in body.parameters or {})])
        size = check_answer_size(len(given.sentences) * NUMBER_BYTES, state.settings)
        answers = raise_first_error(
            await inference_requests.predict(state, request, model, name, [given.source_sentence, *given.sentences])
        )
        return await json_response(state, similarities(answers), size=size)
    options = (body.model_extra or {}) | (body.parameters or {})
    parameters = validate_tolerantly(options, EmbeddingParameters, request, hint=_HINT)
    texts = _texts(body.inputs, pair=False)
    size = check_answer_size(len(texts) * row_bytes(model.task), state.settings)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=parameters.truncate)
    )
    normalized = True if parameters.normalize is None else parameters.normalize
    vectors = (truncate_vector(answer.vector, parameters.dimensions, normalize=normalized) for answer in answers)
    return await json_response(state, vectors, size=size)


async def _zero_shot(
    state: AppState, request: Request, model: Model, inputs: object, parameters: dict[str, Any]
) -> Response:
    """Return `[{"label", "score"}]`, best first; for several texts, one list per text."""
    body = validate_tolerantly(parameters, ZeroShotParameters, request, hint=_HINT, where="parameters.")
    texts = [str(text) for text in _texts(inputs, pair=False)]
    size = check_answer_size(len(texts) * candidates_bytes(body.candidate_labels), state.settings)
    answers = raise_first_error(
        await inference_requests.zero_shot(
            state,
            request,
            model,
            texts,
            body.candidate_labels,
            hypothesis=body.hypothesis_template,
            multi_label=body.multi_label,
        )
    )
    found = map(ScoreWriter(LABEL_FIRST).write, map(scores_of, answers))
    return await json_response(state, found if isinstance(inputs, list) else next(found), size=size)


def _texts(inputs: object, *, pair: bool, names: tuple[str, str] = ("text", "text_pair")) -> list[Text]:
    """Return the texts or pairs of texts in `inputs`. Raises InvalidRequest."""
    items: list[Any] = inputs if isinstance(inputs, list) else [inputs]
    if pair and all(isinstance(each, dict) and set(each) == set(names) for each in items):
        pairs = [Pair(each[names[0]], each[names[1]]) for each in items]
        if all(isinstance(side, str) for each in pairs for side in each):
            return list(pairs)
    elif not pair and all(isinstance(each, str) for each in items):
        return list(items)
    expected = f'{{"{names[0]}": "...", "{names[1]}": "..."}}' if pair else "a text or a list of texts"
    raise InvalidRequest(
        "the inputs do not fit the model's task", faults=[Fault("type", f"expected {expected}", "inputs")]
    )


def _answer(text: str, start: int, end: int, score: float) -> dict[str, Any]:
    return {"answer": text, "start": start, "end": end, "score": score}


def _entity(each: Entity, kind: str) -> dict[str, Any]:
    return {kind: each.label, "score": each.score, "word": each.text, "start": each.start, "end": each.end}
