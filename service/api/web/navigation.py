"""What the frame of every page shows: the sections, the version of the server, and the state of the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from glossator.service.api.problems import CALLER
from glossator.service.api.security.key_file import SCOPES
from glossator.service.api.security.key_ring import NAMED_KEY, KeyHolder
from glossator.service.api.state import AppState

PREFIX = "/ui"
"""The path of the pages."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the Studio, and the path of its first page."""

    title: str
    path: str


SECTIONS = (
    Section("Playground", PREFIX),
    Section("Models", f"{PREFIX}/models"),
    Section("Review", f"{PREFIX}/review"),
    Section("Monitor", f"{PREFIX}/monitor"),
    Section("Jobs", f"{PREFIX}/jobs"),
    Section("API", "/docs"),
)


@dataclass(frozen=True, slots=True)
class KeyState:
    """The key of the browser in words."""

    text: str
    can_forget: bool = False
    is_missing: bool = False


def frame_values(scope: Scope) -> dict[str, Any]:
    """The values of the frame for one request."""
    state: AppState = scope["app"].state.service
    return {
        "sections": SECTIONS,
        "current": current_section(scope["path"]),
        "release": state.version,
        "key": _key_state(state, scope.get("state", {}).get(CALLER)),
    }


def current_section(path: str) -> str:
    """The path of the section that a page belongs to; empty if it is none."""
    for section in reversed(SECTIONS):
        if path == section.path or (section.path != PREFIX and path.startswith(f"{section.path}/")):
            return section.path
    return ""


def _key_state(state: AppState, caller: object) -> KeyState:
    if not state.settings.needs_key:
        return KeyState("No key needed")
    if not isinstance(caller, KeyHolder):
        return KeyState("No key entered", is_missing=True)
    has_all = caller.scopes is None or caller.scopes >= set(SCOPES)
    scopes = "all scopes" if has_all else ", ".join(sorted(caller.scopes or ()))
    name = caller.owner.removeprefix(NAMED_KEY) if caller.owner.startswith(NAMED_KEY) else "unnamed"
    return KeyState(f"Key: {name} ({scopes})", can_forget=True)
