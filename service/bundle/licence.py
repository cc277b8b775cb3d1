"""The licence of a model on its card, as identifiers of the Hugging Face hub name it, such as `apache-2.0`."""

from __future__ import annotations

import re
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
_FRONT_MATTER = re.compile(r"---\r?\n(.*?)\r?\n---\s", re.DOTALL)
_FIELD = re.compile(r"^license:[ \t]*[\"']?([^\s\"'#]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
_READ_CHARACTERS = 1 << 16


def check_licence(name: str) -> str:
    """Return the identifier in lower case; raises ConfigError if it cannot be one."""
    if not _IDENTIFIER.fullmatch(name.lower()):
        raise ConfigError(
            "this is no identifier of a licence",
            found=name,
            expected="one that the hub knows, such as apache-2.0, mit, cc-by-4.0 or other",
        )
    return name.lower()


def read_licence(folder: Path) -> str | None:
    """Return the licence that the card of a model names; None if there is no card, or it names none."""
    try:
        with (folder / file_names.CARD).open(encoding="utf-8") as file:
            return licence_of(file.read(_READ_CHARACTERS))
    except (OSError, ValueError):
        return None


def licence_of(card: str) -> str | None:
    """Return the licence that the text of a card names; None if it names none."""
    front_matter = _FRONT_MATTER.match(card[:_READ_CHARACTERS])
    found = None if front_matter is None else _FIELD.search(front_matter[1])
    return None if found is None or not _IDENTIFIER.fullmatch(found[1].lower()) else found[1].lower()
