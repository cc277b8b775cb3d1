"""Errors as HTTP responses: the table of status codes, and bodies by RFC 9457.

GlossatorError
└── RequestError            errors that only HTTP requests cause
    ├── MalformedBody
    ├── Unauthorized
    ├── ScopeMissing        the key does not allow this route
    ├── RateLimited
    ├── CrossSiteRefused
    ├── RouteNotFound
    ├── JobsOff             jobs are disabled on this server
    ├── FeedbackOff         no feedback is accepted: answers are not logged
    ├── ReviewsOff          there is nothing to review: answers are not logged
    ├── MonitorOff          there is nothing to measure: answers are not logged
    ├── PromotionsOff       there is nothing to compare: answers are not logged
    ├── RegistryOff         there are no versions to choose from: bundles are served without a registry
    ├── NotFinished         the job has no result yet
    ├── MethodNotAllowed
    ├── BodyTooLarge
    ├── BodyTooSlow
    ├── UnsupportedMediaType
    ├── HostRefused
    ├── InvalidRequest      lists all faults of the request's fields
    ├── TooManyTexts
    ├── AnswerTooLarge      the answer would exceed the limit
    ├── NotReady
    └── InternalError       an unexpected error
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from glossator.service.api.schemas.errors import Problem
from glossator.service.api.schemas.validation_faults import field_path
from glossator.service.errors import (
    ConfigError,
    DeadlineExceeded,
    Fault,
    GlossatorError,
    IdempotencyConflict,
    InferenceError,
    InputError,
    JobConflict,
    ModelLoading,
    NoRoom,
    Overloaded,
    PromotionRefused,
    StoreUnavailable,
    UnknownAnswer,
    UnknownChallenge,
    UnknownFeedback,
    UnknownItem,
    UnknownJob,
    UnknownModel,
    UnknownPeriod,
)

MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPE = "urn:glossator:problem:"
"""The part before the code in the `type` of a problem. The code is the anchor of its section in docs/errors.md."""
CALLER = "caller"
"""The entry of a request's state with the holder of its key, or with the Unauthorized that a route raises."""

logger = logging.getLogger("glossator.service.api")


class RequestError(GlossatorError):
    """The base of errors that only HTTP requests cause."""

    code = "request-error"


class MalformedBody(RequestError):
    code = "malformed-body"


class Unauthorized(RequestError):
    code = "unauthorized"


class ScopeMissing(RequestError):
    code = "scope-missing"


class RateLimited(RequestError):
    code = "rate-limited"

    def __init__(self, message: str, *, headers: dict[str, str] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.headers = headers or {}
        """The rate limit headers of the response."""


class CrossSiteRefused(RequestError):
    code = "cross-site-refused"


class RouteNotFound(RequestError):
    code = "route-not-found"


class JobsOff(RequestError):
    code = "jobs-off"


class FeedbackOff(RequestError):
    code = "feedback-off"


class ReviewsOff(RequestError):
    code = "reviews-off"


class MonitorOff(RequestError):
    code = "monitor-off"


class PromotionsOff(RequestError):
    code = "promotions-off"


class RegistryOff(RequestError):
    code = "registry-off"


class NotFinished(RequestError):
    code = "not-finished"


class MethodNotAllowed(RequestError):
    code = "method-not-allowed"


class BodyTooLarge(RequestError):
    code = "body-too-large"


class BodyTooSlow(RequestError):
    code = "body-too-slow"


class UnsupportedMediaType(RequestError):
    code = "unsupported-media-type"


class HostRefused(RequestError):
    code = "host-refused"


class InvalidRequest(RequestError):
    code = "invalid-request"


class TooManyTexts(RequestError):
    code = "too-many-texts"


class AnswerTooLarge(RequestError):
    code = "answer-too-large"


class NotReady(RequestError):
    code = "not-ready"


class InternalError(RequestError):
    code = "internal-error"


STATUS: dict[type[GlossatorError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    CrossSiteRefused: HTTPStatus.FORBIDDEN,
    ScopeMissing: HTTPStatus.FORBIDDEN,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    RouteNotFound: HTTPStatus.NOT_FOUND,
    JobsOff: HTTPStatus.NOT_FOUND,
    FeedbackOff: HTTPStatus.NOT_FOUND,
    ReviewsOff: HTTPStatus.NOT_FOUND,
    MonitorOff: HTTPStatus.NOT_FOUND,
    PromotionsOff: HTTPStatus.NOT_FOUND,
    RegistryOff: HTTPStatus.NOT_FOUND,
    PromotionRefused: HTTPStatus.CONFLICT,
    UnknownJob: HTTPStatus.NOT_FOUND,
    NotFinished: HTTPStatus.CONFLICT,
    JobConflict: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoRoom: HTTPStatus.INSUFFICIENT_STORAGE,
    UnknownModel: HTTPStatus.NOT_FOUND,
    UnknownAnswer: HTTPStatus.NOT_FOUND,
    UnknownFeedback: HTTPStatus.NOT_FOUND,
    UnknownPeriod: HTTPStatus.NOT_FOUND,
    UnknownItem: HTTPStatus.NOT_FOUND,
    UnknownChallenge: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HostRefused: HTTPStatus.MISDIRECTED_REQUEST,
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyTexts: HTTPStatus.UNPROCESSABLE_ENTITY,
    AnswerTooLarge: HTTPStatus.UNPROCESSABLE_ENTITY,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ConfigError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestError: HTTPStatus.BAD_REQUEST,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    InferenceError: HTTPStatus.INTERNAL_SERVER_ERROR,
    GlossatorError: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelLoading: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
}
"""The status of an error is that of its nearest base class in this table."""

_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="glossator"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


def status_of(error: GlossatorError) -> HTTPStatus:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: GlossatorError) -> dict[str, str]:
    """The headers of the response to an error."""
    if isinstance(error, Overloaded):
        return {"Retry-After": str(error.retry_after)}
    return dict(_HEADERS.get(status_of(error), {}))


def build_problem(error: GlossatorError, path: str) -> Problem:
    """The error as a problem (RFC 9457) for a request to `path`. Server errors reveal no internals."""
    status = status_of(error)
    fields = error.to_dict()
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        fields = {"code": error.code, "hint": error.hint}
    return Problem.model_validate(
        {
            "type": f"{PROBLEM_TYPE}{error.code}",
            "title": error.code.replace("-", " ").capitalize(),
            "status": int(status),
            "detail": fields.pop("message", "Internal server error."),
            "instance": quote(path, errors="replace"),
            **fields,
        }
    )


class ProblemResponse(Response):
    """The response to an error. Stores the error's code in the scope for the metrics."""

    media_type = MEDIA_TYPE

    def __init__(self, error: GlossatorError, scope: Scope) -> None:
        scope.setdefault("state", {})["problem"] = error.code
        body = build_problem(error, scope["path"])
        # ASCII with escapes: `found` may quote characters that UTF-8 cannot encode.
        content = json.dumps(body.model_dump(exclude_none=True), ensure_ascii=True)
        super().__init__(content, status_code=body.status, headers=headers_of(error))


def log_failure(error: BaseException, scope: Scope) -> None:
    """Log the type and the place of an error. Only our own messages are logged: others may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " > ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
    message = f": {error}" if isinstance(error, GlossatorError) else ""
    logger.error(
        "request %s failed with %s%s at %s",
        scope.get("state", {}).get("request_id", "-"),
        type(error).__name__,
        message,
        places or "an unknown place",
    )


def convert_validation_error(error: RequestValidationError) -> InvalidRequest:
    """The errors that FastAPI found in a request, as our error."""
    faults = [Fault(item["type"].replace("_", "-"), item["msg"], field_path(item["loc"])) for item in error.errors()]
    return InvalidRequest(
        "invalid request parameters", faults=faults, hint="GET /openapi.json describes the parameters."
    )


ErrorResponse = Callable[[GlossatorError, Scope], Response]
"""Makes the response to an error outside a route."""


def install_error_handlers(app: FastAPI, respond: ErrorResponse = ProblemResponse) -> None:
    """Make the app answer every error of its routes with a problem, and every error of the framework by `respond`."""

    @app.exception_handler(GlossatorError)
    async def on_error(request: Request, error: GlossatorError) -> Response:
        if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NotReady | ModelLoading):
            log_failure(error, request.scope)
        write = respond if isinstance(error, Unauthorized | ScopeMissing) else ProblemResponse
        return write(error, request.scope)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        caller = request.scope.get("state", {}).get(CALLER)
        # Without a key, nobody learns which routes exist.
        ours = caller if isinstance(caller, Unauthorized) else _framework_error(request, error)
        response = respond(ours, request.scope)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return ProblemResponse(convert_validation_error(error), request.scope)


def _framework_error(request: Request, error: HTTPException) -> GlossatorError:
    """An error of Starlette's router, as our error."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return RouteNotFound("no such route", found=request.scope["path"], hint="GET / lists the routes.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow")
        return MethodNotAllowed("the route does not support this method", found=request.method, expected=allowed)
    return RequestError("the request was refused", found=error.status_code)
