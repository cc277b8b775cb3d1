"""The evidence that an event has become more probable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from glossator.service.statistics.drift_evidence import ALTERNATIVES, Evidence


def one_test(edge: float) -> Evidence:
    return Evidence(np.array([edge]), np.array([0]), np.array([1.0]), most=1e30)


@settings(max_examples=25)
@given(
    blocks=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12),
    edge=st.floats(0.05, 0.95),
)
def test_evidence_is_the_sum_over_all_beginnings(blocks: list[tuple[int, int]], edge: float) -> None:
    """Compared with the likelihood of each block and each beginning, as scipy has it."""
    found = one_test(edge)
    before = 0
    for hits, misses in blocks:
        texts = np.array([float(hits + misses)])
        found.add(texts, np.array([float(hits)]), before=before, time=0.0)
        before += hits + misses
    expected = 0.0
    for part in ALTERNATIVES:
        alternative = edge + (1.0 - edge) * part
        for start in range(len(blocks)):
            ratio = 1.0
            for hits, misses in blocks[start:]:
                ratio *= stats.binom.pmf(hits, hits + misses, alternative) / stats.binom.pmf(hits, hits + misses, edge)
            expected += sum(blocks[start]) * ratio / len(ALTERNATIVES)
    assert found.of_groups(1)[0] == pytest.approx(expected, rel=1e-6)


def test_false_alarms_are_as_rare_as_promised() -> None:
    """1,000 streams at the edge of the tolerance, where the test is most easily misled."""
    streams, texts, alpha = 1_000, 4_000, 0.1
    random = np.random.default_rng(11)
    found = Evidence(np.full(streams, 0.3), np.arange(streams), np.ones(streams), most=1e30)
    highest = np.zeros(streams)
    for block in range(texts // 20):
        hits = random.binomial(20, 0.3, size=streams).astype(float)
        found.add(np.full(streams, 20.0), hits, before=20 * block, time=0.0)
        highest = np.maximum(highest, found.of_groups(streams))
    alarms = int((highest >= texts / alpha).sum())
    assert 0 < alarms <= stats.binom.ppf(0.999, streams, alpha)


def test_the_beginning_of_a_change_is_found() -> None:
    random, found = np.random.default_rng(2), one_test(0.3)
    for block in range(200):
        rate = 0.25 if block < 100 else 0.6
        found.add(np.array([20.0]), np.array([float(random.binomial(20, rate))]), before=20 * block, time=float(block))
    leader = found.leader(0)
    assert abs(leader.since - 2_000) <= 60
    assert leader.since_time == leader.since / 20


def test_an_edge_of_one_is_never_tested() -> None:
    found = one_test(1.0)
    found.add(np.array([1_000.0]), np.array([1_000.0]), before=0, time=0.0)
    assert found.of_groups(1)[0] == 0.0
