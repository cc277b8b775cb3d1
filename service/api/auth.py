"""API keys: hashed when they are read, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

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


class KeyRing:
    """The keys that the API accepts, as hashes. An empty ring asks for none."""

    def __init__(self, hashes: Iterable[str]) -> None:
        self._digests = tuple(bytes.fromhex(hashed.removeprefix("sha256:")) for hashed in hashes)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def owner(self, key: bytes) -> str | None:
        """The name under which the holder of a key owns what it made, told by its hash; None where the key is none of
        the ring's."""
        digest = hashlib.sha256(key).digest()
        accepted = False
        for known in self._digests:  # all of them: how long it takes does not tell which one matched
            accepted |= hmac.compare_digest(digest, known)
        return f"key-{digest.hex()[:OWNER_DIGITS]}" if accepted else None
