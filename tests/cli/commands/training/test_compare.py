"""`glossator compare`: a verdict in words, a gate for CI, and reports that read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Bundle = Callable[[str], Path]
SINGLE = "single_label_classification"
pytestmark = pytest.mark.slow


def test_a_model_beside_itself_is_not_shown_to_differ(run: Run, tiny_bundle: Bundle, topics_csv: Path) -> None:
    bundle = tiny_bundle(SINGLE)
    ran = run("compare", bundle, bundle, "--data", topics_csv, "-o", "report")
    assert ran.code == 0, ran.err
    assert "no difference is shown" in ran.out
    (found,) = json.loads(Path("report/comparison.json").read_text())["comparisons"]
    assert (found["difference"]["value"], found["p_value"], found["rows"]) == (0.0, 1.0, 72)
    html = Path("report/report.html").read_text()
    assert "no difference is shown" in html
    assert "<script" not in html


def test_what_is_not_shown_to_be_as_good_fails_where_that_is_asked(
    run: Run, tiny_bundle: Bundle, topics_csv: Path
) -> None:
    bundle = tiny_bundle(SINGLE)
    ran = run("compare", bundle, bundle, "--data", topics_csv, "--non-inferior", "0.5")
    assert (ran.code, "not shown to be non-inferior within 0.5 points" in ran.out) == (1, True)
    ran = run("compare", bundle, bundle, "--data", topics_csv, "--non-inferior", "10", "--json")
    assert (ran.code, ran.json["comparisons"][0]["non_inferior"]) == (0, True)


def test_a_bundle_beside_its_checkpoint_on_the_rows_that_it_carries(
    run: Run, task_bundle: Bundle, task_checkpoint: Bundle
) -> None:
    ran = run("compare", task_checkpoint("token-classification"), task_bundle("token-classification"))
    assert ran.code == 0, ran.err
    assert "approximate randomisation" in ran.out


def test_models_that_cannot_be_compared_are_refused(
    run: Run, tiny_bundle: Bundle, task_bundle: Bundle, topics_csv: Path
) -> None:
    ran = run("compare", tiny_bundle(SINGLE))
    assert (ran.code, "two or more" in ran.err) == (2, True)
    ran = run("compare", tiny_bundle(SINGLE), tiny_bundle(SINGLE))
    assert (ran.code, "nothing to measure on" in ran.err) == (2, True)
    ran = run("compare", tiny_bundle(SINGLE), tiny_bundle("multi_label_classification"), "--data", topics_csv)
    assert (ran.code, "different questions" in ran.err) == (2, True)
