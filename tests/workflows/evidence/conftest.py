"""A project with a model that was trained, measured, promoted and reviewed, and its signed evidence folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_project import Evidence, write_keys
from loop_project import LoopProject

from glossator.service.reviews.store import open_review_store
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.evidence.folder import write_evidence
from glossator.workflows.models.evaluation import evaluate_model
from glossator.workflows.reporter import Reporter

TEXTS = {
    "delivery": ["where is my parcel", "the parcel is late", "courier did not come", "when will it arrive"],
    "refund": ["i want my money back", "refund not received", "please refund the order", "money is missing"],
}
ENDINGS = ["please help", "thanks", "hello", "order 1234", "again", "since monday", "today", "regards"]


@pytest.fixture(scope="session")
def signed(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Evidence with every kind of record. Copy its folder before you change it."""
    pytest.importorskip("model_signing", reason="glossator[signing] is not installed")
    root = tmp_path_factory.mktemp("evidence")
    project = LoopProject(root)
    rows = [(f"{text} {ending}", label) for label, texts in TEXTS.items() for text in texts for ending in ENDINGS]
    project.train(rows, tiny_base("bert"))
    evaluate_model(
        root / "bundle",
        str(root / "checkpoint" / "test.jsonl"),
        ReadingOptions(text_column="text", label_column="labels"),
        project.store,
        Reporter(),
        robustness=True,
        output=root / "report",
    )
    project.answer([text for text, _ in rows[:12]])
    reviews = open_review_store(project.log)
    project.review(reviews, project.period(reviews), lambda place: "refund" if place == 0 else None)
    reviews.close()
    card = root / "data_card.md"
    card.write_text("---\nlicense: cc-by-4.0\n---\n\n# Topics\n")
    private, public = write_keys(root / "keys")
    folder = root / "folder"
    write_evidence(
        root / "bundle",
        folder,
        Reporter(),
        registry=root / "registry",
        log=project.log,
        runs=root / "runs",
        data_card=card,
        key=private,
    )
    return Evidence(project, folder, private, public)


@pytest.fixture
def copied(signed: Evidence, tmp_path: Path) -> Path:
    """A copy of the evidence folder that a test may damage."""
    return Path(shutil.copytree(signed.folder, tmp_path / "copy"))
