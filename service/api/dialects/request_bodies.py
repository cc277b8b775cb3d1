"""Bodies of dialects, read tolerantly: unknown fields are ignored and named in a header, null means the default.

Clients of other servers send fields that only some of those servers know. A field that would change the answer, and
that we cannot honour, is not ignored: its model declares it as `Unsupported`, and it is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import quote

from fastapi import Request
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError
from starlette.types import Scope

from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS, parse_seconds
from glossator.service.api.inference.step_runner import offload
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import parse_object, read_json_body, validate

IGNORED_HEADER = "X-Ignored-Fields"
_STATE = "ignored_fields"
_MOST_NAMES = 20
_MOST_CHARACTERS = 64

_Body = TypeVar("_Body", bound=BaseModel)


def _refuse(value: object) -> None:
    if value is not None:
        raise PydanticCustomError("unsupported-field", "is not supported by this server; remove it")


Unsupported = Annotated[None, BeforeValidator(_refuse)]
"""A field that changes answers in the original service, and that is refused by name here."""


def one_of(*supported: str) -> BeforeValidator:
    """A validator of names in any case; the others are refused by a fault that lists those that are supported."""
    lowered = {name.lower() for name in supported}

    def check(value: object) -> object:
        name = value.lower() if isinstance(value, str) else value
        if name is not None and name not in lowered:
            raise PydanticCustomError("unsupported-value", f"must be one of: {', '.join(supported)}")
        return name

    return BeforeValidator(check)


async def parse_tolerantly(request: Request, state: AppState, kind: type[_Body], hint: str) -> _Body:
    """The JSON body of the request as a `kind`. Raises an error with this hint if it does not fit."""
    body = await read_json_body(request, state.settings.max_body_bytes)

    def parse() -> _Body:
        return validate_tolerantly(parse_object(body, hint=hint), kind, request, hint=hint)

    return await offload(state, parse, inline=len(body) <= INLINE_CHARACTERS, seconds=parse_seconds(body))


def validate_tolerantly(
    value: Mapping[str, object], kind: type[_Body], request: Request, *, hint: str, where: str = ""
) -> _Body:
    """The fields as a `kind`. `where` is the path of the object in the body, for the names of ignored fields."""
    known, ignored = known_fields(value, kind, where)
    note_ignored(request, ignored)
    return validate(known, kind, hint=hint)


def known_fields(
    value: Mapping[str, object], kind: type[BaseModel], where: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The fields that a model declares, without nulls that mean the default; and the paths of the other fields."""
    known: dict[str, Any] = {}
    ignored: list[str] = []
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    for name, item in value.items():
        field = fields.get(name)
        if field is None:
            ignored.append(where + name)
        elif item is not None or field.is_required():
            inner = _model_in(field.annotation)
            known[name] = item if inner is None else _known_items(item, inner, where + name, ignored)
    return known, ignored


def _known_items(item: object, kind: type[BaseModel], where: str, ignored: list[str]) -> object:
    """An object, or the objects in a list, with known fields only. Adds the paths of the others to `ignored`."""
    if isinstance(item, list):
        return [_known_items(each, kind, f"{where}[{index}]", ignored) for index, each in enumerate(item)]
    if not isinstance(item, dict):
        return item
    known, more = known_fields(item, kind, f"{where}.")
    ignored += more
    return known


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a field that is an object or a list of objects; None for models that take all fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return None if annotation.model_config.get("extra") == "allow" else annotation
    found = [model for part in get_args(annotation) if (model := _model_in(part)) is not None]
    return found[0] if len(found) == 1 else None


def note_ignored(request: Request, names: Sequence[str]) -> None:
    """Remember ignored fields for the header of the response."""
    if names:
        request.scope.setdefault("state", {}).setdefault(_STATE, []).extend(names)


def ignored_header(scope: Scope) -> dict[str, str]:
    """The header that names the ignored fields of a request: at most twenty, percent-encoded and shortened."""
    names: list[str] = list(dict.fromkeys(scope.get("state", {}).get(_STATE, ())))
    if not names:
        return {}
    shown = [
        quote(name[:_MOST_CHARACTERS], safe=".:[]", errors="replace")[:_MOST_CHARACTERS] for name in names[:_MOST_NAMES]
    ]
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return {IGNORED_HEADER: ", ".join([*shown, *more])}
