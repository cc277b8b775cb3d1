from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from glossator.service.api.security.key_hashing import key_digest
from glossator.service.api.security.sessions import (
    COOKIE,
    SESSION_SECONDS,
    Sessions,
    session_cookie,
    session_token,
)

DIGEST, OTHER = key_digest(b"correct-horse-battery"), key_digest(b"another-key-of-the-ring")


def test_session_is_valid_for_its_key_until_it_expires() -> None:
    now = 1_000.0
    sessions = Sessions(b"secret", now=lambda: now)
    token = sessions.create(DIGEST)
    assert sessions.is_session_of(DIGEST, token)
    assert not sessions.is_session_of(OTHER, token)
    assert not Sessions(b"another secret", now=lambda: now).is_session_of(DIGEST, token)
    now += SESSION_SECONDS - 1
    assert sessions.is_session_of(DIGEST, token)
    now += 1
    assert not sessions.is_session_of(DIGEST, token)


def test_session_of_a_clock_that_was_set_back_is_not_valid() -> None:
    now = 1_000_000.0
    sessions = Sessions(b"secret", now=lambda: now)
    token = sessions.create(DIGEST)
    now -= 30  # the clock of another replica
    assert sessions.is_session_of(DIGEST, token)
    for back in (61, 3_600, 86_400 * 365):
        now = 1_000_000.0 - back
        assert not sessions.is_session_of(DIGEST, token)
    now = 1_000_000.0 + 86_400  # forward
    assert not sessions.is_session_of(DIGEST, token)


def test_token_does_not_contain_the_key_and_cannot_be_extended() -> None:
    sessions = Sessions(b"secret", now=lambda: 1_000.0)
    token = sessions.create(DIGEST)
    assert "correct" not in token
    assert DIGEST.hex() not in token
    began, key, signature = token.split(".")
    for changed in (f"{int(began) + 1}.{key}.{signature}", f"{began}.{key}.{'0' * 64}", "", "a.b.c", token + "\n"):
        assert not sessions.is_session_of(DIGEST, changed)


@pytest.mark.parametrize(("secure", "root"), [(True, "/glossator"), (False, "")])
def test_cookie_is_hidden_from_scripts_and_other_sites(secure: bool, root: str) -> None:
    cookie = session_cookie("value", root=root, secure=secure)
    assert cookie.startswith(f"{COOKIE}=value; Path={root or '/'}; ")
    assert "HttpOnly; SameSite=Strict" in cookie
    assert ("Secure" in cookie) == secure
    assert "Max-Age=0" in session_cookie("", root=root, secure=secure)


def test_token_is_read_from_the_cookies() -> None:
    assert session_token(Headers({"cookie": f"a=b; {COOKIE}=1.2.3; c=d"})) == "1.2.3"
    assert session_token(Headers({})) is None
