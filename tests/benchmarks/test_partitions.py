"""The costs that the benchmark of parts derives from its runs are those that the runs were made with."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.speed.partitions import fit, report, summarise

WORKER, PART, ROW, DRIVER, DRIVER_PART = 0.8, 0.07, 0.002, 0.05, 0.0003


def run(workers: int, parts: int, rows: int, *, slower: float = 1.0, label: bool = False) -> dict[str, Any]:
    """A run whose CPUs are always busy; each worker takes its share."""
    driver = 0.0 if label else DRIVER + DRIVER_PART * parts
    used = ROW * rows if label else WORKER * workers + PART * parts + ROW * rows
    return {
        "runs": 1,
        "workers": workers,
        "rows": rows,
        "part_count": parts,
        "seconds": slower * used / workers,
        "driver_cpu": driver,
        "workers_cpu": used,
        "cpu": used,
        "parts": [{"rows": rows // 4, "seconds": seconds} for seconds in (9.0, 11.0, 9.0, 11.0)],
        "others": 0.0,
    }


COMPARED = {
    "label": [run(1, 1, 8_000, label=True)] * 3,
    "one": [run(1, 4, 8_000)] * 3,
    "two": [run(2, 8, 16_000, slower=slower) for slower in (1.0, 1.25, 2.0)],
}
SMALL = [run(2, 32, 320), run(2, 320, 320)]
PLANNED = [{"rows": 1_000, "driver_cpu": 0.1}, {"rows": 1_001_000, "driver_cpu": 0.3}]


def test_the_costs_are_recovered() -> None:
    costs = summarise(COMPARED, SMALL, PLANNED)["costs"]
    assert costs == pytest.approx(
        {"worker": WORKER, "part": PART, "row": ROW, "driver_part": DRIVER_PART, "driver_row": 2e-7, "variation": 0.1}
    )


def test_a_cost_is_never_negative() -> None:
    runs = [{"seconds": 2.0, "a": 1, "b": 0}, {"seconds": 1.0, "a": 1, "b": 1}]
    assert min(fit(runs, "seconds", "a", "b")) == 0.0


def test_the_efficiency_is_the_rate_of_two_by_twice_that_of_one() -> None:
    found = summarise(COMPARED, SMALL, PLANNED)
    assert found["efficiency"] == pytest.approx([1.0, 0.8, 0.5])
    assert found["efficiency_by_processor_time"] == pytest.approx([1.0, 1.0, 1.0])
    assert found["one_compared_with_label"] == pytest.approx([16.0 / (WORKER + 4 * PART + 16.0)] * 3)


def test_the_report_names_the_efficiency() -> None:
    values = {"rounds": 3, "rows": 8_000, "parts_of_a_worker": 4, "compared": COMPARED}
    text = report(values | summarise(COMPARED, SMALL, PLANNED))
    assert "Efficiency per CPU of two workers: 0.80 (0.50 to 1.00)" in text
