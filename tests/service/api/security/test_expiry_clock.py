"""Keys, sessions and rate limits while the system's time jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from glossator.service.api.security.expiry_clock import ExpiryClock
from glossator.service.api.security.key_file import ApiKey
from glossator.service.api.security.key_hashing import hash_key, key_digest
from glossator.service.api.security.key_ring import KeyRing
from glossator.service.api.security.rate_limit import WINDOW_SECONDS, RateLimiter
from glossator.service.api.security.sessions import SESSION_SECONDS, Sessions

KEY = "correct-horse-battery"
START = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


class Clocks:
    """The system's time, which can be set, and the time since the start, which cannot."""

    def __init__(self) -> None:
        self.wall = START
        self.elapsed = 5.0
        self.expiry = ExpiryClock(lambda: self.wall, lambda: self.elapsed)

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


def test_time_goes_on_when_the_clock_is_set_back() -> None:
    clocks = Clocks()
    assert clocks.expiry.now() == START
    clocks.wall -= 86_400
    clocks.wait(10)
    assert clocks.expiry.now() == START + 10


def test_time_follows_the_clock_forward_and_its_correction() -> None:
    clocks = Clocks()
    clocks.wall += 86_400
    assert clocks.expiry.now() == START + 86_400
    clocks.wall -= 86_400
    assert clocks.expiry.now() == START


def test_expired_key_stays_expired_when_the_clock_is_set_back() -> None:
    clocks = Clocks()
    created = datetime.fromtimestamp(START, UTC)
    key = ApiKey(
        name="a",
        scopes=["infer"],
        created=created,
        expires=created + timedelta(hours=1),
        sha256=hash_key("new-" + KEY),
        old_sha256=hash_key(KEY),
        old_expires=created + timedelta(minutes=10),
    )
    ring = KeyRing([], lambda: [key], now=clocks.expiry.now)

    def accepted() -> tuple[bool, bool]:
        return ring.holder(KEY.encode()) is not None, ring.holder(f"new-{KEY}".encode()) is not None

    assert accepted() == (True, True)
    clocks.wait(600)
    assert accepted() == (False, True)
    clocks.wall -= 86_400
    assert accepted() == (False, True)
    clocks.wait(3_000)
    assert accepted() == (False, False)


def test_session_ends_after_its_time_though_the_clock_is_set_back() -> None:
    clocks = Clocks()
    sessions = Sessions(b"secret", now=clocks.expiry.now)
    token = sessions.create(key_digest(KEY.encode()))
    clocks.wait(SESSION_SECONDS / 2)
    clocks.wall -= 7 * 86_400
    assert sessions.is_session_of(key_digest(KEY.encode()), token)
    clocks.wait(SESSION_SECONDS / 2)
    assert not sessions.is_session_of(key_digest(KEY.encode()), token)


def test_rate_limit_counts_elapsed_time_only() -> None:
    clocks = Clocks()
    limiter = RateLimiter(2, elapsed=lambda: clocks.elapsed)
    assert [limiter.take("a")[0] for _ in range(3)] == [True, True, False]
    for jump in (86_400, -2 * 86_400):
        clocks.wall += jump
        assert not limiter.take("a")[0]
    clocks.wait(WINDOW_SECONDS)
    assert limiter.take("a")[0]
