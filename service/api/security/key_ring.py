"""The API keys that a server accepts, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from glossator.service.api.security.key_file import ApiKey, KeyScope
from glossator.service.api.security.key_hashing import decode_hash, key_digest

OWNER_DIGITS = 16


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The holder of a key: the owner name for jobs and files, and the allowed scopes. `None` allows every scope."""

    owner: str
    scopes: frozenset[KeyScope] | None = None

    def may(self, scope: KeyScope) -> bool:
        """Whether the key allows this scope."""
        return self.scopes is None or scope in self.scopes


class KeyRing:
    """Accepted keys, as hashes: the keys of the settings, which allow every scope, and the keys of the key file.

    An empty ring means that requests need no key.
    """

    def __init__(self, hashes: Iterable[str], named_keys: Callable[[], list[ApiKey]] | None = None) -> None:
        self._digests = [decode_hash(hashed) for hashed in hashes]
        self._named_keys = named_keys

    def __bool__(self) -> bool:
        return bool(self._digests) or self._named_keys is not None

    def holder(self, key: bytes) -> KeyHolder | None:
        """The holder of a key, or None if the key is unknown or has expired."""
        digest = key_digest(key)
        found: KeyHolder | None = None
        for known in self._digests:  # no early exit: the time must not reveal which key matched
            if hmac.compare_digest(digest, known):
                found = KeyHolder(f"key-{digest.hex()[:OWNER_DIGITS]}")
        if self._named_keys is not None:
            now = datetime.now(UTC)
            for named_key in self._named_keys():
                for hashed in named_key.hashes(now):
                    if hmac.compare_digest(digest, decode_hash(hashed)):
                        found = KeyHolder(f"key:{named_key.name}", frozenset(named_key.scopes))
        return found
