"""The template of the route that answers a request, for metrics, spans and the prediction log."""

from __future__ import annotations

import re

from starlette.types import Scope

UNMATCHED = "unmatched"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def route_template(scope: Scope) -> str:
    """Return the path of the route with its parameters in braces, or UNMATCHED if no route answers.

    The routes of a dialect do not know the prefix under which they are included: it is what the path has before them.

    >>> from starlette.routing import Route
    >>> route = Route("/{name}/predict", endpoint=print)
    >>> scope = {"path": "/tei/intents/predict", "route": route, "path_params": {"name": "intents"}}
    >>> route_template(scope)
    '/tei/{name}/predict'
    """
    template: str = getattr(scope.get("route"), "path", UNMATCHED)
    values = scope.get("path_params", {})
    own = _PARAMETER.sub(lambda found: str(values.get(found[1], "")), template)
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.removesuffix(own) + template if path.endswith(own) else template
