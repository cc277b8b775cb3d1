"""The routes of the web pages: the main page, the parts that it loads, and the API documentation."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api import inference_requests
from glossator.service.api.canary import answering_model
from glossator.service.api.dependencies import OwnerDep, StateDep
from glossator.service.api.job_service import JobService
from glossator.service.api.problems import InvalidRequest, JobsOff, RouteNotFound
from glossator.service.api.routes import jobs as job_routes
from glossator.service.api.security.access import INFER, LABEL, OPEN
from glossator.service.api.security.proxy import root_of
from glossator.service.api.state import AppState
from glossator.service.api.web.answer_view import AnswerView, view_answer
from glossator.service.api.web.feedback_pages import takes_feedback
from glossator.service.api.web.model_card import read_picture, render_card
from glossator.service.api.web.page_route import PageRoute, read_form
from glossator.service.api.web.revalidation import entity_tag, revalidated
from glossator.service.api.web.templating import DOCS_POLICY, PREFIX, render
from glossator.service.bundle.task import Classifier, Task, TextClassification
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.registry import SHORTEST_VERSION
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.rating import is_rating

STATIC = Path(__file__).parent / "static"
_TOP_K = 8
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/docs", dependencies=[INFER])
async def docs(request: Request) -> Response:
    """The API documentation (Swagger UI)."""
    return revalidated(request, render(request.scope, "docs.html", policy=DOCS_POLICY))


@router.get(PREFIX, dependencies=[INFER])
async def page(request: Request, state: StateDep) -> Response:
    """The main page. It loads its parts by itself."""
    content = render(
        request.scope,
        "page.html",
        jobs=state.jobs is not None,
        needs_key=state.settings.needs_key,
        release=state.version,
    )
    return revalidated(request, content)


@router.get(PREFIX + "/static/{name:path}", dependencies=[OPEN])
async def static(request: Request, name: str) -> Response:
    """A script or style sheet, ours or a vendored one (whose licence is in the same folder)."""
    media_type = _MEDIA_TYPES.get(PurePosixPath(name).suffix)
    if media_type is None or name not in _static_files():
        raise RouteNotFound("no such file", found=name, hint="The page is at /ui.")
    content, tag = await to_thread.run_sync(_static_file, name)
    return revalidated(request, Response(content, media_type=media_type), tag=tag)


@router.get(PREFIX + "/models", dependencies=[INFER])
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
    return revalidated(request, render(request.scope, "models.html", models=listed))


@router.get(PREFIX + "/models/{name}", dependencies=[INFER])
async def card(request: Request, name: str, state: StateDep) -> Response:
    """The model card, with its pictures."""
    model = state.model(name)
    pictures = f"{root_of(request.scope)}{PREFIX}/models/{name}/pictures/"
    content = await to_thread.run_sync(render_card, model, pictures)
    return revalidated(request, render(request.scope, "card.html", name=name, model=model, content=content))


@router.get(PREFIX + "/models/{name}/pictures/{path:path}", dependencies=[INFER])
async def picture(request: Request, name: str, path: str, state: StateDep) -> Response:
    """A picture of a model card. Its Content-Security-Policy disables scripts."""
    found = await to_thread.run_sync(read_picture, state.model(name), path)
    headers = {"Content-Security-Policy": PICTURE_POLICY}
    return revalidated(request, Response(found, media_type="image/svg+xml", headers=headers))


@router.post(PREFIX + "/answer", dependencies=[INFER])
async def answer(request: Request, state: StateDep) -> Response:
    """The answers of one model, or of two side by side."""
    fields = await read_form(request, state.settings.max_body_bytes)
    names = list(dict.fromkeys(name for name in (fields.get("model", ""), fields.get("other", "")) if name))
    if not names:
        raise InvalidRequest("no model is selected", hint="Select a model.")
    parts = [await _answer(request, state, name, fields) for name in names]
    return render(request.scope, "answer.html", parts=parts)


@router.get(PREFIX + "/jobs", dependencies=[LABEL])
async def jobs(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Your jobs, the newest first."""
    found = await job_routes.list_jobs(state, _jobs(state), owner, None, 10, None)
    return render(request.scope, "jobs.html", jobs=found.jobs)


@router.post(PREFIX + "/jobs", dependencies=[LABEL])
async def submit(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Submit a file; see POST /v1/jobs."""
    await job_routes.submit(request, Response(), state, _jobs(state), owner, None)
    return await jobs(request, state, owner)


@router.get(PREFIX + "/jobs/{job_id}", dependencies=[LABEL])
async def job(request: Request, job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """State and progress of one job."""
    found = await job_routes.get_job(job_id, state, _jobs(state), owner)
    return render(request.scope, "job.html", job=found)


@cache
def _static_files() -> frozenset[str]:
    return frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())


@cache
def _static_file(name: str) -> tuple[bytes, str]:
    """The content of a static file and its entity tag."""
    content = (STATIC / name).read_bytes()
    return content, entity_tag(content)


def _jobs(state: AppState) -> JobService:
    if state.jobs is None:
        raise JobsOff("jobs are disabled on this server", hint="Start it with --jobs FOLDER.")
    return state.jobs


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
