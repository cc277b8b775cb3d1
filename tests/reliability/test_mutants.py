"""host <- ONNX file: a slice of `benchmarks/mutants.py`."""

from __future__ import annotations

from collections import Counter

from mutants import SLOW_SECONDS, outcomes

COUNT = 200


def test_damaged_graphs_are_refused_and_nothing_outside_is_opened() -> None:
    found = list(outcomes(COUNT, seed=7))
    counts = Counter(told for told, _, _ in found)
    assert sum(counts.values()) == COUNT
    assert counts["graph-malformed"] > 0
    assert not [told for told in counts if told.startswith("ended")]
    assert {path for _, paths, _ in found for path in paths} == set()
    assert max(took for _, _, took in found) < SLOW_SECONDS
