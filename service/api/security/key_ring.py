"""The API keys that a server accepts, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from glossator.service.api.security.expiry_clock import ExpiryClock
from glossator.service.api.security.key_file import ApiKey, KeyScope
from glossator.service.api.security.key_hashing import decode_hash, key_digest
from glossator.service.api.security.key_reloading import KeyFileStatus, ReloadingKeyFile
from glossator.service.api.security.sessions import Sessions
from glossator.service.api.settings import Settings

OWNER_DIGITS = 16
NAMED_KEY = "key:"
"""How the owner of a key of the key file begins; its name follows."""


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The holder of a key: the owner name for jobs and files, and the allowed scopes. `None` allows every scope."""

    owner: str
    scopes: frozenset[KeyScope] | None = None

    def may(self, scope: KeyScope) -> bool:
        """Whether the key allows this scope."""
        return self.scopes is None or scope in self.scopes


def open_key_ring(settings: Settings) -> KeyRing:
    """The keys of the settings and of the key file."""
    if settings.key_file is None:
        return KeyRing(settings.api_keys)
    file = ReloadingKeyFile(settings.key_file, settings.key_file_grace_seconds)
    return KeyRing(settings.api_keys, file.keys, file.status)


class KeyRing:
    """Accepted keys, as hashes: the keys of the settings, which allow every scope, and the keys of the key file.

    An empty ring means that requests need no key.
    """

    def __init__(
        self,
        hashes: Iterable[str],
        named_keys: Callable[[], list[ApiKey]] | None = None,
        file_status: Callable[[], KeyFileStatus] = KeyFileStatus,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._digests = [decode_hash(hashed) for hashed in hashes]
        self._named_keys = named_keys
        self._now = now or ExpiryClock().now
        self.file_status = file_status
        """Whether the key file can be read; always true without one."""

    def __bool__(self) -> bool:
        return bool(self._digests) or self._named_keys is not None

    def holder(self, key: bytes) -> KeyHolder | None:
        """The holder of a key, or None if the key is unknown or has expired."""
        digest = key_digest(key)
        return self._find(lambda known: hmac.compare_digest(digest, known))

    def session_holder(self, sessions: Sessions, token: str) -> KeyHolder | None:
        """The holder of the key that a session stands for; None if the session or the key has expired."""
        return self._find(lambda known: sessions.is_session_of(known, token))

    def _find(self, matches: Callable[[bytes], bool]) -> KeyHolder | None:
        found: KeyHolder | None = None
        for known in self._digests:  # no early exit: the time must not reveal which key matched
            if matches(known):
                found = KeyHolder(f"key-{known.hex()[:OWNER_DIGITS]}")
        if self._named_keys is not None:
            now = datetime.fromtimestamp(self._now(), UTC)
            for named_key in self._named_keys():
                for hashed in named_key.hashes(now):
                    if matches(decode_hash(hashed)):
                        found = KeyHolder(f"{NAMED_KEY}{named_key.name}", frozenset(named_key.scopes))
        return found
