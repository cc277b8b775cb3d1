"""The reference of the Python API, from the docstrings of what `glossator.__all__` names."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import griffe
from docs_reference import table

_HIDDEN = {"__init__", "__reduce__", "__post_init__", "__getstate__"}
_SHOWN = {"__call__", "__len__", "__iter__", "__getitem__"}


def python_page(root: Path) -> str:
    """Every public function and class, with its signature, arguments, results, errors and examples."""
    package = _package(root)
    objects = {name: _target(package[name]) for name in sorted(map(str, package.exports or ()))}
    functions = {name: found for name, found in objects.items() if found.is_function}
    classes = {name: found for name, found in objects.items() if found.is_class}
    parts = [
        "# Python\n",
        "What `import glossator` offers. Nothing heavy is imported until it is used. Errors: "
        "[errors](../errors.md). Commands do the same: [commands](commands.md).\n",
        "## Functions\n",
        *(_function(f"glossator.{name}", found, level=3) for name, found in functions.items() if name != "main"),
        "## Classes\n",
        *(_class(name, found) for name, found in classes.items()),
    ]
    return "\n".join(parts)


def undocumented(root: Path) -> list[str]:
    """Public names without a docstring."""
    package = _package(root)
    return [str(name) for name in package.exports or () if _target(package[str(name)]).docstring is None]


@functools.cache
def _package(root: Path) -> griffe.Module:
    """The package as its source says; nothing is imported."""
    return cast(griffe.Module, griffe.load("glossator", search_paths=[str(root)]))


def _target(found: Any) -> Any:
    return found.final_target if found.is_alias else found


def _class(name: str, found: griffe.Class) -> str:
    members = {key: _target(member) for key, member in found.members.items()}
    public = {key: member for key, member in members.items() if _is_public(key, member)}
    attributes = [
        [f"`{key}`", f"`{member.annotation or ''}`", _first_line(member)]
        for key, member in public.items()
        if member.is_attribute
    ]
    parts = [f"### glossator.{name}\n", *_docstring(found)]
    if attributes:
        parts.append(table(["Attribute", "Type", "Meaning"], attributes))
    parts += [_function(f"{name}.{key}", member, level=4) for key, member in public.items() if member.is_function]
    return "\n".join(parts)


def _is_public(name: str, member: Any) -> bool:
    return name in _SHOWN or (not name.startswith("_") and name not in _HIDDEN)


def _first_line(member: Any) -> str:
    return str(member.docstring.value).split("\n\n")[0] if member.docstring else ""


def _function(title: str, found: Any, level: int) -> str:
    signature = ("async " if "async" in found.labels else "") + found.signature()
    shown = signature if len(signature) < 100 else _wrapped(found, signature)
    heading = title.replace("_", "\\_")
    return "\n".join([f"{'#' * level} {heading}\n", f"```python\n{shown}\n```\n", *_docstring(found)])


def _wrapped(found: griffe.Function, signature: str) -> str:
    """The signature with one parameter a line, split at the commas outside brackets."""
    begin = signature.index("(") + 1
    depth, parts, start = 1, [], begin
    end = begin
    for end in range(begin, len(signature)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(signature[end], 0)
        if depth == 0:
            break
        if depth == 1 and signature[end] == ",":
            parts.append(signature[start:end].strip())
            start = end + 1
    parts.append(signature[start:end].strip())
    return signature[:begin] + "\n" + "".join(f"    {part},\n" for part in parts) + signature[end:]


def _docstring(found: Any) -> Iterator[str]:
    """The docstring's sections as Markdown."""
    if found.docstring is None:
        return
    for section in found.docstring.parse(griffe.Parser.google, warnings=False):
        kind, value = section.kind.value, section.value
        if kind == "text":
            yield f"{value}\n"
        elif kind in {"parameters", "other parameters", "attributes"}:
            rows = [[f"`{each.name}`", f"`{each.annotation or ''}`", each.description] for each in value]
            yield table(["Argument", "Type", "Meaning"], rows)
        elif kind in {"returns", "yields"}:
            rows = [[f"`{each.annotation or ''}`", each.description] for each in value]
            yield table([kind.capitalize(), ""], rows)
        elif kind == "raises":
            rows = [[f"`{str(each.annotation).rpartition('.')[2]}`", each.description] for each in value]
            yield table(["Raises", "When"], rows)
        elif kind == "examples":
            yield from (_example(text) for _, text in value)
        elif kind == "admonition":
            yield _example(value.contents)


def _example(text: str) -> str:
    lines = (line.replace("  # doctest: +SKIP", "") for line in text.strip("\n").split("\n"))
    return "```python\n" + "\n".join(lines) + "\n```\n"
