"""What `make test` and `make fuzz` draw."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples


def drawn(profile: str) -> list[int]:
    found: list[int] = []

    @settings(settings.get_profile(profile), database=None)
    @given(st.integers(0, 2**256))
    def draw(number: int) -> None:
        found.append(number)

    draw()
    return found


def test_the_test_profile_draws_the_same_examples_in_every_run() -> None:
    assert drawn("test") == drawn("test")
    assert len(drawn("test")) == 100


def test_the_fuzz_profile_draws_new_examples_and_more() -> None:
    first = drawn("fuzz")
    assert len(first) == 1_000
    assert first != drawn("fuzz")


def test_the_test_profile_is_loaded_unless_another_is_named(request: pytest.FixtureRequest) -> None:
    named = request.config.getoption("--hypothesis-profile")
    assert settings().derandomize == (named in (None, "test"))
    assert examples(40) == (400 if named == "fuzz" else 40)
