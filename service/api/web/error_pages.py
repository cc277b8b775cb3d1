"""Errors as a person in a browser sees them: a page, or a line in the part of the page that asked."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from glossator.service.api.problems import ScopeMissing, Unauthorized, build_problem, headers_of
from glossator.service.api.security.proxy import root_of
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.templating import render
from glossator.service.errors import GlossatorError

KEY_PAGE = f"{PREFIX}/session"
_SEE_OTHER = 303


def is_for_a_person(scope: Scope) -> bool:
    """Whether a browser asks for a page, or a page for one of its parts."""
    path = scope["path"]
    accept = Headers(scope=scope).get("accept", "")
    if path.endswith(".json") or "application/json" in accept:  # a script of a page asks
        return False
    in_pages = path == PREFIX or path.startswith(f"{PREFIX}/") or path == "/docs"
    return in_pages or (scope["method"] == "GET" and "text/html" in accept)


def error_page(error: GlossatorError, scope: Scope) -> Response:
    """The error as a part of a page if its script asked for one, else as a page; without a key, its form."""
    scope.setdefault("state", {})["problem"] = error.code
    headers = Headers(scope=scope)
    is_part = "hx-request" in headers
    if isinstance(error, Unauthorized) and not is_part and scope["method"] == "GET":
        return RedirectResponse(
            f"{root_of(scope)}{KEY_PAGE}?{urlencode({'next': _target(scope)}, safe='/')}", _SEE_OTHER
        )
    problem = build_problem(error, scope["path"])
    message = f"{problem.detail}: {problem.found}" if problem.found else problem.detail
    faults = [f"{fault.where}: {fault.message}" if fault.where else fault.message for fault in problem.faults or []]
    is_scope = isinstance(error, ScopeMissing) and bool(problem.found)
    response = render(
        scope,
        "error.html" if is_part else "error_page.html",
        status=problem.status,
        message=f"{message[:1].upper()}{message[1:]}." if not is_scope else "Your key does not open this page.",
        faults=faults,
        expected=(problem.expected or "") if not is_scope else "",
        hint=_hint(error),
        title=problem.title if not is_scope else "Another key is needed",
        key_page=root_of(scope) + KEY_PAGE if is_scope or isinstance(error, Unauthorized) else "",
    )
    response.headers.update(headers_of(error))
    return response


def _target(scope: Scope) -> str:
    """The path that a request asks for, with its query, as it was sent."""
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")


def _hint(error: GlossatorError) -> str:
    if isinstance(error, Unauthorized):
        return "Enter an API key."
    if isinstance(error, ScopeMissing) and error.found:
        return f"It has the scope {error.found}, and {error.expected} is needed. The operator makes keys with scopes."
    return error.hint or ""
