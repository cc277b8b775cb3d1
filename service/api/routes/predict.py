"""Texts in, labels out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dependencies import get_state as state_of
from glossator.service.api.inference_requests import (
    INLINE_CHARACTERS,
    read_deadline,
    replace_too_long,
    wait_or_disconnect,
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
from glossator.service.inference.pipeline import Answer, Pending
from glossator.service.tasks.encoded import Pair, Text


class _Direct(APIRoute):
    """A route that FastAPI documents by its endpoint's signature, and whose endpoint is called straight from the
    request: to resolve three parameters would take as long as to encode and decode a text."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await predict(request.path_params["name"], request, await state_of(request))
        await response(scope, receive, send)


router = APIRouter(tags=["inference"], route_class=_Direct)

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
                code="empty-text", message="the text is empty", expected="a character that is not white space"
            )
        ),
    ],
)
_WAY_OUT = 'Send {"text": "..."} or {"texts": ["...", "..."]}; GET /openapi.json describes the options.'


@router.post(
    "/v1/models/{name}/predict",
    summary="What the model says of one text or of many",
    openapi_extra=PREDICT_BODY,
    response_class=Response,
    responses={
        200: {
            "description": "One result a text, in order; a text that cannot be answered has an error in its place",
            "model": PredictResponse,
            "content": {JSON: {"examples": {"many": {"value": _EXAMPLE.model_dump(exclude_none=True)}}}},
        },
        **problem_responses(
            "/v1/models/intents/predict",
            MalformedBody("the body is not JSON: Expecting value at line 1, column 1", expected="JSON in UTF-8"),
            UNKNOWN_MODEL,
            BodyTooLarge("the body is too large", found="9000000 bytes", expected="at most 8,388,608 bytes"),
            UnsupportedMediaType("the body has a content type that this route does not read", found="none"),
            InvalidRequest(
                "the body does not fit",
                faults=[Fault("missing", "Field required", "text")],
                hint=_WAY_OUT,
            ),
            EmptyText("the text is empty", expected="at least one character that is not white space"),
            ConfigError(
                "threshold does not apply: this model gives exactly one label a text",
                found=0.5,
                expected="no threshold with single_label_classification",
            ),
            InternalError("the server failed", hint="Try again."),
            DeadlineExceeded("the deadline passed before the text could be read", hint="Ask again later."),
        ),
    },
)
async def predict(name: ModelName, request: Request, state: StateDep) -> Response:
    """Answers every text, in order: with labels, entities, a score, an answer or a vector, as the model's task is.

    With `text`, a text that cannot be answered is a problem (422). With `texts`, it has an error in its place, and
    the others are answered. Long texts are read in full, in windows, unless `truncate` is set.
    """
    model, settings = state.model(name), state.settings
    deadline = read_deadline(request, settings)
    if declared_length(request) <= INLINE_CHARACTERS:
        model.batcher.admit()  # before the body is read: what is refused should cost little
    body = await read_json_body(request, settings.max_body_bytes)
    began = time.perf_counter()
    small = len(body) <= INLINE_CHARACTERS
    if small:
        started = start(model, body, settings, deadline)
    else:
        started = await to_thread.run_sync(start, model, body, settings, deadline, limiter=state.limiter)
    if started.pending.future is not None:
        await wait_or_disconnect(request, started.pending.future)
    if started.asked.explain:
        content = await to_thread.run_sync(
            explained, state, model, name, started, began, deadline, limiter=state.limiter
        )
    elif small:
        content = finish(state, model, name, started, began)
    else:
        content = await to_thread.run_sync(finish, state, model, name, started, began, limiter=state.limiter)
    return Response(content, media_type=JSON)


@dataclass(frozen=True, slots=True)
class Started:
    """What a request asks for, and the answers to come: of texts, or of the sentences of `documents`."""

    asked: PredictText | PredictTexts
    texts: Sequence[object]
    pending: Pending
    documents: Documents | None

    def results(
        self, answers: Sequence[Answer | InputError], explanations: Sequence[Explanation | None] = ()
    ) -> list[Result | SentencesBody | FailedText]:
        """The body of each result."""
        if self.documents is None:
            if explanations:
                return [result_body(*each) for each in zip(answers, explanations, strict=True)]
            return [result_body(answer) for answer in answers]
        together = self.documents.together(answers, offset_unit=self.asked.offset_unit)
        return [sentences_body(each) for each in together]


def start(model: Model, body: bytes, settings: Settings, deadline: float) -> Started:
    """Begins to answer what the bytes of a request ask for."""
    asked = _parse(body, settings.max_texts)
    texts = replace_too_long(_inputs(asked), settings.max_characters)
    documents = Documents(texts) if asked.unit == "sentence" else None
    if asked.explain:
        _check_explain(asked, model, texts, settings)
    labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    pending = model.start(
        texts if documents is None else documents.parts,
        top_k=DEFAULT_TOP_K if asked.top_k is None and labels else asked.top_k,
        threshold=asked.threshold,
        min_confidence=asked.min_confidence,
        coverage=asked.coverage,
        aggregation=asked.aggregation,
        offset_unit=asked.offset_unit,
        truncate=asked.truncate,
        deadline=deadline,
    )
    return Started(asked, texts, pending, documents)


def _check_explain(
    asked: PredictText | PredictTexts, model: Model, texts: Sequence[object], settings: Settings
) -> None:
    """Raises ConfigError where explanations cannot be had, TooManyTexts where they would cost too much."""
    explanation.check(model.task)
    if asked.unit == "sentence":
        raise ConfigError("explain does not go with unit sentence", hint="Send the sentences as texts.")
    check_count(range(explanation.passes(texts)), settings.max_texts)


def explained(state: AppState, model: Model, name: str, started: Started, began: float, deadline: float) -> bytes:
    """As `finish`, with explanations; they wait in the same queue."""
    answers = started.pending.result()
    explanations = model.explain(started.texts, answers, offset_unit=started.asked.offset_unit, deadline=deadline)
    return _written(state, model, name, started, began, answers, explanations)


def finish(state: AppState, model: Model, name: str, started: Started, began: float) -> bytes:
    """The JSON of a PredictResponse, when the answers are there."""
    return _written(state, model, name, started, began, started.pending.result(), ())


def _written(
    state: AppState,
    model: Model,
    name: str,
    started: Started,
    began: float,
    answers: Sequence[Answer | InputError],
    explanations: Sequence[Explanation | None],
) -> bytes:
    state.metrics.inference(name, started.pending, answers, time.perf_counter() - began)
    for failed in answers:
        if isinstance(failed, InputError):
            if isinstance(started.asked, PredictText) and len(answers) == 1:
                raise failed
            state.metrics.error(failed.code)
    response = PredictResponse(model=name, version=model.digest, results=started.results(answers, explanations))
    return response.model_dump_json(exclude_none=True).encode("utf-8")


def _parse(body: bytes, max_texts: int) -> PredictText | PredictTexts:
    value = parse_object(body, hint=_WAY_OUT)
    texts = value.get("texts")
    if isinstance(texts, list):
        check_count(texts, max_texts)
    if "texts" in value:
        return validate(value, PredictTexts, hint=_WAY_OUT)
    return validate(value, PredictText, hint=_WAY_OUT)


def _inputs(asked: PredictText | PredictTexts) -> Sequence[Text]:
    """The texts, or the pairs of texts."""
    if isinstance(asked, PredictText):
        return [asked.text if asked.text_pair is None else Pair(asked.text, asked.text_pair)]
    if asked.text_pairs is None:
        return asked.texts
    if len(asked.text_pairs) != len(asked.texts):
        raise InvalidRequest(
            "texts and text_pairs differ in number",
            found=f"{len(asked.texts):,} and {len(asked.text_pairs):,}",
            expected="a second text for each first one",
        )
    return [Pair(*sides) for sides in zip(asked.texts, asked.text_pairs, strict=True)]
