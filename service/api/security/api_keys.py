"""API keys: hashed when they are read, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glossator.service.api.security.key_file import Key, Scope

MIN_KEY_CHARACTERS = 16
"""SHA-256 without a salt keeps a key secret only if it cannot be guessed."""

OWNER_DIGITS = 16

_HASHED = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without spaces and commas, which separate keys


def hash_key(key: str) -> str:
    """`sha256:` and the hex digest of a key; a key that is such a hash already stays as it is.

    Raises ValueError for a key that is short or cannot stand in a header. The message does not repeat the key.
    """
    if _HASHED.fullmatch(key):
        return key
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"a key has {len(key)} characters, expected at least {MIN_KEY_CHARACTERS}")
    if not _KEY.fullmatch(key):
        raise ValueError("a key holds a character that is not printable ASCII, or a space or a comma")
    return f"sha256:{hashlib.sha256(key.encode('ascii')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key: the name under which they own what they made, and what they may ask for; None is everything."""

    owner: str
    scopes: frozenset[Scope] | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the key is good for this."""
        return self.scopes is None or scope in self.scopes


class KeyRing:
    """The keys that the API accepts, as hashes: those of the settings, which may do everything, and those of the file.
    An empty ring asks for none."""

    def __init__(self, hashes: Iterable[str], named: Callable[[], list[Key]] | None = None) -> None:
        self._digests = [_digest(hashed) for hashed in hashes]
        self._named = named

    def __bool__(self) -> bool:
        return bool(self._digests) or self._named is not None

    def holder(self, key: bytes) -> Holder | None:
        """Who holds a key; None where it is none of the ring's, or has expired."""
        digest = hashlib.sha256(key).digest()
        found: Holder | None = None
        for known in self._digests:  # all of them: how long it takes does not tell which one matched
            if hmac.compare_digest(digest, known):
                found = Holder(f"key-{digest.hex()[:OWNER_DIGITS]}")
        if self._named is not None:
            now = datetime.now(UTC)
            for each in self._named():
                for hashed in each.hashes(now):
                    if hmac.compare_digest(digest, _digest(hashed)):
                        found = Holder(f"key:{each.name}", frozenset(each.scopes))
        return found


def _digest(hashed: str) -> bytes:
    return bytes.fromhex(hashed.removeprefix("sha256:"))
