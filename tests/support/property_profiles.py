"""Hypothesis profiles: `test` draws the same examples in every run, `fuzz` draws ten times as many random ones.

`make test` uses the first, `make fuzz` the second (`pytest -m hypothesis --hypothesis-profile=fuzz`).
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

EXAMPLES = 100
_FUZZ_FACTOR = 10


def load_test_profile() -> None:
    """Register both profiles and load `test`. Neither has a deadline: a busy machine must not fail a test."""
    timeless = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("test", timeless, max_examples=EXAMPLES, derandomize=True)
    settings.register_profile(
        "fuzz", timeless, max_examples=EXAMPLES * _FUZZ_FACTOR, derandomize=False, print_blob=True
    )
    settings.load_profile("test")


def examples(count: int) -> int:
    """Return the number of examples for a test that draws `count` in the `test` profile."""
    return count * settings().max_examples // EXAMPLES
