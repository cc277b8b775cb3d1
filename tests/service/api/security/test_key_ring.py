from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.api.security.key_hashing import hash_key
from glossator.service.api.security.key_ring import KeyRing

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=16)


@given(keys=st.lists(KEYS, min_size=1, max_size=4), stranger=KEYS)
def test_ring_accepts_only_its_keys(keys: list[str], stranger: str) -> None:
    ring = KeyRing([hash_key(key) for key in keys])
    assert ring
    assert len({ring.holder(key.encode()) for key in keys} - {None}) == len(set(keys))
    assert (ring.holder(stranger.encode()) is not None) == (stranger in keys)
    assert not ring.holder(keys[0].encode()[:-1])


def test_ring_does_not_accept_a_hash_as_a_key() -> None:
    hashed = hash_key("abcdefghijklmnop")
    assert not KeyRing([hashed]).holder(hashed.encode())
    assert not KeyRing([hashed]).holder(hashlib.sha256(b"abcdefghijklmnop").digest())


def test_ring_without_keys_accepts_nothing() -> None:
    assert not KeyRing([])
    assert not KeyRing([]).holder(b"")
