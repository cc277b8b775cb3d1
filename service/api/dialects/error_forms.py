"""Which format an error outside a route has: that of the dialect whose clients use the path."""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.types import Scope

from glossator.service.api.dialects.cohere import errors as cohere
from glossator.service.api.dialects.errors import Form, respond_in_form
from glossator.service.api.dialects.hugging_face import routes as hugging_face
from glossator.service.api.dialects.label_studio import routes as label_studio
from glossator.service.api.dialects.open_inference import errors as open_inference
from glossator.service.api.dialects.openai import errors as openai
from glossator.service.api.dialects.text_embeddings import routes as text_embeddings
from glossator.service.api.settings import Dialect
from glossator.service.errors import GlossatorError

_FORMS: tuple[tuple[re.Pattern[str], Form], ...] = (
    (re.compile(r"/hf(/|$)"), hugging_face.error_form),
    (re.compile(r"/tei(/|$)"), text_embeddings.error_form),
    (re.compile(r"/cohere(/|$)|/v[12]/(rerank|embed|classify)$"), cohere.error_form),
    (re.compile(r"/label-studio(/|$)"), label_studio.error_form),
    (re.compile(r"/v2(/|$)|/v1/models/[^/]+:"), open_inference.error_form),
    (re.compile(r"/v1/(embeddings|files|batches|completions|chat|responses|moderations)(/|$)"), openai.error_form),
)
"""By the beginning of the path; the first that matches."""
_ROOT: dict[Dialect, Form] = {
    "hugging-face": hugging_face.error_form,
    "text-embeddings-inference": text_embeddings.error_form,
    "cohere": cohere.error_form,
    "label-studio": label_studio.error_form,
}
_OWN = re.compile(r"/(v1|v2|ui|docs|openapi\.json|metrics|livez|readyz|startupz)(/|$)")


def dialect_form(path: str, root: Dialect | None) -> Form | None:
    """The format of errors at a path, or None where they are problems (RFC 9457)."""
    form = next((form for pattern, form in _FORMS if pattern.match(path)), None)
    if form is None and root is not None and not _OWN.match(path):
        return _ROOT[root]
    return form


def dialect_error(error: GlossatorError, scope: Scope) -> Response | None:
    """The response to an error in the format of a dialect, or None for paths that belong to none."""
    form = dialect_form(scope["path"], scope["app"].state.service.settings.root_dialect)
    return None if form is None else respond_in_form(error, scope, form)
