"""Reports in a real browser: the list in the Studio, and the look of every kind of report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers import Server, server
from visits import Visit
from vote_bundle import vote_bundle

from glossator.evaluation.analysis.learning_curve import CurvePoint, Forecast, LearningCurve
from glossator.evaluation.metrics.classification import evaluate_classifier
from glossator.evaluation.reports.builders.evaluation import build_evaluation_report
from glossator.evaluation.reports.builders.learning_curve import build_learning_curve_report
from glossator.evaluation.reports.document.report_page import report_page
from glossator.evaluation.reports.evaluation_files import draw_plots
from glossator.service.bundle.task import TextClassification
from glossator.service.files.report_metadata import ReportMetadata
from glossator.service.inference.model import load

pytestmark = pytest.mark.slow
HOSTILE = '<img src=x onerror="alert(1)"> مرحبا 🙂 ' + "x" * 200
OUTSIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report of an evaluation with hostile labels, and one of a learning curve."""
    root = tmp_path_factory.mktemp("reports")
    bundle = vote_bundle(root / "bundle", "single_label_classification")
    task = load(bundle, threads=1).task.model_copy(update={"labels": [HOSTILE, "billing", "login"]})
    assert isinstance(task, TextClassification)
    rng = np.random.default_rng(0)
    gold = rng.integers(3, size=300)
    logits = rng.normal(size=(300, 3))
    logits[np.arange(300), gold] += 2.0
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    result = evaluate_classifier([(task.labels[i],) for i in gold], shares, task, resamples=100, name="test")
    about = {"model": HOSTILE, "data": "test.csv (300 rows)", "created": "2026-11-29T23:40:00+00:00"}
    evaluation = build_evaluation_report(
        result, ReportMetadata(kind="evaluation", title=f"Evaluation {HOSTILE}", **about), plots=draw_plots(result)
    )
    points = (CurvePoint(100, (0.7, 0.72)), CurvePoint(400, (0.8,)))
    forecast = Forecast(1_000, 0.85, 0.05, 0.02, 0.08)
    curve = LearningCurve("accuracy", 100, points, 0.05, 1.0, 0.3, 0.8, (forecast,))
    about_curve = ReportMetadata(kind="learning curve", title="Predicted gain from more labels")
    for name, report in (("evaluation", evaluation), ("curve", build_learning_curve_report(curve, about_curve))):
        (root / "shown" / name).mkdir(parents=True)
        (root / "shown" / name / "report.html").write_text(report_page(report), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def studio(reports: Path) -> Iterator[Server]:
    with server(reports / "bundle", reports=reports / "shown") as running:
        yield running


@pytest.fixture
def start(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a browser; at the end there was no console error and no request to another host."""
    visits: list[Visit] = []

    def open_browser(url: str = "", **options: Any) -> Visit:
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield open_browser
    for each in visits:
        each.context.close()
        assert each.errors == []
        assert each.foreign == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_a_report_is_found_and_opened_from_the_studio(
    start: Callable[..., Visit], studio: Server, scheme: str, width: int
) -> None:
    opened = start(studio.url, scheme=scheme, width=width)
    page = opened.open("/ui/reports")
    assert opened.violations() == []
    assert page.evaluate(OUTSIDE) <= 0
    opened.screenshot(f"list-{scheme}-{width}")
    page.get_by_role("link", name="Learning curve").click()
    page.wait_for_url("**/ui/reports?kind=learning*", timeout=30_000)
    page.get_by_role("link", name="Predicted gain").wait_for(timeout=30_000)
    assert page.locator(".reports > li").count() == 1
    page.get_by_role("link", name="Predicted gain").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Predicted gain").wait_for(timeout=30_000)
    page.get_by_role("link", name="What to do next").click()
    assert page.url.endswith("#next")


@pytest.mark.parametrize("name", ["evaluation", "curve"])
@pytest.mark.parametrize(
    ("scheme", "width", "media"), [("light", 1400, "screen"), ("dark", 390, "screen"), ("light", 800, "print")]
)
def test_a_report_can_be_read_on_screen_phone_and_paper(
    start: Callable[..., Visit], reports: Path, name: str, scheme: str, width: int, media: str
) -> None:
    opened = start(scheme=scheme, width=width)
    opened.page.emulate_media(media=media, color_scheme=scheme)
    opened.page.goto((reports / "shown" / name / "report.html").as_uri())
    assert opened.violations() == []
    assert opened.page.evaluate(OUTSIDE) <= 0
    folded = opened.page.locator("details .body")
    assert folded.count() >= 1
    assert folded.first.is_visible() == (media == "print")
    assert opened.page.locator("main svg[role=img]").count() >= 1
    opened.screenshot(f"report-{name}-{scheme}-{width}-{media}")
