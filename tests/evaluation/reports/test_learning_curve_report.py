from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from glossator.evaluation.analysis.learning_curve import CurvePoint, LearningCurve, fit_learning_curve
from glossator.evaluation.reports.learning_curve_plot import learning_curve_svg
from glossator.evaluation.reports.learning_curve_report import learning_curve_report


@pytest.fixture(scope="module")
def curve() -> LearningCurve:
    points = [CurvePoint(rows, (0.95 - 3.0 * rows**-0.6,)) for rows in (250, 500, 1_000, 2_000, 4_000)]
    return fit_learning_curve(points, metric="macro_f1", validation_rows=2_000)


def test_report_predicts_the_gain_from_more_rows(curve: LearningCurve) -> None:
    report = learning_curve_report(curve)
    assert report.startswith("# Predicted gain from more labels\n\nWith 4,000 training rows, macro F1 on 2,000 ")
    assert f"| +1,000    | {curve.forecasts[-1].value:.4f}" in report


def test_plot_is_well_formed(curve: LearningCurve) -> None:
    assert "macro F1" in "".join(ElementTree.fromstring(learning_curve_svg(curve)).itertext())
