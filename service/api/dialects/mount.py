"""Where the dialects stand: each under its prefix, and one of them at the root too."""

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
    HuggingFaceRequest, EmbeddingsRequest, openai_batches.BatchRequest, *text_embeddings.BODIES, *cohere.BODIES,
    *label_studio.BODIES, *open_inference.BODIES,
)  # fmt: skip
_PREFIXED: dict[Dialect, tuple[str, APIRouter]] = {
    "hugging-face": (hugging_face.PREFIX, hugging_face.router),
    "text-embeddings-inference": (text_embeddings.PREFIX, text_embeddings.router),
    "cohere": (cohere.PREFIX, cohere.router),
    "label-studio": (label_studio.PREFIX, label_studio.router),
}
_NAME = "/{name}"


def mount(app: FastAPI, *, root: Dialect | None, default: str, jobs: bool) -> None:
    """Adds every dialect to the app. The one named `root` stands at the root too, in front of all other routes; what
    it says of one model is then said of the model named `default`."""
    for prefix, router in _PREFIXED.values():
        app.include_router(router, prefix=prefix)
    app.include_router(open_inference.router)
    app.include_router(openai_embeddings.router)
    if jobs:
        app.include_router(openai_batches.router)
    if root is not None:
        mounted = [_at_root(route, default) for route in _PREFIXED[root][1].routes if isinstance(route, APIRoute)]
        app.router.routes[:0] = mounted


def _at_root(route: APIRoute, default: str) -> APIRoute:
    """The route without its model's name, which is then `default`."""
    bare = route.path.removeprefix(_NAME)
    kind: Any = type(route)
    if bare == route.path:
        return kind(bare, route.endpoint, methods=route.methods, include_in_schema=False)  # type: ignore[no-any-return]
    made = kind(route.path, route.endpoint, methods=route.methods, include_in_schema=False)
    return _Named(bare or "/", made, default)


class _Named(APIRoute):
    """A route that hands its requests to another one, with the name of a model."""

    def __init__(self, path: str, route: APIRoute, default: str) -> None:
        super().__init__(path, route.endpoint, methods=list(route.methods or ()), include_in_schema=False)
        self._named = route
        self._default = default

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_params"] = {**scope["path_params"], "name": self._default}
        await self._named.handle(scope, receive, send)
