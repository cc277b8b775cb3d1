"""The full pipeline on a tiny corpus: Python, files and HTTP give the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import glossator
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.modeling.labelled_rows import read_rows
from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import EmptyText
from glossator.service.inference.answer_forms.answer_cells import LABEL, LABELS
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.column_plan import plan_columns
from glossator.service.labelling.destination import StreamDestination
from glossator.service.labelling.row_labelling import label_rows

PROBLEM_TYPES = ["single_label_classification", "multi_label_classification"]


@pytest.fixture(params=PROBLEM_TYPES)
def problem_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_served_graph_has_learned_the_labels(tiny_bundle: Callable[[str], Path], problem_type: str) -> None:
    manifest = glossator.load(tiny_bundle(problem_type)).bundle.manifest
    (test,) = [record for record in manifest.evaluation if record.split == "test"]
    metric = "accuracy" if problem_type == "single_label_classification" else "micro_f1"
    assert test.metrics[metric].value > 0.8
    assert test.metrics[metric].low <= test.metrics[metric].value <= test.metrics[metric].high


def test_the_bundle_answers_as_the_checkpoint(
    tiny_bundle: Callable[[str], Path], tiny_checkpoint: Callable[[str], Path], problem_type: str
) -> None:
    checkpoint = tiny_checkpoint(problem_type)
    texts = read_rows(checkpoint / "validation.jsonl").texts
    ours = glossator.load(tiny_bundle(problem_type))(texts)
    theirs = load_checkpoint(checkpoint).predict(texts)
    different = sum(a.prediction.labels != b.prediction.labels for a, b in zip(ours, theirs, strict=True))  # type: ignore[union-attr]
    parity = {
        parity.scheme: parity
        for parity in glossator.load(tiny_bundle(problem_type)).bundle.manifest.verification.parity
    }
    assert parity["fp32"].decision_flips == 0
    assert parity["fp32"].max_logit_difference <= 1e-4
    assert different <= max(1, len(texts) // 20)


def test_python_files_and_http_give_the_same_answer(
    tiny_bundle: Callable[[str], Path], tmp_path: Path, problem_type: str
) -> None:
    model = glossator.load(tiny_bundle(problem_type))
    texts = ["where is my parcel", "money is missing since monday", "cannot log in " * 40, "password reset fails again"]
    alone = [model(text) for text in texts]

    rows = tmp_path / "in.jsonl"
    rows.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate([*texts, ""])))
    with open_reader(rows) as source:
        columns = plan_columns(source.columns, answers=LABELS if "multi" in problem_type else LABEL)
        with open_row_writer(tmp_path / "out.jsonl", columns.all, inputs=[rows]) as sink:
            summary = label_rows(source, StreamDestination(sink), model.start, columns=columns, model=model.version)
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    client = TestClient(create_app({model.name: model}, Settings()), base_url="http://127.0.0.1")
    with client:
        response = client.post(f"/v1/models/{model.name}/predict", json={"texts": [*texts, ""]})
    answers = response.json()["results"]

    assert (summary.rows, summary.failed) == (5, 1)
    assert len(written) == len(answers) == 5
    for text_alone, row, answer in zip(alone, written, answers, strict=False):
        labels = list(text_alone.prediction.labels)
        assert row.get("labels", [row.get("label")]) == labels
        assert answer["labels"] == labels
        assert row["_windows"] == answer["windows"] == text_alone.windows
        assert row["_tokens"] == answer["tokens"] == text_alone.tokens
        assert row["score"] == pytest.approx(text_alone.prediction.score, abs=0.1)
    assert written[4]["_status"] == "error"
    assert written[4]["_error"].startswith("empty-text")
    assert answers[4]["error"]["code"] == "empty-text"


def test_a_long_text_is_read_completely(tiny_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(tiny_bundle("single_label_classification"))
    long = "cannot log in " * 100
    whole, cut = model(long), model(long, truncate=True)
    assert isinstance(whole, Answer)
    assert whole.windows > 5
    assert not whole.truncated
    assert cut.truncated
    assert cut.tokens < whole.tokens


def test_an_invalid_text_raises_its_error_alone_and_has_it_in_a_list(tiny_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(tiny_bundle("single_label_classification"))
    with pytest.raises(EmptyText):
        model(" ")
    answer, error = model(["fine", " "])
    assert answer.label
    assert isinstance(error, EmptyText)
