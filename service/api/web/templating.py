"""Renders pages and their parts with Jinja2, which escapes every text.

The Content-Security-Policy allows scripts and styles only from our own files. Bootstrap's signs are data URLs.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.responses import Response
from starlette.types import Scope

from glossator.service.api.security.proxy import root_of
from glossator.service.api.web.navigation import frame_values

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def may_wrap(name: str) -> Markup:
    """A name that may wrap after `_`, `-`, `/` and `.`, so that no word is broken on a narrow screen."""
    parts = re.split(r"(?<=[_\-/.])", name)
    return Markup("<wbr>").join(escape(part) for part in parts)


_templates = Environment(
    loader=PackageLoader("glossator.service.api.web"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["may_wrap"] = may_wrap


def render(scope: Scope, template: str, *, status: int = 200, policy: str = POLICY, **values: Any) -> Response:
    """Render a page or a part of one; its links start with the prefix of the request's proxy."""
    content = _templates.get_template(template).render(root=root_of(scope), **frame_values(scope), **values)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
    return Response(content, status_code=status, media_type="text/html", headers=headers)
