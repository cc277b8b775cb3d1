"""Cached measurements of this machine: one JSON file per key, in a folder per kind of measurement.

The cache folder is `GLOSSATOR_CACHE_DIR`, else `glossator` under `XDG_CACHE_HOME` or `~/.cache`. If it is not writable,
nothing is cached.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glossator.service.files.durable import write_atomically


def load_cached(kind: str, key: str) -> dict[str, Any]:
    """Return the fields stored under `key`; empty if there are none or the file is damaged."""
    try:
        fields = json.loads(_file(kind, key).read_bytes())
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def store_cached(kind: str, key: str, fields: Mapping[str, Any]) -> None:
    """Store `fields` under `key`, atomically."""
    file = _file(kind, key)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(dict(fields)).encode())


def cache_folder() -> Path:
    """Return the folder for measurements of this machine."""
    root = os.environ.get("GLOSSATOR_CACHE_DIR")
    if root is None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        root = os.path.join(home, "glossator")
    return Path(root)


def _file(kind: str, key: str) -> Path:
    return cache_folder() / kind / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
