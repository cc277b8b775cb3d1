"""A pipeline of scikit-learn becomes a bundle that loads, verifies and answers like any other."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import glossator
from glossator.service.errors import ConfigError, CorpusError, EmptyText, OutputError


def tickets() -> tuple[list[str], list[str]]:
    """The texts and labels of the demo corpus."""
    file = Path(glossator.__file__).parent / "examples" / "tickets.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["category"] and row["text"].strip()][:600]
    return [row["text"] for row in rows], [row["category"] for row in rows]


TEXTS, LABELS = tickets()
FITTED, HELD_OUT = slice(0, 400), slice(400, 600)


@pytest.fixture(scope="module")
def fitted() -> Any:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), stop_words=["the", "a"], strip_accents="unicode")
    return make_pipeline(vectorizer, LogisticRegression(C=10.0)).fit(TEXTS[FITTED], LABELS[FITTED])


def test_a_bundle_answers_as_the_pipeline_does(fitted: Any, tmp_path: Path) -> None:
    lines: list[str] = []
    model = glossator.import_sklearn(fitted, tmp_path / "tickets", texts=TEXTS[HELD_OUT], progress=lines.append)
    long = " ".join(TEXTS[:300])
    asked = [*TEXTS, long]
    answers = model(asked)
    found = [{each.label: each.score for each in answer.prediction.scores} for answer in answers]
    scores = [[each[name] for name in fitted.classes_] for each in found]
    np.testing.assert_allclose(scores, fitted.predict_proba(asked), atol=1e-5)
    assert [answer.label for answer in answers] == fitted.predict(asked).tolist()
    assert answers[-1].windows == 1
    with pytest.raises(EmptyText):
        model("?!")
    manifest = json.loads((tmp_path / "tickets" / "bundle.json").read_text())
    assert manifest["verification"]["evidence"] == "texts"
    assert manifest["task"]["provenance"]["base_model"] == "scikit-learn TfidfVectorizer + LogisticRegression"
    assert not list((tmp_path / "tickets").rglob("*.pkl"))
    assert any(line.startswith("compared with scikit-learn on") for line in lines)


def test_labelled_rows_calibrate_and_measure_a_classifier_of_several_labels(tmp_path: Path) -> None:
    late, polite = [label == "delivery_delay" for label in LABELS], ["please" in text for text in TEXTS]
    several = np.array([late, polite]).T.astype(int)
    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC())).fit(TEXTS[FITTED], several[FITTED])
    glossator.import_sklearn(
        pipeline,
        tmp_path / "tags",
        texts=TEXTS[HELD_OUT],
        labels=several[HELD_OUT],
        label_names=["delivery", "polite"],
    )
    manifest = json.loads((tmp_path / "tags" / "bundle.json").read_text())
    assert manifest["task"]["labels"] == ["delivery", "polite"]
    assert [(each["split"], each["rows"]) for each in manifest["evaluation"]] == [("validation", 100), ("test", 100)]
    assert len(manifest["task"]["calibration"]["thresholds"]) == 2
    assert manifest["verification"].get("evidence") is None


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"labels": ["delivery"]}, ConfigError, "1 labels for 0 texts"),
        ({"texts": TEXTS[:30], "labels": ["elsewhere"] * 30}, CorpusError, "labels that the model does not know"),
        ({"texts": TEXTS[:30], "labels": LABELS[:29]}, ConfigError, "29 labels for 30 texts"),
        ({"texts": TEXTS[:9], "labels": LABELS[:9]}, ConfigError, "too few labelled rows"),
        ({"label_names": ["one"]}, ConfigError, "names of the labels"),
        ({"max_length": 100_000}, ConfigError, "max_length"),
        ({"texts": ["?"]}, ConfigError, "can read none of the texts"),
    ],
)
def test_nothing_is_written_if_the_options_do_not_fit(
    fitted: Any, tmp_path: Path, options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        glossator.import_sklearn(fitted, tmp_path / "tickets", **options)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_kept(fitted: Any, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        glossator.import_sklearn(fitted, tmp_path)
