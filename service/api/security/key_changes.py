"""Changes of the key file, as `glossator keys` makes them. A key is shown once, when it is created.

A change holds the lock of the file from reading to writing: of two changes at the same time, neither is lost.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from glossator.service.api.security.key_file import SCOPES, ApiKey, KeyFile, read_keys
from glossator.service.api.security.key_hashing import hash_key
from glossator.service.bundle.names import NAME_RULE
from glossator.service.errors import ConfigError, OutputError
from glossator.service.files.durable import remove_leftovers, write_atomically
from glossator.service.files.locks import locked

_PREFIX = "gl_"
_KEY_BYTES = 32
_MODE = 0o600
MAX_DAYS = 36_500


def add_key(path: Path, name: str, scopes: Sequence[str], days: float | None) -> str:
    """Create a key, store its hash, and return the key.

    Raises:
        ConfigError: The name is taken or invalid, a scope does not exist, or `days` is no possible number of days.
        OutputError: The file cannot be written.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ConfigError("unknown scope", found=", ".join(unknown), expected=", ".join(SCOPES))
    now = datetime.now(UTC)
    expires = None if days is None else now + _period(days, "days", days)
    key = _new_key()
    try:
        entry = ApiKey(
            name=name,
            scopes=[scope for scope in SCOPES if scope in scopes],
            created=now,
            sha256=hash_key(key),
            expires=expires,
        )
    except ValidationError:
        raise ConfigError("invalid name for a key", found=name, expected=NAME_RULE) from None
    with _changed(path, missing=True) as keys:
        if any(key.name == name for key in keys.keys):
            raise ConfigError("a key with this name exists", found=name, hint="Rotate it, or choose another name.")
        keys.keys.append(entry)
    return key


def rotate_key(path: Path, name: str, keep_hours: float) -> str:
    """Replace a key by a new one of the same name and return it. The old key is accepted for `keep_hours` more.

    Raises the errors of `add_key`.
    """
    old_expires = datetime.now(UTC) + _period(keep_hours / 24, "hours", keep_hours)
    key = _new_key()
    with _changed(path) as keys:
        entry = keys.key(name)
        entry.old_sha256, entry.sha256 = entry.sha256, hash_key(key)
        entry.old_expires = old_expires
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key. Servers refuse it as soon as they reload the file. Raises the errors of `add_key`."""
    with _changed(path) as keys:
        keys.keys.remove(keys.key(name))


def write_keys(path: Path, keys: KeyFile) -> None:
    """Replace the file atomically. A new file is readable only by its owner; another keeps owner and permissions.

    Symbolic links are followed. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    content = keys.model_dump_json(indent=1, exclude_none=True) + "\n"
    old = target.stat() if target.exists() else None
    write_atomically(target, content.encode(), mode=_MODE, like=old)


@contextmanager
def _changed(path: Path, *, missing: bool = False) -> Iterator[KeyFile]:
    """Yield the content of the file, and write it back if the block ends without an error."""
    target = Path(os.path.realpath(path))
    try:
        with locked(target, mode=_MODE):
            remove_leftovers(target)
            keys = read_keys(target, missing=missing)
            yield keys
            write_keys(target, keys)
    except PermissionError as error:
        raise OutputError(
            f"the key file cannot be written: {error.strerror}",
            found=target,
            expected="permission to write in its folder and to keep the owner and the group of the file",
            hint="Run the command as the user who owns the file.",
        ) from error
    except OSError as error:
        raise OutputError(
            f"the key file cannot be written: {error.strerror}",
            found=target,
            hint="The file is unchanged. Free some space, or create its folder.",
        ) from error


def _period(days: float, unit: str, value: float) -> timedelta:
    if not 0 <= days <= MAX_DAYS:  # also False for NaN
        most = MAX_DAYS if unit == "days" else 24 * MAX_DAYS
        raise ConfigError(
            f"this is not a possible number of {unit}", found=str(value), expected=f"a number from 0 to {most:,}"
        )
    return timedelta(days=days)


def _new_key() -> str:
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
