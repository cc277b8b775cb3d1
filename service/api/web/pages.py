"""The routes of the web pages: the main page, the parts that it loads, and the API documentation.

Jinja2 escapes every text on a page. The Content-Security-Policy allows scripts and styles only from our own files.
"""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import FileResponse, Response

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import OwnerDep, StateDep
from glossator.service.api.dialects.errors import DialectError, route_class
from glossator.service.api.inference_requests import read_deadline
from glossator.service.api.job_service import JobService
from glossator.service.api.problems import InvalidRequest, JobsOff, RouteNotFound
from glossator.service.api.routes import jobs as job_routes
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import read_body
from glossator.service.api.web.answer_view import AnswerView, view_answer
from glossator.service.api.web.model_card import find_picture, render_card
from glossator.service.bundle.task import Classifier, Task, TextClassification
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.registry import SHORTEST_VERSION
from glossator.service.tasks.encoded import Pair, Text

PREFIX = "/ui"
STATIC = Path(__file__).parent / "static"
_TOP_K = 8
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data:"
)
"""Swagger UI sets inline styles and loads icons from data URLs."""
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

_templates = Environment(
    loader=PackageLoader("glossator.service.api.web"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _page(template: str, *, status: int = 200, policy: str = POLICY, **values: Any) -> Response:
    """Render a page or a part of one."""
    content = _templates.get_template(template).render(**values)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
    return Response(content, status_code=status, media_type="text/html", headers=headers)


def _error_page(error: DialectError) -> Response:
    return _page("error.html", status=error.status, message=error.message)


router = APIRouter(include_in_schema=False, route_class=route_class(_error_page))


@router.get("/docs")
async def docs() -> Response:
    """The API documentation (Swagger UI)."""
    return _page("docs.html", policy=DOCS_POLICY)


@router.get(PREFIX)
async def page(state: StateDep) -> Response:
    """The main page. It contains no data and so needs no key: it loads its parts with the key."""
    return _page("page.html", jobs=state.jobs is not None, needs_key=state.settings.needs_key, release=state.version)


@router.get(PREFIX + "/static/{name:path}")
async def static(name: str) -> Response:
    """A script or style sheet, ours or a vendored one (whose licence is in the same folder)."""
    path = STATIC / name
    if name not in _static_files() or path.suffix not in _MEDIA_TYPES:
        raise RouteNotFound("no such file", found=name, hint="The page is at /ui.")
    return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix])


@router.get(PREFIX + "/models")
async def models(state: StateDep) -> Response:
    """The list of models to choose from."""
    listed = [
        {
            "name": each.name,
            "task": each.manifest.task.task,
            "version": each.digest[:SHORTEST_VERSION],
            "reads_pairs": reads_pairs(each.manifest.task),
            "can_explain": _can_explain(each.manifest.task),
            "loaded": each.is_loaded,
        }
        for each in state.models.listed()
    ]
    return _page("models.html", models=listed)


@router.get(PREFIX + "/models/{name}")
async def card(name: str, state: StateDep) -> Response:
    """The model card, with its pictures."""
    model = state.model(name)
    content = await to_thread.run_sync(render_card, model, f"{PREFIX}/models/{name}/pictures/")
    return _page("card.html", name=name, model=model, content=content)


@router.get(PREFIX + "/models/{name}/pictures/{path:path}")
async def picture(name: str, path: str, state: StateDep) -> Response:
    """A picture of a model card. Its Content-Security-Policy disables scripts."""
    found = find_picture(state.model(name), path)
    return FileResponse(found, media_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY})


@router.post(PREFIX + "/answer")
async def answer(request: Request, state: StateDep) -> Response:
    """The answers of one model, or of two side by side."""
    fields = await _fields(request, state)
    names = list(dict.fromkeys(name for name in (fields.get("model", ""), fields.get("other", "")) if name))
    if not names:
        raise InvalidRequest("no model is selected", hint="Select a model.")
    parts = [await _answer(request, state, name, fields) for name in names]
    return _page("answer.html", parts=parts)


@router.get(PREFIX + "/jobs")
async def jobs(state: StateDep, owner: OwnerDep) -> Response:
    """Your jobs, the newest first."""
    found = await job_routes.list_jobs(state, _jobs(state), owner, None, 10, None)
    return _page("jobs.html", jobs=found.jobs)


@router.post(PREFIX + "/jobs")
async def submit(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Submit a file; see POST /v1/jobs."""
    await job_routes.submit(request, Response(), state, _jobs(state), owner, None)
    return await jobs(state, owner)


@router.get(PREFIX + "/jobs/{job_id}")
async def job(job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """State and progress of one job."""
    found = await job_routes.get_job(job_id, state, _jobs(state), owner)
    return _page("job.html", job=found)


@cache
def _static_files() -> frozenset[str]:
    return frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())


def _jobs(state: AppState) -> JobService:
    if state.jobs is None:
        raise JobsOff("jobs are disabled on this server", hint="Start it with --jobs FOLDER.")
    return state.jobs


async def _fields(request: Request, state: AppState) -> dict[str, str]:
    """The fields of a form. Raises InvalidRequest if it cannot be parsed."""
    body = await read_body(request, state.settings.max_body_bytes)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError:  # includes UnicodeDecodeError
        raise InvalidRequest("the form cannot be read", expected="at most 16 fields, in UTF-8") from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


async def _answer(request: Request, state: AppState, name: str, fields: dict[str, str]) -> dict[str, Any]:
    model = state.model(name)
    text: Text = fields.get("text", "")
    if reads_pairs(model.task):
        text = (
            Pair(fields.get("second", ""), str(text))
            if model.task.task == "question-answering"
            else Pair(str(text), fields.get("second", ""))
        )
    has_labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    began = time.perf_counter()
    (found,) = await inference_requests.predict(
        state, request, model, name, [text], top_k=_TOP_K if has_labels else None
    )
    view: AnswerView | None = None
    if not isinstance(found, InputError):
        explanation = None
        if fields.get("explain") and _can_explain(model.task):
            deadline = read_deadline(request, state.settings)
            explain = partial(model.explain, [text], [found], deadline=deadline)
            (explanation,) = await inference_requests.offload(state, explain)
        view = view_answer(text, found, explanation)
    milliseconds = 1e3 * (time.perf_counter() - began)
    return {
        "name": name,
        "model": model,
        "error": found if view is None else None,
        "view": view,
        "answer": found,
        "milliseconds": milliseconds,
    }


def _can_explain(task: Task) -> bool:
    return isinstance(task, TextClassification)
