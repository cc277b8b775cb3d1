"""The scripts and style sheets of the pages, ours and vendored ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePosixPath

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from glossator.service.api.problems import RouteNotFound
from glossator.service.api.security.access import OPEN
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute
from glossator.service.api.web.revalidation import entity_tag, revalidated

STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get(PREFIX + "/static/{name:path}", dependencies=[OPEN])
async def static(request: Request, name: str) -> Response:
    """A script or style sheet, ours or a vendored one (whose licence is in the same folder)."""
    media_type = _MEDIA_TYPES.get(PurePosixPath(name).suffix)
    if media_type is None or name not in _static_files():
        raise RouteNotFound("no such file", found=name, hint="The pages begin at /ui.")
    content, tag = await to_thread.run_sync(_static_file, name)
    return revalidated(request, Response(content, media_type=media_type), tag=tag)


@cache
def _static_files() -> frozenset[str]:
    return frozenset(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())


@cache
def _static_file(name: str) -> tuple[bytes, str]:
    """The content of a static file and its entity tag."""
    content = (STATIC / name).read_bytes()
    return content, entity_tag(content)
