"""The routes of the pages: one page, the parts that it asks for, and the documentation of the API.

Everything that a page shows of a text is escaped by Jinja2; scripts and styles come from our own files alone, which the
Content-Security-Policy holds browsers to.
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
from glossator.service.api.dialects.errors import Told, route_class
from glossator.service.api.inference_requests import read_deadline
from glossator.service.api.problems import InvalidRequest, JobsOff, RouteNotFound
from glossator.service.api.routes import jobs as job_routes
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import read_body
from glossator.service.api.web.answer_view import Shown, shown
from glossator.service.api.web.model_card import picture_of, rendered
from glossator.service.bundle.task import Classifier, Task, TextClassification
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.registry import SHORTEST_VERSION
from glossator.service.tasks.encoded import Pair, Text

PREFIX = "/ui"
STATIC = Path(__file__).parent / "static"
_TOP = 8
_MEDIA = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self'", "img-src 'self' data:"
)
"""Swagger UI sets styles of its own, and draws its icons from data."""
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

_templates = Environment(
    loader=PackageLoader("glossator.service.api.web"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def _page(template: str, *, status: int = 200, policy: str = POLICY, **values: Any) -> Response:
    """A page, or a part of one."""
    content = _templates.get_template(template).render(**values)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
    return Response(content, status_code=status, media_type="text/html", headers=headers)


def _form(told: Told) -> Response:
    return _page("error.html", status=told.status, message=told.message)


router = APIRouter(include_in_schema=False, route_class=route_class(_form))


@router.get("/docs")
async def docs() -> Response:
    """The documentation of the API, by Swagger UI."""
    return _page("docs.html", policy=DOCS_POLICY)


@router.get(PREFIX)
async def page(state: StateDep) -> Response:
    """The page itself. It holds nothing that needs a key: what it shows it asks for."""
    return _page("page.html", jobs=state.jobs is not None, needs_key=state.settings.needs_key, release=state.version)


@router.get(PREFIX + "/static/{name:path}")
async def static(name: str) -> Response:
    """A script or a style of ours, or one that stands beside its licence."""
    path = STATIC / name
    if name not in _files() or path.suffix not in _MEDIA:
        raise RouteNotFound("there is no such file", found=name, hint="The page is at /ui.")
    return FileResponse(path, media_type=_MEDIA[path.suffix])


@router.get(PREFIX + "/models")
async def models(state: StateDep) -> Response:
    """The choice of models."""
    listed = [
        {"name": each.name, "task": each.manifest.task.task, "version": each.digest[:SHORTEST_VERSION],
         "pairs": reads_pairs(each.manifest.task), "explains": _explains(each.manifest.task), "loaded": each.is_loaded}
        for each in state.models.listed()
    ]  # fmt: skip
    return _page("models.html", models=listed)


@router.get(PREFIX + "/models/{name}")
async def card(name: str, state: StateDep) -> Response:
    """The card of a model, with its pictures."""
    model = state.model(name)
    content = await to_thread.run_sync(rendered, model, f"{PREFIX}/models/{name}/pictures/")
    return _page("card.html", name=name, model=model, content=content)


@router.get(PREFIX + "/models/{name}/pictures/{path:path}")
async def picture(name: str, path: str, state: StateDep) -> Response:
    """A picture of a card. It is drawn, and can do nothing else."""
    found = picture_of(state.model(name), path)
    return FileResponse(found, media_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY})


@router.post(PREFIX + "/answer")
async def answer(request: Request, state: StateDep) -> Response:
    """What one model, or two side by side, say of a text."""
    fields = await _fields(request, state)
    names = list(dict.fromkeys(name for name in (fields.get("model", ""), fields.get("other", "")) if name))
    if not names:
        raise InvalidRequest("no model is chosen", hint="Choose one.")
    parts = [await _answered(request, state, name, fields) for name in names]
    return _page("answer.html", parts=parts)


@router.get(PREFIX + "/jobs")
async def jobs(state: StateDep, owner: OwnerDep) -> Response:
    """The jobs that were sent, the newest first."""
    found = await job_routes.listed(state, _jobs(state), owner, None, 10, None)
    return _page("jobs.html", jobs=found.jobs)


@router.post(PREFIX + "/jobs")
async def submit(request: Request, state: StateDep, owner: OwnerDep) -> Response:
    """Takes a file as POST /v1/jobs does."""
    await job_routes.submit(request, Response(), state, _jobs(state), owner, None)
    return await jobs(state, owner)


@router.get(PREFIX + "/jobs/{job_id}")
async def job(job_id: str, state: StateDep, owner: OwnerDep) -> Response:
    """Where one job stands."""
    found = await job_routes.one(job_id, state, _jobs(state), owner)
    return _page("job.html", job=found)


@cache
def _files() -> frozenset[str]:
    return frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())


def _jobs(state: AppState) -> Any:
    if state.jobs is None:
        raise JobsOff("this server takes no jobs", hint="Start it with --jobs FOLDER.")
    return state.jobs


async def _fields(request: Request, state: AppState) -> dict[str, str]:
    """The fields of a form; raises InvalidRequest."""
    body = await read_body(request, state.settings.max_body_bytes)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError:  # a UnicodeDecodeError too
        raise InvalidRequest("the form cannot be read", expected="few fields, in UTF-8") from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


async def _answered(request: Request, state: AppState, name: str, fields: dict[str, str]) -> dict[str, Any]:
    model = state.model(name)
    text: Text = fields.get("text", "")
    if reads_pairs(model.task):
        text = Pair(fields.get("second", ""), str(text)) if model.task.task == "question-answering" else Pair(
            str(text), fields.get("second", "")
        )  # fmt: skip
    labels = isinstance(model.task, Classifier) and model.task.problem_type != "regression"
    began = time.perf_counter()
    (found,) = await inference_requests.predict(state, request, model, name, [text], top_k=_TOP if labels else None)
    view: Shown | None = None
    if not isinstance(found, InputError):
        explanation = None
        if fields.get("explain") and _explains(model.task):
            deadline = read_deadline(request, state.settings)
            work = partial(model.explain, [text], [found], deadline=deadline)
            (explanation,) = await to_thread.run_sync(work, limiter=state.limiter)
        view = shown(text, found, explanation)
    milliseconds = 1e3 * (time.perf_counter() - began)
    return {"name": name, "model": model, "error": found if view is None else None, "view": view, "answer": found,
            "milliseconds": milliseconds}  # fmt: skip


def _explains(task: Task) -> bool:
    return isinstance(task, TextClassification)
