"""The file of keys: who may ask, for what, until when. It holds SHA-256 alone; a key is shown once, when it is made.

Commands write it (`glossator keys`), servers read it again when it has changed.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from glossator.service.api.security.api_keys import hash_key
from glossator.service.bundle.names import NAME_RULE, Name
from glossator.service.errors import ConfigError

Scope = Literal["infer", "label", "admin"]
SCOPES: tuple[Scope, ...] = ("infer", "label", "admin")
"""`infer` asks models, `label` sends files and jobs, `admin` reads metrics."""
_PREFIX = "gl_"
_KEY_BYTES = 32


class Key(BaseModel):
    """One key. A rotated one has several hashes for a while: the last is the newest."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[Scope]
    created: datetime
    expires: datetime | None = None
    sha256: str
    old_sha256: str | None = None
    old_expires: datetime | None = None

    def hashes(self, now: datetime) -> list[str]:
        """The hashes that are accepted at this time."""
        if self.expires is not None and now >= self.expires:
            return []
        old = self.old_sha256 is not None and self.old_expires is not None and now < self.old_expires
        return [self.sha256, *([self.old_sha256] if old and self.old_sha256 else [])]


class KeyFile(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    keys: list[Key] = []

    def key(self, name: str) -> Key:
        """The key of a name; raises ConfigError."""
        for each in self.keys:
            if each.name == name:
                return each
        raise ConfigError(
            "there is no key of this name", found=name, expected=", ".join(key.name for key in self.keys) or "none",
            hint="See `glossator keys list`.",
        )  # fmt: skip


def read_keys(path: Path, *, missing: bool = False) -> KeyFile:
    """The keys in a file; with `missing` none where there is no such file. Raises ConfigError."""
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if missing:
            return KeyFile()
        raise ConfigError("there is no such file of keys", found=path, hint="Make it: glossator keys add.") from None
    except OSError as error:
        raise ConfigError("the file of keys cannot be read", found=f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise ConfigError(
            "this is no file of keys", found=f"{path}: {len(error.errors())} faults",
            hint="Keys are made by `glossator keys add`.",
        ) from None  # fmt: skip


def write_keys(path: Path, keys: KeyFile) -> None:
    """Replaces the file, whole or not at all, readable by its owner alone."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as aside:
        aside.write(keys.model_dump_json(indent=1, exclude_none=True) + "\n")
        aside.flush()
        os.fsync(aside.fileno())
    os.chmod(aside.name, 0o600)
    os.replace(aside.name, path)


def add_key(path: Path, name: str, scopes: Sequence[str], days: float | None) -> str:
    """Makes a key and returns it: its hash alone is kept. Raises ConfigError for a name that is taken or cannot be
    one."""
    keys = read_keys(path, missing=True)
    if any(key.name == name for key in keys.keys):
        raise ConfigError("there is a key of this name", found=name, hint="Rotate it, or choose another name.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ConfigError("there is no such scope", found=", ".join(unknown), expected=", ".join(SCOPES))
    secret = _new()
    now = datetime.now(UTC)
    try:
        made = Key(
            name=name, scopes=[scope for scope in SCOPES if scope in scopes], created=now, sha256=hash_key(secret),
            expires=None if days is None else now + timedelta(days=days),
        )  # fmt: skip
    except ValidationError:
        raise ConfigError("invalid key name", found=name, expected=NAME_RULE) from None
    write_keys(path, KeyFile(keys=[*keys.keys, made]))
    return secret


def rotate_key(path: Path, name: str, keep_hours: float) -> str:
    """Makes a new key of the same name and returns it; the old one is accepted for so many hours more."""
    keys = read_keys(path)
    key = keys.key(name)
    secret = _new()
    key.old_sha256, key.sha256 = key.sha256, hash_key(secret)
    key.old_expires = datetime.now(UTC) + timedelta(hours=keep_hours)
    write_keys(path, keys)
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Removes a key: it is refused from now on."""
    keys = read_keys(path)
    keys.keys.remove(keys.key(name))
    write_keys(path, keys)


class ReloadingKeyFile:
    """The keys of a file, read again when it has changed. Where it cannot be read, those known before stay."""

    _EVERY_SECONDS = 1.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = read_keys(path).keys
        self._stamp = self._look()
        self._next = time.monotonic() + self._EVERY_SECONDS

    def keys(self) -> list[Key]:
        """The keys as they now are."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._EVERY_SECONDS
            stamp = self._look()
            if stamp != self._stamp:
                with suppress(ConfigError):
                    self._keys = read_keys(self._path).keys
                    self._stamp = stamp
        return self._keys

    def _look(self) -> object:
        with suppress(OSError):
            found = self._path.stat()
            return (found.st_ino, found.st_mtime_ns, found.st_size)
        return None


def _new() -> str:
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
