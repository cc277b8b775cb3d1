"""The Hugging Face Inference API for `huggingface_hub.InferenceClient`: `POST /hf/MODEL`.

Requests have the form of transformers' pipelines: `{"inputs": ..., "parameters": {...}}`. The response depends on the
model's task and, for vectors, on the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.dialects.hugging_face_schemas import (
    ClassificationParameters,
    EmbeddingParameters,
    EntityParameters,
    HuggingFaceRequest,
    QuestionParameters,
    SentencesInput,
    ZeroShotParameters,
)
from glossator.service.api.inference_requests import parse_body, raise_first_error
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.api.schemas.operations import HealthStatus
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import validate
from glossator.service.bundle.task import Classifier, TextEmbedding, TextPair
from glossator.service.errors import ConfigError, Fault
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.text_classification import Score
from glossator.service.tasks.text_embedding import cosine_similarities, truncate_vector
from glossator.service.tasks.token_classification import Entity

PREFIX = "/hf"
_HINT = 'Send {"inputs": "...", "parameters": {}}.'


def _error_response(error: DialectError) -> JSONResponse:
    return JSONResponse({"error": error.message, "error_type": error.code}, status_code=error.status)


router = APIRouter(tags=["hugging-face"], responses=ERRORS, route_class=route_class(_error_response))


@router.post("/{name}", summary="Predict, in Hugging Face's format", openapi_extra=request_body(HuggingFaceRequest))
async def infer(name: ModelName, request: Request, state: StateDep) -> Any:
    """Return what transformers' pipeline for the model's task returns."""
    model = state.model(name)
    body = await parse_body(request, state, HuggingFaceRequest, _HINT)
    parameters = body.parameters or {}
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
) -> list[list[dict[str, Any]]]:
    """Return `[[{"label", "score"}]]`: one list per text, most probable label first."""
    body = validate(parameters, ClassificationParameters, hint=_HINT)
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
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, top_k=None if rated else body.top_k)
    )
    if rated:
        return [[{"label": "score", "score": answer.score}] for answer in answers]
    return [[_score(score) for score in scores_of(answer)] for answer in answers]


def _function(task: Classifier) -> str:
    return {"single_label_classification": "softmax", "multi_label_classification": "sigmoid"}.get(
        task.problem_type, "none"
    )


async def _entities(
    state: AppState, request: Request, model: Model, name: str, inputs: object, parameters: dict[str, Any]
) -> list[Any]:
    """Return `[{"entity_group", "score", "word", "start", "end"}]`; for several texts, one list per text."""
    body = validate(parameters, EntityParameters, hint=_HINT)
    texts = _texts(inputs, pair=False)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, aggregation=body.aggregation_strategy)
    )
    kind = "entity" if body.aggregation_strategy == "none" else "entity_group"
    left_out = set(body.ignore_labels or ())
    found = [[_entity(each, kind) for each in answer.entities if each.label not in left_out] for answer in answers]
    return found if isinstance(inputs, list) else found[0]


async def _question(
    state: AppState, request: Request, model: Model, name: str, inputs: object, parameters: dict[str, Any]
) -> Any:
    """Return `{"answer", "start", "end", "score"}`, with `top_k` a list of them. "No answer" is an empty string."""
    body = validate(parameters, QuestionParameters, hint=_HINT)
    (pair,) = _texts([inputs], pair=True, names=("question", "context"))
    (answer,) = raise_first_error(
        await inference_requests.predict(state, request, model, name, [pair], top_k=body.top_k or 1)
    )
    prediction = answer.prediction
    assert isinstance(prediction, Extraction)
    spans = [
        {"answer": span.text, "start": span.start, "end": span.end, "score": span.score}
        for span in prediction.candidates
    ]
    if prediction.answer is None:
        spans.insert(0, {"answer": "", "start": 0, "end": 0, "score": prediction.no_answer_score})
    return spans[: body.top_k] if body.top_k is not None else spans[0]


async def _vectors(state: AppState, request: Request, model: Model, name: str, body: HuggingFaceRequest) -> Any:
    """Return `[[float]]`, one vector per text; for a source sentence and sentences, `[float]`, their similarities."""
    if isinstance(body.inputs, dict):
        given = validate(body.inputs, SentencesInput, hint='Send {"source_sentence": "...", "sentences": [...]}.')
        answers = raise_first_error(
            await inference_requests.predict(state, request, model, name, [given.source_sentence, *given.sentences])
        )
        return similarities(answers)
    options = {name: value for name, value in (body.model_extra or {}).items() if value is not None}
    parameters = validate(options | (body.parameters or {}), EmbeddingParameters, hint=_HINT)
    texts = _texts(body.inputs, pair=False)
    answers = raise_first_error(
        await inference_requests.predict(state, request, model, name, texts, truncate=parameters.truncate)
    )
    normalized = True if parameters.normalize is None else parameters.normalize
    return [truncate_vector(answer.vector, parameters.dimensions, normalize=normalized).tolist() for answer in answers]


async def _zero_shot(
    state: AppState, request: Request, model: Model, inputs: object, parameters: dict[str, Any]
) -> list[Any]:
    """Return `[{"label", "score"}]`, best first; for several texts, one list per text."""
    body = validate(parameters, ZeroShotParameters, hint=_HINT)
    texts = [str(text) for text in _texts(inputs, pair=False)]
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
    found = [[_score(score) for score in scores_of(answer)] for answer in answers]
    return found if isinstance(inputs, list) else found[0]


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


def scores_of(answer: Answer) -> Sequence[Score]:
    """Return the scores that an answer lists."""
    scores: Sequence[Score] = answer.prediction.scores  # type: ignore[union-attr]
    return scores


def similarities(answers: Sequence[Answer]) -> list[float]:
    """Return the cosine similarities of the first answer's vector to the others."""
    first, *others = [answer.vector[None] for answer in answers]
    return [float(cosine_similarities(first, other)[0, 0]) for other in others]


def _score(score: Score) -> dict[str, Any]:
    return {"label": score.label, "score": score.score}


def _entity(each: Entity, kind: str) -> dict[str, Any]:
    return {kind: each.label, "score": each.score, "word": each.text, "start": each.start, "end": each.end}
