"""Cohere's classify with a trained model."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.cohere.bodies import CohereClassify
from glossator.service.api.dialects.cohere.errors import CohereRoute
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.request_bodies import parse_tolerantly
from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.answer_budget import check_answer_size, echo_bytes, row_bytes
from glossator.service.api.inference.inference_requests import raise_first_error
from glossator.service.api.inference.json_answers import json_response
from glossator.service.api.inference.score_writer import CONFIDENCES, ScoreWriter, names_and_values
from glossator.service.api.models.canary import answering_model
from glossator.service.api.openapi_document import request_body
from glossator.service.api.security.access import INFER
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.rating import is_rating
from glossator.service.tasks.text_classification import Classification

router = APIRouter(tags=["cohere"], responses=ERRORS, route_class=CohereRoute, dependencies=[INFER])


@router.post("/v1/classify", summary="Classify texts, in Cohere's format", openapi_extra=request_body(CohereClassify))
async def classify(request: Request, state: StateDep) -> Response:
    """Return the labels of each text with their probabilities."""
    body = await parse_tolerantly(request, state, CohereClassify, 'Send {"model": "...", "inputs": ["...", "..."]}.')
    model = state.model(body.model)
    task = model.task
    if not isinstance(task, Classifier) or is_rating(task) or task.task == "text-pair":
        found = f"{task.task} with scores" if is_rating(task) else task.task
        raise ConfigError("this model does not classify texts", found=found, hint="See GET /v1/models.")
    model = answering_model(state, request, body.model, model, body.inputs)
    size = check_answer_size(len(body.inputs) * row_bytes(model.task) + echo_bytes(body.inputs), state.settings)
    answers = raise_first_error(
        await inference_requests.predict(
            state, request, model, body.model, body.inputs, truncate=body.truncate == "end"
        )
    )
    writer = ScoreWriter(CONFIDENCES)
    kind = "multi-label" if task.problem_type == "multi_label_classification" else "single-label"
    content = {
        "id": str(uuid.uuid4()),
        "classifications": (_row(text, each, kind, writer) for text, each in zip(body.inputs, answers, strict=True)),
        "meta": {"api_version": {"version": "1"}, "billed_units": {"classifications": len(answers)}},
    }
    return await json_response(state, content, size=size)


def _row(text: str, answer: Answer, kind: str, writer: ScoreWriter) -> dict[str, Any]:
    found = answer.prediction
    assert isinstance(found, Classification)
    label = found.label if kind == "single-label" else None
    names, values = names_and_values(found.scores)
    scores = dict(zip(names, values.tolist(), strict=True))
    return {
        "id": str(uuid.uuid4()),
        "input": text,
        "prediction": label,
        "predictions": list(found.labels),
        "confidence": None if label is None else scores[label],
        "confidences": [scores[label] for label in found.labels],
        "labels": writer.write_numbers(names, values),
        "classification_type": kind,
    }
