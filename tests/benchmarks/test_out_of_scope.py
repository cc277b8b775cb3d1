"""`benchmarks/quality/out_of_scope.py` on a small corpus: no held-out label is trained on, chosen with and measured."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from task_factory import make_task

from benchmarks.quality import out_of_scope
from glossator.service.bundle.task import Calibration, Classifier, OutOfScope

LABELS = [f"label {number}" for number in range(8)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """banking77 with eight labels of ten rows; a text names its label and its side."""
    (tmp_path / "banking77").mkdir()
    for side in ("train", "test"):
        with (tmp_path / f"banking77/{side}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows([[f"{side} {row} of {label}", label] for label in LABELS for row in range(10)])
    return tmp_path


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_labels_that_are_measured_are_neither_trained_on_nor_used_to_choose(data: Path, seed: int) -> None:
    train, validation, test = out_of_scope.split(data, "banking77", seed)
    known = {row["label"] for row in train.rows}
    assert len(known) == 6
    assert {row["label"] for row in [*validation.rows, *test.rows]} <= known
    chosen, measured = ({text.split(" of ")[1] for text in side.outside} for side in (validation, test))
    assert len(measured) == 1
    assert len(test.outside) == 10
    assert not measured & (known | chosen)


def test_validation_rows_are_not_training_rows(data: Path) -> None:
    train, validation, test = out_of_scope.split(data, "banking77", 1)
    texts = [{row["text"] for row in side.rows} for side in (train, validation, test)]
    assert not texts[0] & texts[1]
    assert all(text.startswith("train") for text in texts[0] | texts[1])
    assert len(texts[2]) == 60


def test_a_limit_is_measured_with_calibrated_and_scores_with_plain_logits() -> None:
    calibration = Calibration(temperature=2.0, out_of_scope=OutOfScope(threshold=0.6, refused=0.05, rows=100))
    task = make_task("text-classification", ["a", "b"], calibration=calibration)
    assert isinstance(task, Classifier)
    # The difference of logits is 2, 1 and 0: plain 0.88, 0.73 and 0.50, calibrated 0.73, 0.62 and 0.50.
    inside, outside = np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [5.0, 3.0]])
    found = out_of_scope.measure(task, inside, outside)
    assert (found["refused"], found["found"]) == (0.0, 0.5)
    assert found["scores"][out_of_scope.BASELINE]["auroc"] == pytest.approx(0.625)  # (1 + 1 + 0.5 + 0) / 4
    assert found["scores"]["maximum logit"]["auroc"] == pytest.approx(0.5)
