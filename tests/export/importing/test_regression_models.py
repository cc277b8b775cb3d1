"""Models that score texts are imported with the scores of the transformers pipeline, and answer in every dialect."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from foreign_models import TEXTS, import_folder, named_labels, save_model
from task_factory import make_task

import glossator
from glossator.export.importing.recognition import recognise
from glossator.export.parity import compare_decisions
from glossator.service.api.app import create_app
from glossator.service.api.dialects.label_studio.control_match import match_control
from glossator.service.api.dialects.predictions import relevance
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError
from glossator.service.inference.answer_forms.answer_cells import answer_cells, answer_columns
from glossator.service.inference.model import Model, load
from glossator.service.labelling.column_plan import plan_columns
from glossator.service.labelling.outputs.docbin import DocBinFormat
from glossator.service.tasks.encoded import EncodedText
from glossator.workflows.models.model_import import ImportedModel
from glossator.workflows.models.proving_rows import Proof


@pytest.fixture(scope="module")
def folder(tiny_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("regression") / "model"
    return save_model(tiny_base("bert"), path, num_labels=1, problem_type="regression")


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[float]:
    from transformers import pipeline

    theirs = pipeline("text-classification", model=str(folder), truncation=True, max_length=64)(TEXTS)
    return [each["score"] for each in theirs]


@pytest.fixture(scope="module")
def imported(folder: Path) -> ImportedModel:
    return import_folder(folder, folder.parent / "bundle")


@pytest.fixture(scope="module")
def model(imported: ImportedModel) -> Model:
    return load(imported.exported.output)


def test_scores_are_those_of_the_pipeline(model: Model, expected: list[float]) -> None:
    assert [answer.score for answer in model(TEXTS, truncate=True)] == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 0.1
    assert not 0.0 < min(expected) < max(expected) < 1.0  # no sigmoid


def test_the_bundle_says_that_it_scores_texts(imported: ImportedModel) -> None:
    task = imported.exported.manifest.task
    assert (task.task, task.labels) == ("text-classification", ["score"])
    assert "problem_type regression, one output: the score" in imported.evidence
    assert "A score for a text" in (imported.exported.output / "README.md").read_text()


def test_a_single_output_without_a_problem_type_is_a_sigmoid(tiny_base: Any, tmp_path: Path) -> None:
    from transformers import pipeline

    folder = save_model(tiny_base("bert"), tmp_path / "model", **named_labels("toxic"))
    found = import_folder(folder, tmp_path / "bundle")
    theirs = pipeline("text-classification", model=str(folder), truncation=True, max_length=64)(TEXTS)
    answers = glossator.load(found.exported.output)(TEXTS, truncate=True)
    assert [answer.score for answer in answers] == pytest.approx([each["score"] for each in theirs], abs=1e-4)
    assert "one output of toxic: its sigmoid is the score, from 0 to 1" in found.evidence


def test_rows_with_scores_measure_the_bundle(folder: Path, model: Model, tmp_path: Path) -> None:
    texts = [f"{text} {number}" for number in range(10) for text in TEXTS[:3]]
    rows = [{"text": text, "score": 2.0 * answer.score + 1.0} for text, answer in zip(texts, model(texts), strict=True)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "no number", "score": "high"}]))
    found = import_folder(folder, tmp_path / "bundle", proof=Proof(data=str(data)))
    (_, test) = found.exported.manifest.evaluation
    assert test.metrics["pearson"].value == pytest.approx(1.0, abs=1e-3)
    assert test.metrics["mean_absolute_error"].value > 0.1
    assert (test.rows, found.rejected_rows) == (15, 1)


@pytest.fixture(scope="module")
def client(model: Model) -> Iterator[TestClient]:
    with TestClient(create_app({"scorer": model}, Settings()), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_native_route_and_the_page_give_the_score(client: TestClient, expected: list[float]) -> None:
    found = client.post("/v1/models/scorer/predict", json={"text": TEXTS[1]}).json()
    assert found["results"][0]["score"] == pytest.approx(expected[1], abs=1e-4)
    page = client.post("/ui/answer", data={"model": "scorer", "text": TEXTS[1], "explain": "1"})
    assert f"{expected[1]:.3f}" in page.text


def test_dialects_give_the_score(client: TestClient, expected: list[float]) -> None:
    score = pytest.approx(expected[1], abs=1e-4)
    tei = client.post("/tei/scorer/predict", json={"inputs": TEXTS[1]})
    assert tei.json() == [{"score": score, "label": "score"}]
    hugging_face = client.post("/hf/scorer", json={"inputs": TEXTS[1], "parameters": {"function_to_apply": "none"}})
    assert hugging_face.json() == [[{"label": "score", "score": score}]]
    v2 = client.post(
        "/v2/models/scorer/infer",
        json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXTS[1]]}]},
    )
    assert [(each["name"], each["data"]) for each in v2.json()["outputs"]] == [("score", [score])]


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("/v1/models/scorer/predict", {"text": "a", "explain": True}, "text-classification with scores"),
        ("/v1/models/scorer/predict", {"text": "a", "top_k": 3}, "top_k does not apply"),
        ("/cohere/v1/classify", {"model": "scorer", "inputs": ["a"]}, "text-classification with scores"),
        ("/hf/scorer", {"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}}, "function_to_apply"),
    ],
)
def test_what_needs_labels_is_refused_by_name(
    client: TestClient, route: str, body: dict[str, Any], message: str
) -> None:
    found = client.post(route, json=body)
    assert (found.status_code, message in found.text) == (422, True), found.text


def test_labelled_rows_have_a_score_and_no_label(model: Model, expected: list[float]) -> None:
    assert answer_columns(model.task) == ("score",)
    assert answer_cells(model(TEXTS[1]), nested=False) == {"score": pytest.approx(expected[1], abs=1e-4)}
    columns = plan_columns(["text"], answers=answer_columns(model.task))
    with pytest.raises(ConfigError, match="spacy cannot represent") as error:
        DocBinFormat(columns, model.task)
    assert error.value.found == "text-classification with scores"


def test_a_number_without_limits_takes_the_score_in_label_studio(model: Model) -> None:
    view = '<View><Text name="text" value="$text"/><Number name="score" toName="text"{}/></View>'
    assert match_control(view.format(""), model.task).from_name == "score"
    with pytest.raises(InvalidRequest) as error:
        match_control(view.format(' min="0" max="1"'), model.task)
    assert "have no limits" in str(error.value)


@pytest.mark.parametrize(("changed", "flips"), [(5.05, 0), (5.25, 1)])
def test_int8_decides_the_same_if_scores_differ_by_at_most_one_percent_of_their_range(
    changed: float, flips: int
) -> None:
    task = make_task("text-classification", ["score"], "regression")
    text = EncodedText(windows=([1],), new_tokens=(1,))
    reference = [np.array([score]) for score in (0.0, 5.0, 20.0)]
    found = compare_decisions(
        [reference[0], np.array([changed]), reference[2]], reference, [text] * 3, task,
        scheme="static", texts_per_second=1.0, max_flips=0.005,
    )  # fmt: skip
    assert (found.decision_flips, found.max_logit_difference) == (flips, pytest.approx(changed - 5.0))


def test_ranking_by_logits_is_by_their_sigmoid() -> None:
    unlimited = make_task("text-pair", ["score"], "regression", score_range=None)
    limited = make_task("text-pair", ["score"], "regression", score_range=(1.0, 5.0))
    assert relevance(2.0, unlimited) == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert relevance(-800.0, unlimited) == 0.0
    assert relevance(2.0, limited) == 0.25


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"problem_type": "regression", **named_labels("a", "b")}, "several numbers"),
        ({"problem_type": "single_label_classification", **named_labels("a")}, "single label"),
        ({"problem_type": "ranking", **named_labels("a", "b")}, "unknown problem_type"),
        (named_labels("a", "a"), "same name"),
        (named_labels("a", ""), "no name"),
    ],
)
def test_heads_of_other_kinds_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", **settings}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=message):
        recognise(tmp_path)
