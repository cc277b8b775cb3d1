"""Workflows as a Python program uses them: no terminal package is imported and nothing is printed."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from glossator.evaluation.analysis.model_selection import Budget
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.wrangling import WranglingOptions, wrangle_corpus
from glossator.workflows.models.bundle_export import export_checkpoint
from glossator.workflows.models.evaluation import evaluate_model
from glossator.workflows.models.learning_curve import measure_learning_curve
from glossator.workflows.models.model_ladder import select_model
from glossator.workflows.models.training import check_config, train_model
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

ROOT = Path(__file__).resolve().parents[2]
FORMS = {
    "delivery": ("where is my {} parcel", "the {} parcel is late", "courier lost the {} box", "my {} box never came"),
    "refund": ("i want my {} money back", "refund my {} order", "give the {} money back", "the {} refund is missing"),
}
ADJECTIVES = ("red", "blue", "big", "small", "new", "old", "first", "last", "green", "other")


class CollectedLines(Reporter):
    """Keeps the lines that a workflow reports."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.details: list[str] = []

    def stage(self, line: str) -> None:
        self.stages.append(line)

    def detail(self, line: str) -> None:
        self.details.append(line)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """80 labelled rows of two topics."""
    path = tmp_path / "corpus.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for topic, forms in FORMS.items():
            writer.writerows([form.format(adjective), topic] for form in forms for adjective in ADJECTIVES)
    return path


def test_workflows_import_no_terminal_package() -> None:
    program = """
import importlib, pkgutil, sys
import glossator.workflows
for module in pkgutil.walk_packages(glossator.workflows.__path__, "glossator.workflows."):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"typer", "rich", "torch"}.isdisjoint(finished.stdout.split())


def test_the_base_reporter_ignores_everything(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()
    reporter.stage("a")
    reporter.detail("b")
    with reporter.training() as progress:
        progress.stage("c")
    assert capsys.readouterr() == ("", "")


def test_wrangling_reports_lines_and_returns_findings(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = CollectedLines()
    wrangled = wrangle_corpus(str(corpus), ReadingOptions(label_column="topic"), WranglingOptions(), lines)
    assert (len(wrangled.reading.corpus), wrangled.reading.error, wrangled.cleaned) == (80, None, None)
    assert lines.stages == [f"{corpus}: csv, utf-8, delimiter ',', columns text, topic"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_train_export_and_evaluate(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, store = CollectedLines(), RunStore(tmp_path / "runs")
    sources = DataSources(source=str(corpus), validation_share=0.2, test_share=0.2)
    config = check_config({"algorithm": "tfidf", "seed": 13})
    trained = train_model(sources, tmp_path / "checkpoint", config, ReadingOptions(), store, lines)
    assert len(trained.splits.train) + len(trained.splits.validation) + len(trained.splits.test) == 80
    assert "48 rows to train on, 16 for validation, 16 for the test" in lines.stages
    export_checkpoint(tmp_path / "checkpoint", tmp_path / "topics", store, lines)
    evaluated = evaluate_model(tmp_path / "topics", str(corpus), ReadingOptions(), store, lines)
    assert evaluated.evaluation.rows == 80
    assert evaluated.evaluation.metrics["accuracy"].value > 0.9
    assert [run.command for run in store.runs()] == ["train", "export", "evaluate"]
    assert {run.status for run in store.runs()} == {"done"}
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_ladder_keeps_the_cheapest_model_that_is_good_enough(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, store = CollectedLines(), RunStore(tmp_path / "runs")
    selected = select_model(
        DataSources(source=str(corpus), validation_share=0.3),
        tmp_path / "out",
        ReadingOptions(),
        Budget(min_accuracy=0.9),
        store,
        lines,
        algorithms=("majority", "tfidf", "bag"),
    )
    assert selected.selection.chosen == "tfidf"
    assert selected.selection.skipped == {"bag": "a cheaper one is good enough"}
    assert [line for line in lines.stages if line in ("majority", "tfidf", "bag")] == ["majority", "tfidf"]
    assert selected.bundle == tmp_path / "out/model"
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_learning_curve_ends_with_all_training_rows(corpus: Path) -> None:
    lines = CollectedLines()
    sources = DataSources(source=str(corpus), validation_share=0.25, test_share=0.0)
    curve = measure_learning_curve(sources, ReadingOptions(), lines, repeats=1)
    assert curve.points[-1].rows == 60
    assert len([line for line in lines.details if " rows: " in line]) == len(curve.points)
