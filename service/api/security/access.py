"""The scope that each route needs. A route declares it as a dependency, next to its path:

    @router.get("/metrics", dependencies=[ADMIN])

The route itself checks it, before it reads the body, so no other path can lead to it. An app with a route that
declares nothing does not start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import Depends, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

from glossator.service.api.problems import CALLER, ScopeMissing, Unauthorized
from glossator.service.api.security.key_file import KeyScope
from glossator.service.api.security.key_ring import KeyHolder


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """Who may use a route: the holders of a key with this scope, or everyone if it is None."""

    scope: KeyScope | None

    async def __call__(self, request: Request) -> None:
        """Raise Unauthorized or ScopeMissing if the caller may not use the route."""
        self.check(request.scope)

    def check(self, scope: Scope) -> None:
        """The check itself, for routes that resolve no dependencies."""
        if self.scope is None:
            return
        caller: KeyHolder | Unauthorized = scope["state"][CALLER]
        if isinstance(caller, Unauthorized):
            raise caller
        if not caller.may(self.scope):
            raise ScopeMissing(
                "the key does not allow this route",
                found=", ".join(sorted(caller.scopes or ())) or "no scope",
                expected=self.scope,
                hint="Ask the operator for a key with this scope (glossator keys add --scope).",
            )


def allows(scope: Scope, needed: KeyScope) -> bool:
    """Whether the caller of a request may use routes that need this scope."""
    caller = scope["state"][CALLER]
    return isinstance(caller, KeyHolder) and caller.may(needed)


OPEN = Depends(RouteAccess(None))
"""Probes, and the page to enter a key with its script and style: they show no data."""
INFER = Depends(RouteAccess("infer"))
LABEL = Depends(RouteAccess("label"))
ADMIN = Depends(RouteAccess("admin"))


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """A route of an app, and what it declares."""

    path: str
    methods: tuple[str, ...]
    access: RouteAccess


def declared_routes(routes: Sequence[BaseRoute]) -> Iterator[DeclaredRoute]:
    """All routes of an app. Raises RuntimeError for a route that does not declare exactly one access."""
    for route in iter_route_contexts(routes):
        found = [each.dependency for each in getattr(route, "dependencies", ())]
        access = [each for each in found if isinstance(each, RouteAccess)]
        if len(access) != 1:
            raise RuntimeError(f"the route {route.path} declares {len(access)} scopes, expected 1 (see access.py)")
        yield DeclaredRoute(route.path or "", tuple(sorted(route.methods or ())), access[0])


def access_of(route: BaseRoute) -> RouteAccess:
    """What one route declares."""
    (declared,) = declared_routes([route])
    return declared.access
