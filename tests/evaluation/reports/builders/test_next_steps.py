"""What a report says one should do next follows from its facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.analysis.learning_curve import CurvePoint, Forecast, LearningCurve
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.reports.builders.evaluation import build_evaluation_report
from glossator.evaluation.reports.builders.evaluation_steps import evaluation_steps, rows_for
from glossator.evaluation.reports.builders.learning_curve import build_learning_curve_report
from glossator.evaluation.reports.builders.speed import build_speed_report
from glossator.evaluation.reports.document.report_page import report_page
from glossator.evaluation.reports.evaluation_files import draw_plots
from glossator.evaluation.statistics.bootstrap import Estimate
from glossator.service.files.report_metadata import ReportMetadata

ABOUT = ReportMetadata(kind="evaluation", title="Evaluation")
Make = Callable[..., Evaluation]


def confused(counts: list[list[int]], result: Evaluation) -> Evaluation:
    """The evaluation with another confusion matrix."""
    return replace(result, confusion=tuple(map(tuple, counts)), classes=result.classes)


def actions(result: Evaluation, leakage: RowLeakage | None = None) -> list[str]:
    return [step.action for step in evaluation_steps(result, leakage=leakage)]


def test_labels_that_are_taken_for_one_another_may_be_one(single_label: Make) -> None:
    result = confused([[100, 30, 0], [25, 110, 0], [0, 0, 135]], single_label(["a", "b", "c"]))
    assert actions(result)[0] == "Decide whether `a` and `b` should be one label."
    one_way = confused([[100, 30, 0], [0, 135, 0], [0, 0, 135]], result)
    assert actions(one_way)[0] == "Check the `a` rows that are labelled `b`."


def test_rows_that_the_model_has_seen_come_first(single_label: Make) -> None:
    leakage = RowLeakage(model="m", checked=True, rows=400, same=300)
    assert actions(single_label(["a", "b"]), leakage)[0] == "Measure again on rows that the model has not seen."


def test_rare_labels_wide_intervals_and_bad_calibration_are_named(single_label: Make) -> None:
    wide = {"accuracy": Estimate(0.9, 0.8, 0.97)}
    few = replace(single_label(["a", "b"], rows=30), ece=0.2, metrics=wide)
    found = " ".join(actions(few))
    for words in ("Add test rows of", "Do not act on single probabilities", "more test rows"):
        assert words in found
    assert rows_for(100, 0.04, 0.02) == 300


def test_a_good_result_is_to_be_watched(single_label: Make) -> None:
    good = replace(
        confused([[200, 0], [0, 200]], single_label(["a", "b"])),
        ece=0.01,
        metrics={"accuracy": Estimate(1.0, 0.99, 1.0)},
    )
    assert actions(good) == ["Nothing stands out."]


@pytest.mark.parametrize("fixture", ["single_label", "multi_label"])
def test_a_whole_evaluation_is_a_page_with_its_charts(request: pytest.FixtureRequest, fixture: str) -> None:
    result = request.getfixturevalue(fixture)(["billing", "login", "refund"])
    report = build_evaluation_report(result, ABOUT, plots=draw_plots(result))
    assert 3 <= len(report.tiles) <= 6
    assert {each.name for each in report.figures()} == set(draw_plots(result))
    assert report.metadata.headline
    assert report.verdict is not None
    assert "What to do next" in report_page(report)


@pytest.mark.parametrize(
    ("low", "gain", "high", "words"),
    [(0.01, 0.02, 0.03, "Label more rows"), (-0.01, 0.0, 0.002, "wrong labels"), (-0.05, 0.02, 0.09, "measure again")],
)
def test_a_learning_curve_says_whether_labels_are_worth_it(low: float, gain: float, high: float, words: str) -> None:
    points = (CurvePoint(100, (0.7,)), CurvePoint(200, (0.8,)))
    forecast = Forecast(1_000, 0.8 + gain, gain, low, high)
    curve = LearningCurve("accuracy", 100, points, 0.05, 1.0, 0.4, 0.8, (forecast,))
    report = build_learning_curve_report(curve, ABOUT)
    assert words in report.next_steps[0].action
    assert report.figures()[0].name == "curve"


def test_a_slow_tail_calls_for_more_machines() -> None:
    speed = {
        "model": "m@1", "machine": "a machine", "workers": 2, "texts": 100, "tokens": 6_000,
        "throughput": [
            {"most_tokens": 64, "texts_per_second": 900.0, "low": 800.0, "high": 950.0, "tokens_per_second": 5e4,
             "padding": 0.1},
        ],
        "latency": [
            {"callers": 1, "texts_per_second": 100.0, "p50": 3.0, "p99": 9.0},
            {"callers": 32, "texts_per_second": 800.0, "p50": 90.0, "p99": 400.0},
        ],
        "stages": {"tokenise": 0.7, "plan": 0.01, "infer": 0.2, "decode": 0.09},
        "padding_in_arrival_order": 0.5, "share_of_limit": 0.1, "core_hours_per_million": 0.6,
    }  # fmt: skip
    report = build_speed_report(speed, ABOUT)
    assert [step.action for step in report.next_steps[:2]] == [
        "Look at the stage `tokenise`.",
        "Plan more machines if 32 people ask at once.",
    ]
    assert report.metadata.headline == "900 texts/s"
