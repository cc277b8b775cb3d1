"""The key file: named API keys with scopes and an expiry time, stored as SHA-256 hashes.

`glossator keys` writes the file and shows each key once, when it is created. Servers reload the file when it changes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from glossator.service.api.security.key_hashing import hash_key
from glossator.service.bundle.names import NAME_RULE, Name
from glossator.service.errors import ConfigError
from glossator.service.files.durable import write_atomically

KeyScope = Literal["infer", "label", "admin"]
SCOPES: tuple[KeyScope, ...] = ("infer", "label", "admin")
"""`infer`: predictions. `label`: files and jobs. `admin`: metrics."""
_PREFIX = "gl_"
_KEY_BYTES = 32


class ApiKey(BaseModel):
    """One key. After a rotation, the old hash is accepted until `old_expires`."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[KeyScope]
    created: datetime
    expires: datetime | None = None
    sha256: str
    old_sha256: str | None = None
    old_expires: datetime | None = None

    def hashes(self, now: datetime) -> list[str]:
        """The hashes that are accepted at the time `now`."""
        if self.expires is not None and now >= self.expires:
            return []
        old = self.old_sha256 is not None and self.old_expires is not None and now < self.old_expires
        return [self.sha256, *([self.old_sha256] if old and self.old_sha256 else [])]


class KeyFile(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    keys: list[ApiKey] = []

    def key(self, name: str) -> ApiKey:
        """The key with this name. Raises ConfigError if there is none."""
        for key in self.keys:
            if key.name == name:
                return key
        raise ConfigError(
            "no key has this name",
            found=name,
            expected=", ".join(key.name for key in self.keys) or "no keys exist yet",
            hint="List the keys with: glossator keys list.",
        )


def read_keys(path: Path, *, missing: bool = False) -> KeyFile:
    """Read a key file. `missing=True` accepts a file that does not exist. Raises ConfigError if it cannot be read."""
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if missing:
            return KeyFile()
        raise ConfigError(
            "the key file does not exist", found=path, hint="Create it: glossator keys add NAME."
        ) from None
    except OSError as error:
        raise ConfigError("the key file cannot be read", found=f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise ConfigError(
            "this is not a key file",
            found=f"{path}: {len(error.errors())} faults",
            hint="Create keys with: glossator keys add NAME.",
        ) from None


def write_keys(path: Path, keys: KeyFile) -> None:
    """Replace the file atomically; only its owner can read it."""
    content = keys.model_dump_json(indent=1, exclude_none=True) + "\n"
    write_atomically(path, content.encode(), mode=0o600)


def add_key(path: Path, name: str, scopes: Sequence[str], days: float | None) -> str:
    """Create a key, store its hash, and return the key.

    Raises ConfigError if the name is taken or invalid, or if a scope does not exist.
    """
    keys = read_keys(path, missing=True)
    if any(key.name == name for key in keys.keys):
        raise ConfigError("a key with this name exists", found=name, hint="Rotate it, or choose another name.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ConfigError("unknown scope", found=", ".join(unknown), expected=", ".join(SCOPES))
    key = _new_key()
    now = datetime.now(UTC)
    try:
        entry = ApiKey(
            name=name,
            scopes=[scope for scope in SCOPES if scope in scopes],
            created=now,
            sha256=hash_key(key),
            expires=None if days is None else now + timedelta(days=days),
        )
    except ValidationError:
        raise ConfigError("invalid name for a key", found=name, expected=NAME_RULE) from None
    write_keys(path, KeyFile(keys=[*keys.keys, entry]))
    return key


def rotate_key(path: Path, name: str, keep_hours: float) -> str:
    """Replace a key by a new one of the same name and return it. The old key is accepted for `keep_hours` more."""
    keys = read_keys(path)
    entry = keys.key(name)
    key = _new_key()
    entry.old_sha256, entry.sha256 = entry.sha256, hash_key(key)
    entry.old_expires = datetime.now(UTC) + timedelta(hours=keep_hours)
    write_keys(path, keys)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key. Servers refuse it as soon as they reload the file."""
    keys = read_keys(path)
    keys.keys.remove(keys.key(name))
    write_keys(path, keys)


class ReloadingKeyFile:
    """The keys of a file, reloaded when the file changes. If it cannot be read, the last keys stay valid."""

    _CHECK_SECONDS = 1.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = read_keys(path).keys
        self._stamp = self._file_stamp()
        self._next_check = time.monotonic() + self._CHECK_SECONDS

    def keys(self) -> list[ApiKey]:
        """The current keys."""
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + self._CHECK_SECONDS
            stamp = self._file_stamp()
            if stamp != self._stamp:
                with suppress(ConfigError):
                    self._keys = read_keys(self._path).keys
                    self._stamp = stamp
        return self._keys

    def _file_stamp(self) -> object:
        with suppress(OSError):
            found = self._path.stat()
            return (found.st_ino, found.st_mtime_ns, found.st_size)
        return None


def _new_key() -> str:
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
