"""POST /v1/models/{name}/predict: one text or many to labels, entities, scores, answers or vectors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from glossator.service.api.dependencies import StateDep, get_state
from glossator.service.api.inference_requests import (
    INLINE_CHARACTERS,
    offload,
    read_deadline,
    record_answers,
    replace_too_long,
    wait_for_batches,
)
from glossator.service.api.openapi_document import PREDICT_BODY, problem_responses
from glossator.service.api.problems import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    MalformedBody,
    UnsupportedMediaType,
)
from glossator.service.api.routes.models import UNKNOWN_MODEL, ModelName
from glossator.service.api.schemas.errors import ErrorBody, FailedText
from glossator.service.api.schemas.predictions import (
    ClassificationBody,
    PredictResponse,
    Result,
    ScoreBody,
    SentencesBody,
)
from glossator.service.api.schemas.requests import DEFAULT_TOP_K, PredictText, PredictTexts
from glossator.service.api.serialization import result_body, sentences_body
from glossator.service.api.settings import Settings
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import (
    JSON,
    check_count,
    declared_length,
    parse_object,
    read_json_body,
    validate,
)
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError, DeadlineExceeded, EmptyText, Fault, InputError
from glossator.service.inference.composed import explanation
from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.composed.sentences import Documents
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers
from glossator.service.tasks.encoded import Pair, Text


class _DirectRoute(APIRoute):
    """A route that FastAPI documents by its signature, but whose function is called directly.

    FastAPI needs as much time to resolve three parameters as a short text needs to be encoded and decoded.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await predict(request.path_params["name"], request, await get_state(request))
        await response(scope, receive, send)


router = APIRouter(tags=["inference"], route_class=_DirectRoute)

_EXAMPLE = PredictResponse(
    model="intents",
    version="4f0c" * 16,
    results=[
        ClassificationBody(
            labels=["card_arrival"],
            scores=[
                ScoreBody(label="card_arrival", score=0.97),
                ScoreBody(label="card_delivery_estimate", score=0.02),
            ],
            tokens=6,
            windows=1,
            truncated=False,
        ),
        FailedText(
            error=ErrorBody(
                code="empty-text",
                message="the text is empty",
                expected="at least one character that is not white space",
            )
        ),
    ],
)
_HINT = 'Send {"text": "..."} or {"texts": ["...", "..."]}; GET /openapi.json describes all options.'


@router.post(
    "/v1/models/{name}/predict",
    summary="Predict one text or many texts",
    openapi_extra=PREDICT_BODY,
    response_class=Response,
    responses={
        200: {
            "description": "One result per text, in order. A text that cannot be answered has an error as its result.",
            "model": PredictResponse,
            "content": {JSON: {"examples": {"many": {"value": _EXAMPLE.model_dump(exclude_none=True)}}}},
        },
        **problem_responses(
            "/v1/models/intents/predict",
            MalformedBody("the body is not JSON: Expecting value at line 1, column 1", expected="JSON in UTF-8"),
            UNKNOWN_MODEL,
            BodyTooLarge("the body is too large", found="9000000 bytes", expected="at most 8,388,608 bytes"),
            UnsupportedMediaType("unsupported Content-Type", found="none", expected="application/json"),
            InvalidRequest(
                "invalid request body",
                faults=[Fault("missing", "Field required", "text")],
                hint=_HINT,
            ),
            EmptyText("the text is empty", expected="at least one character that is not white space"),
            ConfigError(
                "threshold does not apply: this model assigns exactly one label to a text",
                found=0.5,
                expected="no threshold with single_label_classification",
            ),
            InternalError("internal server error", hint="Retry."),
            DeadlineExceeded("the deadline passed before the text was processed", hint="Retry later."),
        ),
    },
)
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """Predict every text, in order. The model's task decides what a result contains.

    With `text`, a text that cannot be answered is a problem (422). With `texts`, its result is an error and the other
    texts are answered. Long texts are read completely, in windows, unless `truncate` is set.
    """
    model, settings = state.model(name), state.settings
    deadline = read_deadline(request, settings)
    if declared_length(request) <= INLINE_CHARACTERS:
        model.batcher.admit()  # before the body is read: refusing a request must be cheap
    body = await read_json_body(request, settings.max_body_bytes)
    began = time.perf_counter()
    inline = len(body) <= INLINE_CHARACTERS
    started = await offload(state, partial(_start, model, body, settings, deadline), inline=inline)
    await wait_for_batches(request, started.pending)
    finish = partial(_finish, state, model, name, started, began, deadline)
    content = await offload(state, finish, inline=inline and not started.body.explain)
    return Response(content, media_type=JSON)


@dataclass(frozen=True, slots=True)
class _Started:
    """A parsed request whose texts, or the sentences of whose `documents`, wait for the model."""

    body: PredictText | PredictTexts
    texts: Sequence[object]
    pending: PendingAnswers
    documents: Documents | None

    def results(
        self, answers: Sequence[Answer | InputError], explanations: Sequence[Explanation | None] | None
    ) -> list[Result | SentencesBody | FailedText]:
        """The body of each result."""
        if self.documents is not None:
            by_document = self.documents.assemble(answers, offset_unit=self.body.offset_unit)
            return [sentences_body(sentences) for sentences in by_document]
        if explanations is None:
            return [result_body(answer) for answer in answers]
        return [result_body(*pair) for pair in zip(answers, explanations, strict=True)]


def _start(model: Model, content: bytes, settings: Settings, deadline: float) -> _Started:
    """Parse a body, encode its texts and queue them."""
    body = _parse(content, settings.max_texts)
    texts = replace_too_long(_input_texts(body), settings.max_characters)
    documents = Documents(texts) if body.unit == "sentence" else None
    if body.explain:
        _check_explain(body, model, texts, settings)
    has_labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    pending = model.start(
        texts if documents is None else documents.parts,
        top_k=DEFAULT_TOP_K if body.top_k is None and has_labels else body.top_k,
        threshold=body.threshold,
        min_confidence=body.min_confidence,
        coverage=body.coverage,
        aggregation=body.aggregation,
        offset_unit=body.offset_unit,
        truncate=body.truncate,
        deadline=deadline,
    )
    return _Started(body, texts, pending, documents)


def _check_explain(body: PredictText | PredictTexts, model: Model, texts: Sequence[object], settings: Settings) -> None:
    """Raise ConfigError if these texts cannot be explained, TooManyTexts if it would take too many passes."""
    explanation.check_explainable(model.task)
    if body.unit == "sentence":
        raise ConfigError("explain cannot be combined with unit=sentence", hint="Send the sentences as texts.")
    check_count(range(explanation.count_passes(texts)), settings.max_texts)


def _finish(state: AppState, model: Model, name: str, started: _Started, began: float, deadline: float) -> bytes:
    """The JSON of a PredictResponse, once the batches have run. Explanations wait in the queue again."""
    answers = started.pending.result()
    explanations = None
    if started.body.explain:
        explanations = model.explain(started.texts, answers, offset_unit=started.body.offset_unit, deadline=deadline)
    first = answers[0] if isinstance(started.body, PredictText) and len(answers) == 1 else None
    raised = first if isinstance(first, InputError) else None
    record_answers(state, name, started.pending, answers, began, count_errors=raised is None)
    if raised is not None:
        raise raised
    response = PredictResponse(model=name, version=model.digest, results=started.results(answers, explanations))
    return response.model_dump_json(exclude_none=True).encode("utf-8")


def _parse(content: bytes, max_texts: int) -> PredictText | PredictTexts:
    value = parse_object(content, hint=_HINT)
    texts = value.get("texts")
    if isinstance(texts, list):
        check_count(texts, max_texts)
    if "texts" in value:
        return validate(value, PredictTexts, hint=_HINT)
    return validate(value, PredictText, hint=_HINT)


def _input_texts(body: PredictText | PredictTexts) -> Sequence[Text]:
    """The texts, or the pairs of texts."""
    if isinstance(body, PredictText):
        return [body.text if body.text_pair is None else Pair(body.text, body.text_pair)]
    if body.text_pairs is None:
        return body.texts
    if len(body.text_pairs) != len(body.texts):
        raise InvalidRequest(
            "texts and text_pairs have different lengths",
            found=f"{len(body.texts):,} and {len(body.text_pairs):,}",
            expected="one text_pair for each text",
        )
    return [Pair(*sides) for sides in zip(body.texts, body.text_pairs, strict=True)]
