"""Costs fitted to times that are known, and measured on a runner that sleeps by a known law."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from glossator.service.inference.model import load
from glossator.service.inference.queue.batch_planning import Cost, plan
from glossator.service.inference.runtime.batch_cost import LEAST_BATCH, fit_cost, load_cost, measure_cost, store_cost

SHAPES = [(count, longest) for count in (1, 4, 16, 64) for longest in (8, 32, 128)]


@given(st.floats(0.01, 5.0), st.floats(1e-3, 0.5), st.floats(1e-6, 1e-3))
def test_fit_finds_the_cost_that_made_the_times(batch: float, token: float, attention: float) -> None:
    law = Cost(batch, token, attention, most_tokens=1)
    found = fit_cost({shape: law.milliseconds(*shape) for shape in SHAPES})
    for shape in SHAPES:
        assert found.milliseconds(*shape) == pytest.approx(law.milliseconds(*shape), rel=0.01)


@given(st.lists(st.floats(1e-3, 1e3), min_size=len(SHAPES), max_size=len(SHAPES)))
def test_fit_of_any_times_is_a_cost_that_can_be_planned_by(times: list[float]) -> None:
    found = fit_cost(dict(zip(SHAPES, times, strict=True)))
    assert found.batch >= 0
    assert found.token > 0
    assert found.attention >= 0
    assert found.most_tokens >= 1
    assert all(np.isfinite([found.batch, found.token, found.attention]))


def test_fit_takes_the_smallest_budget_that_is_nearly_the_fastest() -> None:
    speeds = {64: 10.0, 256: 30.0, 512: 40.0, 1024: 41.0, 2048: 20.0}  # tokens a millisecond
    times = {(budget // length, length): budget / speed for budget, speed in speeds.items() for length in (8, 16, 32)}
    assert fit_cost(times).most_tokens == 512


def test_measure_runs_workers_side_by_side_for_about_as_long_as_asked() -> None:
    def run(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        time.sleep(1e-3 + 1e-5 * len(windows) * len(windows[0]))
        assert set(windows[0]) <= {5, 6, 7}
        return np.zeros((len(windows), 2), dtype=np.float32)

    began = time.monotonic()
    cost = measure_cost(run, [5, 6, 7], workers=2, max_length=64, seconds=0.5, clock=time.perf_counter)
    assert time.monotonic() - began < 30.0
    assert 0.4 < cost.milliseconds(1, 8) < 20.0  # 1.1 on an idle machine; a busy one is slower, never faster
    assert 15.0 < cost.milliseconds(32, 64) < 200.0  # 21.5


def test_waiting_for_other_programs_is_no_cost() -> None:
    """A batch that waits 5 ms for a CPU, and then takes 1 ms and 0.02 ms a token."""

    def run(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        time.sleep(5e-3)
        until = time.thread_time() + 1e-3 + 2e-5 * len(windows) * len(windows[0])
        while time.thread_time() < until:
            pass
        return np.zeros((len(windows), 2), dtype=np.float32)

    cost = measure_cost(run, [5], workers=1, max_length=32, seconds=0.5)
    assert 1.0 < cost.milliseconds(1, 8) < 4.0  # 1.16; with wall time 6.16
    assert 20.0 < cost.milliseconds(32, 32) < 30.0  # 21.5


def test_a_batch_is_never_free_whatever_was_measured() -> None:
    """Otherwise nothing would be batched after a measurement on a busy machine, where noise hides the cost."""

    def run(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        time.sleep(1e-4 * len(windows) * len(windows[0]))
        return np.zeros((len(windows), 2), dtype=np.float32)

    cost = measure_cost(run, [5], workers=1, max_length=16, seconds=0.2, clock=time.perf_counter)
    assert cost.batch >= LEAST_BATCH
    assert len(plan([16] * 4, replace(cost, most_tokens=512))) == 1


def test_what_is_kept_comes_back_for_the_same_bundle_and_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path / "cache"))
    cost = Cost(0.5, 0.03, 1e-5, 512)
    assert load_cost("digest", 2) is None
    store_cost("digest", 2, cost)
    assert load_cost("digest", 2) == cost
    assert load_cost("digest", 4) is None
    assert load_cost("other", 2) is None
    (file,) = (tmp_path / "cache" / "batch-cost").iterdir()
    assert json.loads(file.read_text())["workers"] == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cost": {"batch": 1}}', '{"cost": 3}', "\0"])
def test_a_damaged_file_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path))
    store_cost("digest", 2, Cost(0.5, 0.03, 1e-5, 512))
    (file,) = (tmp_path / "batch-cost").iterdir()
    file.write_text(content)
    assert load_cost("digest", 2) is None


def test_where_nothing_can_be_kept_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", "/dev/null/nowhere")
    store_cost("digest", 2, Cost(0.5, 0.03, 1e-5, 512))
    assert load_cost("digest", 2) is None


def test_a_model_plans_by_its_bundle_until_it_is_measured_here(
    tiny_bundle: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path))
    bundle = tiny_bundle("single_label_classification")
    model = load(bundle, threads=1)
    speed = model.bundle.manifest.speed
    assert speed is not None
    assert not model.batch_cost_measured
    assert model.batcher.cost == Cost(**speed.cost.model_dump())
    before = model("where is my parcel")
    cost = model.measure_batch_cost(seconds=0.2)
    assert model.batch_cost_measured
    assert model.batcher.cost == cost
    assert model("where is my parcel").labels == before.labels
    again = load(bundle, threads=1)
    assert again.batch_cost_measured
    assert again.batcher.cost == cost
