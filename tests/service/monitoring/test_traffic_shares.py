"""Shares of traffic: how they are written, and that they are what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.monitoring.traffic_shares import TrafficShare, position

MODELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
VERSIONS = st.from_regex(r"[a-z][a-z0-9_-]{0,20}|[0-9a-f]{7,64}", fullmatch=True)


@given(MODELS, VERSIONS, st.floats(0.0, 1.0))
def test_a_share_is_read_as_it_is_written(model: str, version: str, share: float) -> None:
    read = TrafficShare.parse(str(TrafficShare(model, version, share)))
    assert (read.model, read.version) == (model, version)
    assert read.share == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "tickets", "tickets=challenger", "tickets:0.2", "=challenger:0.2", "tickets=:0.2", "tickets=challenger:",
        "tickets=challenger:1.01", "tickets=challenger:-0.1", "tickets=challenger:nan", "tickets=challenger:e",
        "tickets@1=challenger:0.2", "tickets=CHALLENGER:0.2", "tickets=challenger:20%", "a=b:c:0.1", "a=b=c:0.1",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"share|SHARE"):
        TrafficShare.parse(text)


def test_positions_are_uniform_and_independent_of_use_and_seed() -> None:
    values = [f"{number:064x}" for number in range(4_000)]
    rows = [[position(each, use=use, seed=seed) for each in values] for use, seed in (("a", 0), ("a", 1), ("b", 0))]
    for row in rows:
        assert all(0.0 <= each < 1.0 for each in row)
        largest_gap = max(abs((place + 1) / len(row) - each) for place, each in enumerate(sorted(row)))
        assert largest_gap < 0.03  # the Kolmogorov-Smirnov bound at 1 in 1,000 is 0.031
    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = sum(a < 0.2 and b < 0.2 for a, b in zip(rows[first], rows[second], strict=True))
        assert 100 < both < 230  # 160 expected


@given(st.text())
def test_equal_values_have_equal_positions(value: str) -> None:
    assert position(value, use="shadow") == position(value, use="shadow")
