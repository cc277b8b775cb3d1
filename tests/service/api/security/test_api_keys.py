from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.api.security.api_keys import KeyRing, hash_key

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=16)


def test_hash_key_is_sha256_and_leaves_a_hash_alone() -> None:
    # `printf abcdefghijklmnop | sha256sum`
    hashed = "sha256:f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf"
    assert hash_key("abcdefghijklmnop") == hashed
    assert hash_key(hashed) == hashed


@pytest.mark.parametrize("key", ["", "fifteen-letters", "with, a comma and spaces", "with a space in it"])
def test_hash_key_refuses_what_is_weak_or_cannot_be_listed(key: str) -> None:
    with pytest.raises(ValueError, match="a key"):
        hash_key(key)


@given(keys=st.lists(KEYS, min_size=1, max_size=4), stranger=KEYS)
def test_key_ring_accepts_its_keys_and_no_other(keys: list[str], stranger: str) -> None:
    ring = KeyRing([hash_key(key) for key in keys])
    assert ring
    assert len({ring.holder(key.encode()) for key in keys} - {None}) == len(set(keys))
    assert (ring.holder(stranger.encode()) is not None) == (stranger in keys)
    assert not ring.holder(keys[0].encode()[:-1])


def test_key_ring_does_not_accept_a_hash_as_its_key() -> None:
    hashed = hash_key("abcdefghijklmnop")
    assert not KeyRing([hashed]).holder(hashed.encode())
    assert not KeyRing([hashed]).holder(hashlib.sha256(b"abcdefghijklmnop").digest())


def test_key_ring_without_keys_accepts_nothing() -> None:
    assert not KeyRing([])
    assert not KeyRing([]).holder(b"")
