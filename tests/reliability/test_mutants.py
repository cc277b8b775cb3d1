"""host <- ONNX file: a slice of `benchmarks/reliability/mutants.py`."""

from __future__ import annotations

from collections import Counter

from benchmarks.reliability.mutants import SLOW_SECONDS, outcomes

COUNT = 200


def test_damaged_graphs_are_refused_and_nothing_outside_is_opened() -> None:
    found = outcomes(COUNT, seed=7)
    counts = Counter(found.outcomes)
    assert sum(counts.values()) == COUNT
    assert counts["graph-malformed"] > 0
    assert found.ended == 0
    assert found.outside == set()
    assert max(found.seconds) < SLOW_SECONDS
