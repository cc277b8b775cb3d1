"""The page to enter an API key, once per session of the browser."""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.security.access import OPEN
from glossator.service.api.security.key_hashing import key_digest
from glossator.service.api.security.proxy import is_https, root_of
from glossator.service.api.security.sessions import session_cookie
from glossator.service.api.state import AppState
from glossator.service.api.web.error_pages import KEY_PAGE
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute, read_form
from glossator.service.api.web.templating import render

_MAX_BYTES = 16_384
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")
router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[OPEN])


@router.get(KEY_PAGE)
async def enter_key(request: Request, state: StateDep) -> Response:
    """The form for the key."""
    return _key_page(request, state, request.query_params.get("next", ""))


@router.post(KEY_PAGE)
async def start_session(request: Request, state: StateDep) -> Response:
    """Check the key, set the cookie of the session, and return to the page that needed it."""
    form = await read_form(request, _MAX_BYTES)
    key = form.get("key", "").strip().encode()
    if state.keys.holder(key) is None:
        return _key_page(request, state, form.get("next", ""), error="This key is unknown or has expired.")
    return _leave(request, form.get("next", ""), state.sessions.create(key_digest(key)))


@router.post(f"{KEY_PAGE}/end")
async def end_session(request: Request) -> Response:
    """Remove the cookie of the session."""
    return _leave(request, KEY_PAGE, "")


def _leave(request: Request, target: str, token: str) -> Response:
    root = root_of(request.scope)
    cookie = session_cookie(token, root=root, secure=is_https(request.scope))
    return RedirectResponse(root + _own_path(target), HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie})


def _key_page(request: Request, state: AppState, target: str, *, error: str = "") -> Response:
    status = HTTPStatus.UNAUTHORIZED if error else HTTPStatus.OK
    return render(
        request.scope,
        "key.html",
        status=status,
        target=_own_path(target),
        error=error,
        needs_key=state.settings.needs_key,
    )


def _own_path(target: str) -> str:
    """The path to return to, if it is one of this server; else the main page."""
    return target if _OWN_PATH.fullmatch(target) else PREFIX
