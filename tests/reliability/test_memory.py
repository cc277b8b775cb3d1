"""R8: a slice of `benchmarks/reliability/memory_http.py`."""

from __future__ import annotations

import random
from pathlib import Path

from vote_bundle import VOTES, vote_bundle

from benchmarks.reliability.memory import LIMIT_MB
from benchmarks.reliability.memory_http import marks

LOTS = 8
TEXTS = 2_000


def mixed(lot: int) -> list[str]:
    """Texts of 1 to 400 words, each lot others."""
    chance = random.Random(lot)
    return [" ".join(chance.choices(list(VOTES), k=int(400 ** chance.random()))) for _ in range(TEXTS)]


def test_memory_of_a_server_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification", ballast=64)
    found = list(marks(bundle, mixed, LOTS))
    assert sum(mark.tokens for mark in found) > LOTS * TEXTS * 20
    warm = [mark.resident_mb for mark in found[3:]]
    assert max(warm) - warm[0] <= LIMIT_MB
