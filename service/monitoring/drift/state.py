"""The states of the drift tests of a server, in the folder `drift` of its prediction log.

    LOG/drift/NUMBER.json            the tests of one process: of each version of a model
    LOG/drift/messages-NUMBER.json   messages to the webhook that are not delivered yet
    LOG/drift/.NUMBER.lock           held by the process that writes these files

A process takes the lowest number that is free, and goes on from the state that is there.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from glossator.service.files.durable import write_atomically
from glossator.service.files.locks import lock_descriptor

FOLDER = "drift"
FORMAT = 1
MOST_PROCESSES = 256
MOST_BYTES = 256 << 20
_ARRAY = "array"
_TYPES = ("int64", "float64")

logger = logging.getLogger("glossator.service.monitoring")


class DriftState:
    """The state file of this process. It stays claimed until `close`. Raises OSError if none can be claimed."""

    def __init__(self, log_folder: Path) -> None:
        self.folder = log_folder / FOLDER
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.number, self._lock = self._claim()

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / f"{self.number}.json"

    def read(self) -> dict[str, Any]:
        """Return what was saved; empty if there is nothing, or it is damaged, which is logged."""
        return read_state(self.path) or {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Save the state, whole or not at all. Arrays may be anywhere in it. Raises OSError."""
        data = json.dumps({"format": FORMAT, **content}, default=_encode, separators=(",", ":")).encode()
        write_atomically(self.path, data, mode=0o600)

    def read_pending(self) -> list[dict[str, Any]]:
        """Return the messages that could not be delivered before the process ended."""
        found = (read_state(self._pending) or {}).get("pending")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def write_pending(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Save the messages that are not delivered yet. Raises OSError."""
        if messages or self._pending.exists():
            data = json.dumps({"format": FORMAT, "pending": list(messages)}).encode()
            write_atomically(self._pending, data, mode=0o600)

    @property
    def _pending(self) -> Path:
        return self.folder / f"messages-{self.number}.json"

    def others(self) -> Iterator[dict[str, Any]]:
        """Yield what other processes that still run have saved."""
        for path in sorted(self.folder.glob("[0-9]*.json")):
            if path != self.path and _is_claimed(path) and (found := read_state(path)) is not None:
                yield found

    def close(self) -> None:
        """Let another process take the number."""
        os.close(self._lock)

    def _claim(self) -> tuple[int, int]:
        for number in range(MOST_PROCESSES):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.folder / f".{number}.lock", flags, 0o600)
            if lock_descriptor(descriptor):
                return number, descriptor
            os.close(descriptor)
        raise OSError(0, f"{MOST_PROCESSES} processes watch for drift already")


def _is_claimed(path: Path) -> bool:
    """Return whether a process holds the lock of a state file."""
    try:
        descriptor = os.open(path.with_name(f".{path.stem}.lock"), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not lock_descriptor(descriptor, shared=True)
    finally:
        os.close(descriptor)


def read_state(path: Path) -> dict[str, Any] | None:
    """Return the content of a state file; None if there is none, or it is damaged, which is logged."""
    with suppress(FileNotFoundError):
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError("the file is too large")
            found = json.loads(path.read_bytes(), object_hook=_decode)
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise ValueError(f"expected format {FORMAT}")
            return found
        except FileNotFoundError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("drift: %s cannot be used, its tests begin again: %s", path, error)
    return None


def _encode(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype.name in _TYPES:
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {_ARRAY: value.dtype.name, "shape": list(value.shape), "data": data}
    raise TypeError(f"{type(value).__name__} cannot be saved")


def _decode(fields: dict[str, Any]) -> Any:
    if _ARRAY not in fields:
        return fields
    try:
        if fields[_ARRAY] not in _TYPES:
            raise ValueError(f"unknown type {fields[_ARRAY]}")
        data = base64.b64decode(fields["data"], validate=True)
        return np.frombuffer(data, dtype=fields[_ARRAY]).reshape(fields["shape"]).copy()
    except (KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"a damaged array: {error}") from None
