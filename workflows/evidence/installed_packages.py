"""The installed packages that serve a model: Glossator and everything that it requires, with versions and licences."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OF_EXTRA = re.compile(r"\bextra\s*==")
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_LICENCE = 100
"""Some packages put the whole text of the licence where its name belongs."""


def installed_packages(root: str = "glossator") -> list[dict[str, Any]]:
    """Return the packages that `root` requires without extras, itself first, then by name.

    Each has `name`, `version`, `licence` (None if the package states none) and `requires`, the names of its own
    requirements that are installed.
    """
    found: dict[str, dict[str, Any]] = {}
    waiting = [root]
    while waiting:
        name = _normalised(waiting.pop())
        if name in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        requires = sorted({_normalised(each) for each in package.requires or () if not _OF_EXTRA.search(each)})
        found[name] = {
            "name": name,
            "version": package.version,
            "licence": _licence(package.metadata),
            "requires": requires,
        }
        waiting += requires
    for entry in found.values():
        entry["requires"] = [each for each in entry["requires"] if each in found]
    return [found.pop(_normalised(root)), *(found[name] for name in sorted(found))] if found else []


def _normalised(requirement: str) -> str:
    """Return the name in a requirement, as package indexes write it (PEP 503)."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0] if match else requirement).lower()


def _licence(fields: metadata.PackageMetadata) -> str | None:
    if "License-Expression" in fields:
        return str(fields["License-Expression"])
    named = [each.removeprefix(_CLASSIFIER) for each in fields.get_all("Classifier") or () if _CLASSIFIER in each]
    stated = str(fields["License"]).strip() if "License" in fields else ""
    return stated if 0 < len(stated) <= _LONGEST_LICENCE and "\n" not in stated else ", ".join(named) or None
