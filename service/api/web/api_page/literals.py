"""JSON values as literals of a language, in code that people copy.

Every character that is not printable is escaped: a text can neither end its literal nor reorder the code around it
(bidirectional controls, "Trojan Source", CVE-2021-42574).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_WIDTH = 88
_ANY = re.compile(r"[^ -~]")


def json_literal(value: Any, *, step: int | None = None, indent: int = 0) -> str:
    """A value as JSON, which is also JavaScript. `step`: spaces by which what is too long for a line is indented.

    >>> json_literal({"text": "a\\u202eb", "top_k": None})
    '{"text": "a\\\\u202eb", "top_k": null}'
    """
    return _write(value, _json_scalar, step, indent)


def python_literal(value: Any, *, step: int | None = 4, indent: int = 0) -> str:
    """A value as a Python literal.

    >>> python_literal(["it's", True])
    '["it\\'s", True]'
    """
    return _write(value, _python_scalar, step, indent)


def _write(value: Any, scalar: Callable[[Any], str], step: int | None, indent: int) -> str:
    if not isinstance(value, Mapping | list | tuple):
        return scalar(value)
    brackets = "{}" if isinstance(value, Mapping) else "[]"
    flat = brackets[0] + ", ".join(_items(value, scalar, None, 0)) + brackets[1]
    if step is None or not value or indent + len(flat) <= _WIDTH:
        return flat
    inner = " " * (indent + step)
    lines = "".join(f"{inner}{item},\n" for item in _items(value, scalar, step, indent + step))
    if scalar is _json_scalar:
        lines = lines.removesuffix(",\n") + "\n"
    return f"{brackets[0]}\n{lines}{' ' * indent}{brackets[1]}"


def _items(value: Any, scalar: Callable[[Any], str], step: int | None, indent: int) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{scalar(name)}: {_write(each, scalar, step, indent)}" for name, each in value.items()]
    return [_write(each, scalar, step, indent) for each in value]


def _json_scalar(value: Any) -> str:
    return _ANY.sub(_json_escape, json.dumps(value, ensure_ascii=False))


def _python_scalar(value: Any) -> str:
    # The escapes of JSON are also Python's, below U+10000.
    return _ANY.sub(_python_escape, json.dumps(value, ensure_ascii=False)) if isinstance(value, str) else repr(value)


def _json_escape(found: re.Match[str]) -> str:
    character = found.group()
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _python_escape(found: re.Match[str]) -> str:
    character = found.group()
    code = ord(character)
    return character if character.isprintable() else f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
