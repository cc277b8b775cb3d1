"""The pages of the section Review: the list of queues, a queue, and the form that makes a queue from a file.

The pages are frames: their scripts fetch and send JSON (`queue_routes.py`).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from glossator.service.api.dependencies import StateDep, owner_of
from glossator.service.api.security.access import LABEL
from glossator.service.api.security.key_ring import NAMED_KEY
from glossator.service.api.security.proxy import root_of
from glossator.service.api.state import AppState
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.playground.modes import abilities_of
from glossator.service.api.web.templating import render
from glossator.service.bundle.task import TextClassification, TokenClassification

QUEUE_KINDS = {
    "period": "Live answers of {name}",
    "promotion": "Champion or challenger of {name}",
    "differing": "Where reviewers of {name} differ",
    "file": "File {name}",
}
SKIP_REASONS = (
    "The text is unclear",
    "Several labels fit",
    "No label fits",
    "More context is needed",
    "Unreadable, or a wrong language",
)
_SUGGESTING = (TextClassification, TokenClassification)

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[LABEL])


@router.get(PREFIX + "/review")
async def list_queues(request: Request, state: StateDep) -> Response:
    """The queues as cards."""
    settings = {"root": root_of(request.scope), "reviewer": _reviewer(request, state)}
    return render(request.scope, "review/list.html", settings=settings)


@router.get(PREFIX + "/review/files/new")
async def new_file(request: Request, state: StateDep) -> Response:
    """The form that makes a queue from a file."""
    tasks = {each.name: each.manifest.task for each in await to_thread.run_sync(state.models.listed)}
    return render(
        request.scope,
        "review/new_file.html",
        is_on=state.labelling is not None,
        models=[name for name, task in tasks.items() if isinstance(task, _SUGGESTING)],
        zero_shot=[name for name, task in tasks.items() if "zero-shot" in abilities_of(task).modes],
    )


@router.get(PREFIX + "/review/{queue}")
async def queue_page(queue: Annotated[str, Path(max_length=400)], request: Request, state: StateDep) -> Response:
    """One queue: its script fetches the items."""
    kind, _, name = queue.partition(":")
    root = root_of(request.scope)
    settings = {
        "root": root,
        "queue": queue,
        "base": f"{root}{PREFIX}/review/{quote(queue, safe='')}",
        "reviewer": _reviewer(request, state),
    }
    title = QUEUE_KINDS.get(kind, "{name}").format(name=name or queue)
    return render(
        request.scope,
        "review/queue.html",
        title=title,
        settings=settings,
        is_named=state.settings.needs_key,
        reasons=SKIP_REASONS,
    )


def _reviewer(request: Request, state: AppState) -> str | None:
    """The name of the key, which is the reviewer; None on a server without keys: there, the page asks for a name."""
    return owner_of(request).removeprefix(NAMED_KEY) if state.settings.needs_key else None
