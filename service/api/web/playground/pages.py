"""The Playground: the page, the models to choose from, and answers."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api import inference_requests
from glossator.service.api.canary import answering_model
from glossator.service.api.dependencies import StateDep
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.security.access import INFER
from glossator.service.api.state import AppState
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute, read_form
from glossator.service.api.web.playground.answer_view import AnswerView, view_answer
from glossator.service.api.web.playground.feedback_pages import takes_feedback
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render
from glossator.service.bundle.task import Classifier, Task, TextClassification
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.registry import SHORTEST_VERSION
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.rating import is_rating

_TOP_K = 8

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])


@router.get(PREFIX)
async def page(request: Request) -> Response:
    """The Playground. It loads its parts by itself."""
    return revalidated(request, render(request.scope, "playground/page.html"))


@router.get(PREFIX + "/playground/models")
async def models(request: Request, state: StateDep) -> Response:
    """The list of models to choose from."""
    listed = [
        {
            "name": each.name,
            "task": each.manifest.task.task,
            "version": each.digest[:SHORTEST_VERSION],
            "reads_pairs": reads_pairs(each.manifest.task),
            "can_explain": _can_explain(each.manifest.task),
            "loaded": each.is_loaded,
            "measured": each.manifest.verification.measured,
        }
        for each in state.models.listed()
    ]
    return revalidated(request, render(request.scope, "playground/model_choice.html", models=listed))


@router.post(PREFIX + "/answer")
async def answer(request: Request, state: StateDep) -> Response:
    """The answers of one model, or of two side by side."""
    fields = await read_form(request, state.settings.max_body_bytes)
    names = list(dict.fromkeys(name for name in (fields.get("model", ""), fields.get("other", "")) if name))
    if not names:
        raise InvalidRequest("no model is selected", hint="Select a model.")
    parts = [await _answer(request, state, name, fields) for name in names]
    return render(request.scope, "playground/answer.html", parts=parts)


async def _answer(request: Request, state: AppState, name: str, fields: dict[str, str]) -> dict[str, Any]:
    model = state.model(name)
    text: Text = fields.get("text", "")
    if reads_pairs(model.task):
        text = (
            Pair(fields.get("second", ""), str(text))
            if model.task.task == "question-answering"
            else Pair(str(text), fields.get("second", ""))
        )
    model = answering_model(state, request, name, model, [text])
    has_labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    began = time.perf_counter()
    (found,) = await inference_requests.predict(
        state, request, model, name, [text], top_k=_TOP_K if has_labels else None
    )
    view: AnswerView | None = None
    if not isinstance(found, InputError):
        explanation = None
        if fields.get("explain") and _can_explain(model.task):
            (explanation,) = await inference_requests.explain(state, request, model, [text], [found])
        view = view_answer(text, found, explanation)
    milliseconds = 1e3 * (time.perf_counter() - began)
    asks = view is not None and takes_feedback(state, name, model.task)
    return {
        "name": name,
        "feedback": request.state.request_id if asks else None,
        "model": model,
        "error": found if view is None else None,
        "view": view,
        "answer": found,
        "milliseconds": milliseconds,
    }


def _can_explain(task: Task) -> bool:
    return isinstance(task, TextClassification) and not is_rating(task)
