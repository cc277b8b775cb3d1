"""POST /v1/models/{name}/predict: one text or many to labels, entities, scores, answers or vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from glossator.service.api.dependencies import StateDep, get_state
from glossator.service.api.inference.answer_budget import check_answer_size, echo_bytes, row_bytes, span_bytes
from glossator.service.api.inference.answer_recording import record_answers
from glossator.service.api.inference.inference_requests import (
    INLINE_CHARACTERS,
    admit,
    parse_seconds,
    read_deadline,
    replace_too_long,
)
from glossator.service.api.inference.json_answers import WholeJson, json_response
from glossator.service.api.inference.serialization import ResultWriter
from glossator.service.api.inference.step_runner import offload, run_steps
from glossator.service.api.models.canary import answering_model
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
    ScoreBody,
)
from glossator.service.api.schemas.requests import DEFAULT_TOP_K, PredictText, PredictTexts
from glossator.service.api.security.access import RouteAccess
from glossator.service.api.settings import Settings
from glossator.service.api.transport.json_body import (
    JSON,
    check_count,
    parse_object,
    read_json_body,
    validate,
)
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError, DeadlineExceeded, EmptyText, Fault, InputError
from glossator.service.inference.answer_forms.answer_fields import Fields
from glossator.service.inference.composed import explanation
from glossator.service.inference.composed.explanation import Explanation
from glossator.service.inference.composed.sentences import Documents
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers
from glossator.service.inference.queue.workload import count_characters
from glossator.service.inference.steps import Steps
from glossator.service.tasks.encoded import Pair, Text


class _DirectRoute(APIRoute):
    """A route that FastAPI documents by its signature, but whose function is called directly.

    FastAPI needs as much time to resolve three parameters as a short text needs to be encoded and decoded.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        _ACCESS.check(scope)
        request = Request(scope, receive, send)
        response = await predict(request.path_params["name"], request, await get_state(request))
        await response(scope, receive, send)


_ACCESS = RouteAccess("infer")
router = APIRouter(tags=["inference"], route_class=_DirectRoute, dependencies=[Depends(_ACCESS)])

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
    model = state.model(name)
    deadline = read_deadline(request, state.settings)
    content = await read_json_body(request, state.settings.max_body_bytes)
    began = time.perf_counter()
    offloaded = partial(
        offload, state, inline=len(content) <= INLINE_CHARACTERS, seconds=parse_seconds(content), deadline=deadline
    )
    body = await offloaded(partial(_parse, content, state.settings.max_texts))
    texts = replace_too_long(_input_texts(body), state.settings.max_characters)
    model = answering_model(state, request, name, model, texts)
    passes = list(map(count_characters, texts))
    if body.explain:
        passes += await offloaded(partial(_explain_passes, body, model, texts, state.settings))
    share = admit(state, request, model, passes, deadline, truncate=body.truncate and not body.explain)
    answered = await run_steps(state, request, _steps(model, body, texts, deadline, state.settings), deadline, share)
    raised = answered.answers[0] if isinstance(body, PredictText) and len(answered.answers) == 1 else None
    is_error = isinstance(raised, InputError)
    record_answers(
        state,
        request,
        model,
        name,
        answered.texts,
        answered.pending,
        answered.answers,
        began,
        count_errors=not is_error,
    )
    if isinstance(raised, InputError):
        raise raised
    size = answered.size + span_bytes(answered.answers)
    answer = {"model": name, "version": model.digest, "results": answered.results(size)}
    return await json_response(state, answer, size=size)


@dataclass(frozen=True, slots=True)
class _Answered:
    """The answers to a request, or to the sentences of its `documents`."""

    body: PredictText | PredictTexts
    texts: Sequence[Text | InputError]
    """The texts, or their sentences."""
    pending: PendingAnswers
    answers: Sequence[Answer | InputError]
    documents: Documents | None
    explanations: Sequence[Explanation | None] | None
    size: int
    """About how many bytes the answer has, without entities and spans."""

    def results(self, size: int) -> Iterator[Fields] | WholeJson:
        """The body of each result. `size`: about how many bytes they have."""
        writer = ResultWriter()
        if self.documents is not None:
            by_document = self.documents.assemble(self.answers, offset_unit=self.body.offset_unit)
            return map(writer.sentences, by_document)
        if self.explanations is None:
            return writer.results(self.answers, size=size)
        return map(writer.result, self.answers, self.explanations)


def _steps(
    model: Model,
    body: PredictText | PredictTexts,
    texts: Sequence[Text | InputError],
    deadline: float,
    settings: Settings,
) -> Steps[_Answered]:
    """Answer the texts, or their sentences, and explain the answers if asked."""
    documents = Documents(texts) if body.unit == "sentence" else None
    parts = texts if documents is None else documents.parts
    has_labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    top_k = DEFAULT_TOP_K if body.top_k is None and has_labels else body.top_k
    echo = echo_bytes(texts) if documents is not None or body.explain else 0
    size = check_answer_size(len(parts) * row_bytes(model.task, listed=top_k) + echo, settings)
    pending = yield from model.pipeline.prepare_steps(
        parts,
        top_k=top_k,
        threshold=body.threshold,
        min_confidence=body.min_confidence,
        coverage=body.coverage,
        empty_sets=body.empty_sets,
        aggregation=body.aggregation,
        offset_unit=body.offset_unit,
        truncate=body.truncate,
    )
    yield None
    yield model.pipeline.submit(pending, deadline=deadline)
    answers = pending.result()
    explanations = None
    if body.explain:
        explanations = yield from explanation.explain(
            model.pipeline, texts, answers, offset_unit=body.offset_unit, deadline=deadline
        )
    return _Answered(body, parts, pending, answers, documents, explanations, size)


def _explain_passes(
    body: PredictText | PredictTexts, model: Model, texts: Sequence[object], settings: Settings
) -> list[int]:
    """The characters of each pass that the explanations take.

    Raises ConfigError if these texts cannot be explained, TooManyTexts if it would take too many passes.
    """
    explanation.check_explainable(model.task)
    if body.unit == "sentence":
        raise ConfigError("explain cannot be combined with unit=sentence", hint="Send the sentences as texts.")
    passes = explanation.passes(texts)
    check_count(passes, settings.max_texts)
    return passes


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
