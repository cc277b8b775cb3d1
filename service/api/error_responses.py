"""The response to an error outside a route: in the shape that the caller of the path expects."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Scope

from glossator.service.api.dialects.error_forms import dialect_error
from glossator.service.api.problems import ProblemResponse
from glossator.service.api.web.error_pages import error_page, is_for_a_person
from glossator.service.errors import GlossatorError


def error_response(error: GlossatorError, scope: Scope) -> Response:
    """The response to an error before or outside a route (401, 403, 404, 405, 421, 429): a page for a person in a
    browser, the dialect's own format on its paths, else a problem (RFC 9457)."""
    if is_for_a_person(scope):
        return error_page(error, scope)
    return dialect_error(error, scope) or ProblemResponse(error, scope)
