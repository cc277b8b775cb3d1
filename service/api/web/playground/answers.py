"""Answers the question of the page with each model that it names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import anyio
from fastapi import Request

from glossator.service.api.inference import inference_requests
from glossator.service.api.inference.inference_requests import read_deadline
from glossator.service.api.models.canary import answering_model
from glossator.service.api.problems import log_failure, status_of
from glossator.service.api.state import AppState
from glossator.service.api.web.playground.answer_view import (
    SHOWN_BARS,
    AnswerView,
    view_answer,
    view_vectors,
    view_zero_shot,
)
from glossator.service.api.web.playground.differences import Difference, compare_views
from glossator.service.api.web.playground.feedback_pages import takes_feedback
from glossator.service.api.web.playground.modes import abilities_of
from glossator.service.api.web.playground.questions import Question, texts_of
from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TextEmbedding
from glossator.service.errors import GlossatorError, InputError, ModelLoading
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.options import DecodeKeywords
from glossator.service.tasks.rating import is_rating
from glossator.service.tasks.text_embedding import Embedding

_POLL_SECONDS = 0.1
_SHOWN_SPANS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """The answer of one model, or its error."""

    name: str
    digest: str = ""
    view: AnswerView | None = None
    error: GlossatorError | None = None
    answers: Sequence[Answer] = ()
    """What was read: tokens, windows, the tier of a cascade."""
    milliseconds: float = 0.0
    coverage: float | None = None
    feedback: str | None = None
    """The id of the request if the answer is logged and can be right or wrong."""

    @property
    def tokens(self) -> int:
        """Tokens read, over all texts."""
        return sum(each.tokens for each in self.answers)

    @property
    def windows(self) -> int:
        """Windows read, over all texts."""
        return sum(each.windows for each in self.answers)

    @property
    def truncated(self) -> bool:
        """Whether a part of a text was not read."""
        return any(each.truncated for each in self.answers)

    @property
    def tier(self) -> str | None:
        """The tier of a cascade that answered."""
        return next((each.tier for each in self.answers), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The parts of the page, and what differs if there are two."""

    parts: Sequence[Part]
    difference: Difference | None = None


async def answer(state: AppState, request: Request, question: Question) -> Comparison:
    """The answers of all models. With two models, the error of one does not hide the answer of the other."""
    deadline = read_deadline(request, state.settings)
    parts: list[Part] = []
    for name in question.models:
        try:
            # Keep each model: loading the next one may evict it.
            model = await wait_for_model(state, name, deadline)
            parts.append(await _answer(state, request, model, name, question))
        except GlossatorError as error:
            if len(question.models) == 1:
                raise
            if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
                log_failure(error, request.scope)
            parts.append(Part(name, error=error))
    views = [part.view for part in parts if part.view is not None]
    return Comparison(parts, compare_views(*views) if len(views) == 2 else None)


async def wait_for_model(state: AppState, name: str, deadline: float) -> Model:
    """The model of this name, loaded if needed. Raises the errors of `AppState.model`."""
    while True:
        try:
            return state.model(name)
        except ModelLoading as error:
            if time.monotonic() + _POLL_SECONDS > deadline:
                error.hint = "Large models take a while to load. Try again in a few seconds."
                raise
        await anyio.sleep(_POLL_SECONDS)


async def _answer(state: AppState, request: Request, model: Model, name: str, question: Question) -> Part:
    began = time.perf_counter()
    if question.mode == "zero-shot":
        found = await inference_requests.zero_shot(
            state, request, model, [question.text], question.lines, hypothesis=None, multi_label=question.several
        )
        answered = [each for each in found if isinstance(each, Answer)]
        view = view_zero_shot(answered[0], several=question.several) if answered else None
    elif question.mode == "rerank":
        ranked = await inference_requests.rerank(state, request, model, question.text, question.lines)
        found, answered, view = [], [], AnswerView("ranking", ranking=ranked)
    else:
        return await _predict(state, request, model, name, question)
    return Part(
        name,
        model.digest,
        view,
        next((each for each in found if isinstance(each, InputError)), None),
        answered,
        1e3 * (time.perf_counter() - began),
    )


async def _predict(state: AppState, request: Request, model: Model, name: str, question: Question) -> Part:
    began = time.perf_counter()
    texts = texts_of(model.task, question)
    model = answering_model(state, request, name, model, texts)
    options = options_for(model.task, question)
    found = await inference_requests.predict(state, request, model, name, texts, **options)
    answers = [each for each in found if isinstance(each, Answer)]
    view: AnswerView | None = None
    if len(answers) == len(found):
        explanation = None
        if question.explain and abilities_of(model.task).explains:
            (explanation,) = await inference_requests.explain(state, request, model, texts, found)
        if isinstance(model.task, TextEmbedding):
            vectors = [each.prediction for each in answers if isinstance(each.prediction, Embedding)]
            view = view_vectors([str(text) for text in texts], vectors)
        else:
            view = view_answer(texts[0], answers[0], model.task, explanation)
    asks = view is not None and takes_feedback(state, name, model.task)
    return Part(
        name,
        model.digest,
        view,
        next((each for each in found if isinstance(each, InputError)), None),
        answers,
        1e3 * (time.perf_counter() - began),
        options.get("coverage"),
        request.state.request_id if asks else None,
    )


def options_for(task: Task, question: Question) -> DecodeKeywords:
    """The options of the question that apply to this task."""
    options = DecodeKeywords(truncate=question.truncate)
    if isinstance(task, Classifier) and not is_rating(task):
        options["top_k"] = SHOWN_BARS
    if isinstance(task, QuestionAnswering):
        options["top_k"] = _SHOWN_SPANS
    if question.coverage is not None and abilities_of(task).label_sets:
        options["coverage"] = question.coverage
    return options
