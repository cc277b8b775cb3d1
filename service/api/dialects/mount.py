"""Adds the dialects to the app: each under its prefix, and one of them optionally at the root too."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from glossator.service.api.dialects.cohere import bodies as cohere_bodies
from glossator.service.api.dialects.cohere import rerank as cohere_rerank
from glossator.service.api.dialects.cohere import routes as cohere
from glossator.service.api.dialects.hugging_face import routes as hugging_face
from glossator.service.api.dialects.hugging_face.bodies import HuggingFaceRequest
from glossator.service.api.dialects.label_studio import bodies as label_studio_bodies
from glossator.service.api.dialects.label_studio import routes as label_studio
from glossator.service.api.dialects.open_inference import bodies as open_inference_bodies
from glossator.service.api.dialects.open_inference import predict_v1, triton
from glossator.service.api.dialects.open_inference import routes as open_inference
from glossator.service.api.dialects.openai import batches as openai_batches
from glossator.service.api.dialects.openai import embeddings as openai_embeddings
from glossator.service.api.dialects.openai.embeddings import EmbeddingsRequest
from glossator.service.api.dialects.text_embeddings import bodies as text_embeddings_bodies
from glossator.service.api.dialects.text_embeddings import routes as text_embeddings
from glossator.service.api.settings import Dialect

BODIES: tuple[type[BaseModel], ...] = (
    HuggingFaceRequest,
    EmbeddingsRequest,
    openai_batches.BatchRequest,
    *text_embeddings_bodies.BODIES,
    *cohere_bodies.BODIES,
    *label_studio_bodies.BODIES,
    *open_inference_bodies.BODIES,
)
_PREFIXED: dict[Dialect, tuple[str, APIRouter]] = {
    "hugging-face": (hugging_face.PREFIX, hugging_face.router),
    "text-embeddings-inference": (text_embeddings.PREFIX, text_embeddings.router),
    "cohere": (cohere.PREFIX, cohere.router),
    "label-studio": (label_studio.PREFIX, label_studio.router),
}
_NAME = "/{name}"


def mount(app: FastAPI, *, root: Dialect | None, default: str, jobs: bool) -> None:
    """Add every dialect to the app, after its own routes.

    The dialect `root` is also mounted at the root, after all other routes, so that it hides none of them. There its
    routes for one model work with the name of a served model in the path, and without one for the model `default`.
    """
    for prefix, router in _PREFIXED.values():
        app.include_router(router, prefix=prefix)
    app.include_router(triton.router)
    app.include_router(open_inference.router)
    app.include_router(predict_v1.router)
    app.include_router(openai_embeddings.router)
    app.include_router(cohere_rerank.root_router)
    if jobs:
        app.include_router(openai_batches.router)
    if root is not None:
        routes = [route for route in _PREFIXED[root][1].routes if isinstance(route, APIRoute)]
        bare = [_RootRoute(route.path.removeprefix(_NAME) or "/", route, default) for route in routes]
        named = [_RootRoute(route.path, route, None) for route in routes if route.path.startswith(_NAME)]
        app.router.routes.extend([*bare, *named])


class _RootRoute(APIRoute):
    """A route of a dialect without its prefix. With a `default`, that is the model; else a served one in the path."""

    def __init__(self, path: str, route: APIRoute, default: str | None) -> None:
        super().__init__(
            path,
            route.endpoint,
            methods=list(route.methods or ()),
            include_in_schema=False,
            dependencies=route.dependencies,
        )
        kind: Any = type(route)
        self._named = kind(
            route.path, route.endpoint, methods=route.methods, include_in_schema=False, dependencies=route.dependencies
        )
        self._default = default

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match != Match.NONE and self._default is None:
            name = child["path_params"]["name"].partition("@")[0]
            if name not in scope["app"].state.service.models.names:
                return Match.NONE, {}
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._default is not None:
            scope["path_params"] = {**scope["path_params"], "name": self._default}
        await self._named.handle(scope, receive, send)
