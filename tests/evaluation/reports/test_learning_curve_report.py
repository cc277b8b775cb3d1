from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from glossator.evaluation.analysis.learning_curve import CurvePoint, LearningCurve, fit_learning_curve
from glossator.evaluation.reports.learning_curve_report import learning_curve_report
from glossator.evaluation.reports.plots.learning_curve_plot import learning_curve_svg


@pytest.fixture(scope="module")
def curve() -> LearningCurve:
    points = [CurvePoint(rows, (0.95 - 3.0 * rows**-0.6,)) for rows in (250, 500, 1_000, 2_000, 4_000)]
    return fit_learning_curve(points, metric="macro_f1", validation_rows=2_000)


@pytest.fixture(scope="module")
def lucky() -> LearningCurve:
    """The model trained on all rows scored higher than the law says."""
    values = [(0.70, 0.72), (0.78, 0.77), (0.81, 0.83), (0.848, 0.842), (0.8817,)]
    sizes = (250, 500, 1_000, 2_000, 4_000)
    points = [CurvePoint(rows, each) for rows, each in zip(sizes, values, strict=True)]
    return fit_learning_curve(points, metric="accuracy", validation_rows=500)


def printed_table(report: str) -> list[list[str]]:
    rows = [line.strip("|").split("|") for line in report.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def test_report_predicts_the_gain_from_more_rows(curve: LearningCurve) -> None:
    report = learning_curve_report(curve)
    assert report.startswith("# Predicted gain from more labels\n\nThe macro F1 on 2,000 validation rows, ")
    assert re.search(rf"\| 5,000 \(\+1,000\) +\| {curve.forecasts[-1].value:.4f}", report)


@pytest.mark.parametrize("name", ["curve", "lucky"])
def test_the_printed_figures_add_up(name: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(name)
    table = printed_table(learning_curve_report(found))
    now = float(table[2][1])
    assert now == round(found.now, 4)
    for row, forecast in zip(table[3:6], found.forecasts, strict=True):
        then, gain = float(row[1]), float(row[2])
        assert round(now + gain, 4) == then == pytest.approx(forecast.value, abs=6e-5)
        assert then >= now


def test_plot_is_well_formed(curve: LearningCurve) -> None:
    text = "".join(ElementTree.fromstring(learning_curve_svg(curve)).itertext())
    assert "macro F1" in text
    assert f"With 4,000 rows: {curve.now:.4f}." in text
