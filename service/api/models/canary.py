"""Canaries: a share of the requests for a model is answered by another of its versions.

A request belongs to the share by the name of its key, together with the header X-Canary-Key if the client sends one;
without a key, by that header; else by its first text. So a client, or a text, keeps its version while the share stays.
A request for `NAME@VERSION` gets this version.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

from glossator.service.api.dependencies import owner_of
from glossator.service.api.openapi_document import CANARY_HEADER
from glossator.service.api.state import AppState
from glossator.service.errors import InputError
from glossator.service.inference.model import Model
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.monitoring.traffic_shares import position
from glossator.service.tasks.encoded import Pair, Text

_HASHED_CHARACTERS = 4_096
"""Of a text. Equal texts have equal beginnings."""


def answering_model(
    state: AppState, request: Request, name: str, model: Model, texts: Sequence[Text | InputError]
) -> Model:
    """The version that answers a request: that of the canary, if the request belongs to its share, else `model`.

    Args:
        state: The state of the app.
        request: The request.
        name: What the client asked for: `NAME` or `NAME@VERSION`.
        model: The model of this name.
        texts: The texts of the request.
    """
    canary = state.canaries.get(name)
    if canary is None:
        return model
    place = position(_sticky_value(state, request, texts), use="canary", seed=state.settings.canary_seed)
    return (canary.model() if place < canary.share.share else None) or model


def _sticky_value(state: AppState, request: Request, texts: Sequence[Text | InputError]) -> str:
    header = request.headers.get(CANARY_HEADER)
    if state.settings.needs_key:
        return f"key\0{owner_of(request)}\0{header or ''}"
    if header is not None:
        return f"header\0{header}"
    first = next((text for text in texts if not isinstance(text, InputError)), "")
    if isinstance(first, Pair):
        first = Pair(*(side[:_HASHED_CHARACTERS] for side in first))
    else:
        first = first[:_HASHED_CHARACTERS]
    return f"text\0{hash_text(first)}"
