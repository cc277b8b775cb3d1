"""The simulation of a cluster agrees with closed forms where there are any."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest

from benchmarks.speed.cluster_simulation import (
    PERFECT,
    Conditions,
    Costs,
    Outcome,
    Simulation,
    driver_limit,
    report,
    simulate,
)

ROWS = 100
ROW = 0.5
PART = ROWS * ROW
"""Seconds of the rows of a part."""
BAD = Conditions(failures=5.0, repair=60.0, slow_share=0.2)
ALL_COSTS = Costs(ROW, part=0.5, worker=2.0, driver_part=0.1, driver_row=1e-4, variation=0.3)


ONLY_ROWS = Costs(ROW)


def run(nodes: int, parts: int, costs: Costs = ONLY_ROWS, conditions: Conditions = PERFECT, **options: Any) -> Outcome:
    return Simulation(nodes, parts, part_rows=ROWS, costs=costs, conditions=conditions, **options).run()


@pytest.mark.parametrize("nodes", [1, 2, 3, 7, 50, 64])
@pytest.mark.parametrize("parts", [1, 2, 49, 50, 51, 200])
def test_perfect_nodes_take_the_rounds_of_the_busiest(nodes: int, parts: int) -> None:
    found = run(nodes, parts)
    assert found.seconds == pytest.approx(math.ceil(parts / nodes) * PART)
    assert found.efficiency == pytest.approx(parts / nodes / math.ceil(parts / nodes))
    assert found.lost == 0


@pytest.mark.parametrize("nodes", [1, 4, 9])
def test_constant_costs_add_up(nodes: int) -> None:
    costs = Costs(ROW, part=3.0, worker=7.0, driver_row=0.001)
    conditions = Conditions(latency=0.2, requests=5, bandwidth=1_000.0, written=1.0, failures=0.0, slow_share=0.0)
    found = run(nodes, 36, costs, conditions, part_bytes=2_000.0)
    store = 5 * 0.2 + 2_000.0 * 2 / 1_000.0
    assert found.seconds == pytest.approx(36 * ROWS * 0.001 + 7.0 + 36 / nodes * (PART + 3.0 + store))
    assert found.losses["part"] == pytest.approx(36 * 3.0 / (nodes * found.seconds))
    assert found.losses["store"] == pytest.approx(36 * store / (nodes * found.seconds))


def test_one_node_waits_for_the_driver_at_each_part() -> None:
    assert run(1, 10, Costs(ROW, driver_part=1.0)).seconds == pytest.approx(10 * PART + 11 * 1.0)


def test_a_slow_driver_alone_decides_the_time() -> None:
    """1,000 nodes ask for a part each 50 s; the driver answers one message in 1 s: each part, and each node once."""
    found = run(1_000, 5_000, Costs(ROW, driver_part=1.0))
    assert found.seconds == pytest.approx(5_000 + 1_000)
    assert max(found.losses, key=lambda name: found.losses[name]) == "driver"


@pytest.mark.parametrize(("share", "least", "most"), [(0.5, 0.9, 1.0), (2.0, 0.45, 0.55)])
def test_the_driver_keeps_as_many_nodes_busy_as_its_limit_says(share: float, least: float, most: float) -> None:
    costs = Costs(ROW, driver_part=1.0)
    limit = driver_limit(ROWS, costs)
    assert limit == PART
    assert least < run(round(share * limit), 20_000, costs).efficiency < most


def test_variation_has_no_bias_and_its_tail_is_shorter_than_a_part() -> None:
    found = run(10, 5_000, Costs(ROW, variation=0.3))
    assert 0.98 < found.efficiency < 1.02
    assert found.losses["tail"] < 2 / 500


def test_failures_cost_what_renewal_theory_says() -> None:
    """A part of time t on a node with exponential failures takes (exp(rate t) - 1) / rate, plus the repairs."""
    rate = 20.0 / 3600
    conditions = Conditions(latency=0.0, bandwidth=math.inf, failures=20.0, repair=90.0, slow_share=0.0)
    found = statistics.fmean(run(1, 400, conditions=conditions, seed=seed).seconds for seed in range(10))
    assert found == pytest.approx(400 * (math.exp(rate * PART) - 1) * (1 / rate + 90.0), rel=0.03)


def test_free_nodes_repeat_the_part_of_a_slow_node() -> None:
    """Ten parts on ten nodes of which one takes ten times as long: its part is repeated when others are free."""
    conditions = Conditions(latency=0.0, bandwidth=math.inf, failures=0.0, slow_share=0.1, slow_factor=10.0)
    found = run(10, 10, conditions=conditions)
    assert found.seconds == pytest.approx(2 * PART)
    assert 1 <= found.repeated <= 9


@pytest.mark.parametrize("nodes", [1, 3, 40, 300])
def test_the_efficiency_and_the_losses_are_the_whole(nodes: int) -> None:
    found = run(nodes, 250, ALL_COSTS, BAD, seed=3)
    assert found.efficiency + sum(found.losses.values()) == pytest.approx(1.0)
    assert all(share > -1e-9 for name, share in found.losses.items() if name != "slow")
    assert found.lost > 0
    assert found.cpu_hours == pytest.approx(nodes * found.seconds / 3600)


def test_a_seed_gives_the_same_outcome() -> None:
    assert run(20, 300, ALL_COSTS, BAD, seed=1) == run(20, 300, ALL_COSTS, BAD, seed=1)
    assert run(20, 300, ALL_COSTS, BAD, seed=1) != run(20, 300, ALL_COSTS, BAD, seed=2)


def test_the_report_shows_each_number_of_nodes() -> None:
    values = simulate(3_000_000, 1, ALL_COSTS, 200.0)
    text = report(values | {"measured": {"machine": "M", "date": "2026-01-01"}})
    assert "| 1,000 |" in text
    assert "slow driver" in text
