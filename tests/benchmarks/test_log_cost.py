"""The benchmark of the prediction log measures each variant, and reports what it measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vote_bundle import vote_bundle

from benchmarks.loop import log_cost


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU for the server, one for the clients")
def test_a_server_is_measured_in_each_round(tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    before = os.sched_getaffinity(0)
    found = log_cost.run(bundle, ["shadow"], seconds=0.3, rounds=2, warm_up=0.1)
    assert os.sched_getaffinity(0) == before
    for each in found:
        assert list(each) == ["shadow"]
        assert all(each["shadow"][name] > 0.0 for name in ("throughput", "p99", "calm_requests", "calm_p99"))
    assert "of that without a log" in log_cost.report(found, "a machine", 0.3)


def test_ratios_are_those_of_the_same_round() -> None:
    figures = dict.fromkeys(
        ("cpu_ms", "p99", "calm_p50", "calm_p99", "requests", "calm_requests", "log_dropped", "refused",
         "shadow_answers", "shadow_dropped", "calm_shadow_answers", "calm_shadow_dropped"), 2.0,
    )  # fmt: skip
    rounds = [
        {"none": figures | {"throughput": base}, "log": figures | {"throughput": 0.99 * base},
         "shadow": figures | {"throughput": 0.9 * base}}
        for base in (100.0, 200.0, 400.0)
    ]  # fmt: skip
    text = log_cost.report(rounds, "a machine", 5.0)
    assert "99.0% (99.0% to 99.0%)" in text
    assert "90.0% (90.0% to 90.0%)" in text
    assert "200 (100 to 400)" in text
    assert "6 of 6 texts at 32 clients (6 dropped)" in text
