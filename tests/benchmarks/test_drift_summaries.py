"""A slice of the measurement of drift in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.loop.drift_summaries import measure_cost, measure_files, read
from glossator.service.inference.model import load
from glossator.service.monitoring.drift.references import require_samples
from tests.support.sampled_bundle import other_texts, sampled_bundle, usual_texts


def test_shifted_files_are_found_and_unshifted_are_not(tmp_path: Path) -> None:
    bundle = sampled_bundle(tmp_path / "votes")
    model = load(bundle, threads=1)
    reference = require_samples(model.bundle)
    random = np.random.default_rng(1)
    usual = measure_files(model, reference, read(model, reference, usual_texts(800, seed=1)), 300, 3, random)
    assert usual["drifted"] == 0.0
    other = measure_files(model, reference, read(model, reference, other_texts(800, seed=1)), 300, 3, random)
    assert other["drifted"] == 1.0
    assert other["by_summary"]["unknown_words"] == 1.0
    cost = measure_cost(bundle, usual_texts(20, seed=2))
    assert cost["summaries_us"] > 0.0
