"""The public surface of the package is the one in public_api.txt.

A change of it is a decision: `python tests/glossator/test_public_api.py` writes the file; name the change in
CHANGELOG.md.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import glossator

STORED = Path(__file__).with_name("public_api.txt")
CONSTRUCTED = ("AsyncClient", "Checkpoint", "Client", "SklearnClassifier")
"""The classes that users call; functions return the others."""


def public_surface() -> str:
    """Return the public functions, and the classes with their public members, one a line with its signature."""
    lines = []
    for name in sorted(glossator.__all__):
        found = getattr(glossator, name)
        constructor = str(inspect.signature(found)) if name in CONSTRUCTED else ""
        lines.append(_described(name, found) + constructor)
        if inspect.isclass(found):
            lines += [f"    {_described(member, value)}" for member, value in sorted(_members(found).items())]
    return "\n".join(lines) + "\n"


def _members(found: type) -> dict[str, object]:
    """Return the members that users name or call, of the class and those of its bases that are ours."""
    members: dict[str, object] = {}
    for each in reversed(found.__mro__):
        if each.__module__.partition(".")[0] == "glossator":
            members |= {name: value for name, value in vars(each).items() if not name.startswith("_")}
            members |= {"__call__": vars(each)["__call__"]} if "__call__" in vars(each) else {}
    return members


def _described(name: str, found: object) -> str:
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    if inspect.isclass(found):
        return f"class {name}"
    return f"{name}{inspect.signature(found)}" if callable(found) else name


def test_the_public_surface_is_the_stored_one() -> None:
    assert public_surface() == STORED.read_text(encoding="utf-8"), (
        "The public surface differs from tests/glossator/public_api.txt. If this is intended: run "
        "`python tests/glossator/test_public_api.py` and name the change in CHANGELOG.md."
    )


def test_every_public_function_documents_its_arguments_and_errors_with_an_example() -> None:
    functions = {name: getattr(glossator, name) for name in glossator.__all__}
    for name, function in functions.items():
        if not inspect.isfunction(function) or name == "main":
            continue
        text = inspect.getdoc(function) or ""
        absent = [each for each in ("Args:", "Returns:", "Raises:", "Example:") if f"\n{each}\n" not in text]
        named = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
        absent += [each.name for each in named if f"\n    {each.name}: " not in text]
        assert absent == [], name


if __name__ == "__main__":
    STORED.write_text(public_surface(), encoding="utf-8")
