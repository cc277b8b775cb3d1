"""The Python API gives the results of the commands: same defaults, same rows, same metrics, same answers."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas
import pytest

import glossator

Run = Callable[..., Any]


@pytest.fixture
def base(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert")


@pytest.mark.slow
def test_training_evaluation_export_and_comparison(run: Run, topics_csv: Path, base: Path) -> None:
    command = run("train", topics_csv, "-o", "checkpoint", "--base", base, "--epochs", 2, "--json").json
    corpus = glossator.read_corpus(pandas.read_csv(topics_csv))
    steps: list[str] = []
    trained = glossator.train(corpus, base=base, epochs=2, progress=steps.append)
    assert any("58 rows to train on" in step for step in steps)
    assert (trained.path / "model.safetensors").read_bytes() == Path("checkpoint/model.safetensors").read_bytes()
    found: Any = trained.to_dict()
    assert [found[name] for name in ("rows", "split", "metric")] == [
        command[name] for name in ("rows", "split", "metric")
    ]
    assert found["task"] | {"provenance": None} == command["task"] | {"provenance": None}
    assert found["corpus"]["fingerprint"] == command["corpus"]["fingerprint"]

    evaluated = trained.evaluate()
    reported = run("evaluate", "checkpoint", "--json").json
    assert {name: asdict(each) for name, each in evaluated.metrics.items()} == reported["metrics"]
    assert evaluated.to_pandas().loc["accuracy", "value"] == reported["metrics"]["accuracy"]["value"]
    assert repr(evaluated).startswith("EvaluatedModel(7 rows: accuracy ")
    assert evaluated._repr_html_().count("data:image/svg+xml;base64,") >= 3

    model = trained.export("from-python", precision="fp32")  # speed decides about int8, and differs from run to run
    assert run("export", "checkpoint", "-o", "bundle", "--precision", "fp32", "--quiet").code == 0
    texts = corpus.texts[::5]
    commanded = glossator.load("bundle")
    assert [answer.label for answer in model(texts)] == [answer.label for answer in commanded(texts)]
    assert [answer.score for answer in model(texts)] == [answer.score for answer in commanded(texts)]
    test = corpus.split().test
    assert glossator.evaluate(model, test).metrics == evaluated.metrics
    compared = glossator.compare(model, commanded, topics_csv)
    reported = run("compare", "from-python", "bundle", "--data", topics_csv, "--json").json
    assert json.loads(json.dumps(compared.to_dict()["comparisons"])) == [
        each | {"name": "bundle", "baseline": "from-python"} for each in reported["comparisons"]
    ]
    assert "Comparison with" in str(compared)


@pytest.mark.slow
def test_a_selection_in_a_temporary_folder(topics_csv: Path) -> None:
    selected = glossator.select(topics_csv, algorithms=["majority"], progress=False)
    assert repr(selected) == f"SelectedModel(majority in {selected.bundle})"
    assert selected.load()("please refund the order today").label in selected.evaluation.labels
    bundle = selected.bundle
    assert bundle.is_dir()
    del selected
    gc.collect()
    assert not bundle.exists()


def test_sides_given_by_hand_and_errors_of_training(run: Run, topics_csv: Path, base: Path) -> None:
    parts = glossator.read_corpus(topics_csv).split()
    trained = glossator.train(
        parts.train, "tfidf", "given", base=base, validation=parts.validation, test=parts.test, progress=False
    )
    assert repr(trained).startswith("Checkpoint(given: text-classification, validation accuracy ")
    assert len(trained.evaluate().evaluation.classes) == 3
    assert repr(glossator.Checkpoint("given")) == "Checkpoint(given: text-classification)"
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["given", "topics.csv"]
    few = glossator.read_corpus([(f"{word} {number}", word) for word in ("other", "refund") for number in range(20)])
    with pytest.raises(glossator.GlossatorError, match="labels that the training rows do not have"):
        glossator.train(parts.train, "tfidf", base=base, validation=few, progress=False)
    with pytest.raises(glossator.GlossatorError, match="read without a column"):
        glossator.train(parts.train, "tfidf", group_column="customer", progress=False)
    with pytest.raises(glossator.GlossatorError, match="invalid training options"):
        glossator.train(parts.train, epochs=0)
