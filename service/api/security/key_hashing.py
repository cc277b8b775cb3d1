"""API keys as SHA-256 hashes: a server never stores a key itself."""

from __future__ import annotations

import hashlib
import re

MIN_KEY_CHARACTERS = 16
"""SHA-256 without a salt protects a key only if the key cannot be guessed."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without spaces and commas, which separate keys in the environment


def hash_key(key: str) -> str:
    """Hash a key to `sha256:` and its hex digest. A value that already has this form is returned unchanged.

    Raises ValueError if the key is too short or contains a character that cannot be sent in a header. The message does
    not repeat the key.
    """
    if _HASH.fullmatch(key):
        return key
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"a key has {len(key)} characters, expected at least {MIN_KEY_CHARACTERS}")
    if not _KEY.fullmatch(key):
        raise ValueError("a key contains a space, a comma, or a character that is not printable ASCII")
    return f"sha256:{hashlib.sha256(key.encode('ascii')).hexdigest()}"


def key_digest(key: bytes) -> bytes:
    """The 32 bytes that `hash_key` writes as hex digits."""
    return hashlib.sha256(key).digest()


def decode_hash(hashed: str) -> bytes:
    """The digest in a value of `hash_key`."""
    return bytes.fromhex(hashed.removeprefix("sha256:"))
