from __future__ import annotations

import pytest

from glossator.service.api.security.key_hashing import hash_key


def test_key_is_hashed_with_sha256_and_a_hash_is_unchanged() -> None:
    # `printf abcdefghijklmnop | sha256sum`
    hashed = "sha256:f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf"
    assert hash_key("abcdefghijklmnop") == hashed
    assert hash_key(hashed) == hashed


@pytest.mark.parametrize("key", ["", "fifteen-letters", "with, a comma and spaces", "with a space in it"])
def test_short_keys_and_keys_with_separators_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key"):
        hash_key(key)
