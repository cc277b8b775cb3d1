"""Adds the dialects to the app: each under its prefix, and one of them optionally at the root too."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from glossator.service.api.dialects import (
    cohere,
    hugging_face,
    label_studio,
    open_inference,
    openai_batches,
    openai_embeddings,
    text_embeddings,
)
from glossator.service.api.dialects.hugging_face_schemas import HuggingFaceRequest
from glossator.service.api.dialects.openai_embeddings import EmbeddingsRequest
from glossator.service.api.settings import Dialect

BODIES: tuple[type[BaseModel], ...] = (
    HuggingFaceRequest,
    EmbeddingsRequest,
    openai_batches.BatchRequest,
    *text_embeddings.BODIES,
    *cohere.BODIES,
    *label_studio.BODIES,
    *open_inference.BODIES,
)
_PREFIXED: dict[Dialect, tuple[str, APIRouter]] = {
    "hugging-face": (hugging_face.PREFIX, hugging_face.router),
    "text-embeddings-inference": (text_embeddings.PREFIX, text_embeddings.router),
    "cohere": (cohere.PREFIX, cohere.router),
    "label-studio": (label_studio.PREFIX, label_studio.router),
}
_NAME = "/{name}"


def mount(app: FastAPI, *, root: Dialect | None, default: str, jobs: bool) -> None:
    """Add every dialect to the app.

    The dialect `root` is also mounted at the root, before all other routes; there its routes for one model apply to the
    model `default`.
    """
    for prefix, router in _PREFIXED.values():
        app.include_router(router, prefix=prefix)
    app.include_router(open_inference.router)
    app.include_router(openai_embeddings.router)
    if jobs:
        app.include_router(openai_batches.router)
    if root is not None:
        mounted = [_root_route(route, default) for route in _PREFIXED[root][1].routes if isinstance(route, APIRoute)]
        app.router.routes[:0] = mounted


def _root_route(route: APIRoute, default: str) -> APIRoute:
    """Return the route without the model name in its path; the model is `default`."""
    bare = route.path.removeprefix(_NAME)
    kind: Any = type(route)
    if bare == route.path:
        return kind(bare, route.endpoint, methods=route.methods, include_in_schema=False)  # type: ignore[no-any-return]
    made = kind(route.path, route.endpoint, methods=route.methods, include_in_schema=False)
    return _FixedModelRoute(bare or "/", made, default)


class _FixedModelRoute(APIRoute):
    """A route that forwards its requests to another route with a fixed model name."""

    def __init__(self, path: str, route: APIRoute, default: str) -> None:
        super().__init__(path, route.endpoint, methods=list(route.methods or ()), include_in_schema=False)
        self._named = route
        self._default = default

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_params"] = {**scope["path_params"], "name": self._default}
        await self._named.handle(scope, receive, send)
