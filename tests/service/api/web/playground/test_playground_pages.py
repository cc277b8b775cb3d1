"""The parts of the Playground: what is asked, answered, compared and shared."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from vote_bundle import vote_bundle

from glossator.service.api.app import create_app
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.settings import Settings
from glossator.service.bundle import file_names
from glossator.service.bundle.task import TextClassification
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Pipeline
from glossator.service.inference.runtime.session import Session
from glossator.service.registry import Registry

MakeClient = Callable[..., TestClient]
PART = {"HX-Request": "true"}


def ask(client: TestClient, **fields: str) -> str:
    reply = client.post("/ui/answer", data=fields, headers=PART)
    assert reply.status_code == 200, reply.text
    return reply.text


@pytest.fixture
def registry_client(tmp_path: Path) -> Iterator[TestClient]:
    """A server of two versions of a model, of which the challenger is not loaded."""
    registry = Registry(tmp_path / "registry")
    registry.add(vote_bundle(tmp_path / "1" / "intents", "single_label_classification"))
    registry.add(vote_bundle(tmp_path / "2" / "intents", "multi_label_classification"), alias="challenger")

    def load_one_thread(folder: Path) -> Model:
        return load(folder, threads=1)

    catalog = RegistryCatalog(registry, load=load_one_thread)
    with TestClient(create_app(catalog, Settings()), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_page_offers_models_examples_and_options(client: TestClient) -> None:
    page = client.get("/ui").text
    assert '<option value="intents" selected>' in page
    assert 'data-example="two" dir="auto">Parcel thanks!' in page
    assert 'data-example="empty"' not in page  # it has no answer
    assert 'name="explain"' in page
    assert "/ui/models/intents" in page
    assert "This server has no model or version “no&#34;ne”" in client.get("/ui", params={"model": 'no"ne'}).text


def test_an_example_is_read_by_its_name(client: TestClient) -> None:
    found = client.get("/ui/playground/example", params={"model": "intents", "name": "two"})
    assert found.json() == {"text": "Parcel thanks!", "second": ""}
    assert client.get("/ui/playground/example", params={"model": "intents", "name": "none"}).status_code == 404
    assert client.get("/ui/playground/example", params={"model": "none", "name": "two"}).status_code == 404
    shared = client.get("/ui", params={"model": "tags", "example": "two", "explain": "yes"}).text
    assert "Parcel thanks!</textarea>" in shared
    assert re.search(r'id="explain"[^>]* checked', shared)


def test_thresholds_and_labels_are_shown(client: TestClient) -> None:
    tags = ask(client, model="tags", text="money")
    assert "threshold 60.0 %" in tags
    assert "threshold 90.0 %" in tags
    assert tags.count("(assigned)") == 1
    assert "threshold" not in ask(client, model="intents", text="money")
    assert "No label reached its threshold." in ask(client, model="tags", text="nothing")


def test_two_answers_are_compared(client: TestClient) -> None:
    same = ask(client, model="intents", other="tags", text="money")
    assert "Same answer" in same
    assert re.search(r"[+-]\d+\.\d</td>", same)
    different = ask(client, model="intents", other="tags", text="the")
    assert "Different answer" in different
    assert "refund → no label" in different


def test_the_error_of_one_model_leaves_the_answer_of_the_other(client: TestClient) -> None:
    both = ask(client, model="intents", other="none", text="money")
    assert "No model has this name: none" in both
    assert "(assigned)" in both
    alone = client.post("/ui/answer", data={"model": "none", "text": "money"}, headers=PART)
    assert (alone.status_code, 'role="alert"' in alone.text) == (404, True)
    assert "The text is empty" in ask(client, model="intents", text=" ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "a"}, "No model is selected"),
        ({"model": "intents", "mode": "poetry"}, "Unknown kind of question"),
        ({"model": "intents", "text": "a", "coverage": "2"}, "Invalid coverage"),
        ({"model": "intents", "text": "a", "mode": "zero-shot", "lines": " "}, "A list is empty"),
        ({"model": "intents", "text": "a", "mode": "zero-shot", "lines": "\n".join(map(str, range(99)))}, "too long"),
    ],
)
def test_invalid_questions_are_refused_in_place(client: TestClient, fields: dict[str, str], message: str) -> None:
    reply = client.post("/ui/answer", data=fields, headers=PART)
    assert reply.status_code == 422
    assert message in reply.text
    assert 'role="alert"' in reply.text


def test_code_asks_the_same_question_and_holds_no_key(client: TestClient) -> None:
    text = "it's </pre><script>alert(1)</script>"
    reply = client.post("/ui/playground/code", data={"model": "tags", "text": text, "truncate": "yes"}, headers=PART)
    assert "<script>" not in reply.text
    code = html.unescape(reply.text)
    assert "http://127.0.0.1:8000/v1/models/tags/predict" in code
    assert '"truncate": true' in code
    assert "TypeScript" in code


def test_code_of_other_questions_asks_those(client: TestClient) -> None:
    asked = {"model": "tags", "text": "it's", "lines": "one\ntwo", "several": "yes"}
    code = html.unescape(client.post("/ui/playground/code", data=asked | {"mode": "zero-shot"}, headers=PART).text)
    assert "/v1/models/tags/zero-shot" in code
    assert '"labels": ["one", "two"], "multi_label": true' in code
    code = html.unescape(client.post("/ui/playground/code", data=asked | {"mode": "rerank"}, headers=PART).text)
    assert "/v1/models/tags/rerank" in code
    assert '"documents": ["one", "two"]' in code
    assert "/predict" not in code
    long = client.post("/ui/playground/code", data={"model": "tags", "text": "x" * 200_001}, headers=PART)
    assert (long.status_code, "too long for code" in long.text) == (422, True)
    assert client.post("/ui/playground/code", data={"model": "tags", "text": "x" * 9_999}, headers=PART).is_success


def test_versions_of_a_registry_are_loaded_and_compared(registry_client: TestClient) -> None:
    page = registry_client.get("/ui").text
    assert '<option value="intents@challenger" data-unloaded=yes>' in page
    assert 'data-compare="intents@challenger"' in page
    panel = registry_client.get("/ui/playground/model", params={"model": "intents@challenger"}).text
    assert 'data-example="two"' in panel  # read without loading the model
    answer = ask(registry_client, model="intents", other="intents@challenger", text="money")
    assert "Answer of intents@challenger" in answer
    assert "Same answer" in answer
    assert "data-unloaded" not in registry_client.get("/ui").text


def test_a_version_that_cannot_be_loaded_says_why(registry_client: TestClient, tmp_path: Path) -> None:
    challenger = Registry(tmp_path / "registry").record("intents").aliases["challenger"]
    graph = tmp_path / "registry" / "intents" / challenger / "onnx" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    answer = ask(registry_client, model="intents", other="intents@challenger", text="money")
    assert "(assigned)" in answer
    assert 'role="alert"' in answer
    assert "onnx/model.onnx" in answer


def test_a_label_set_is_asked_for_where_the_model_has_one(
    make_client: MakeClient, served_models: dict[str, Model]
) -> None:
    """The probabilities of the text are about 0.32 (two labels) and below 0.12."""
    model = served_models["intents"]
    task = model.task
    assert isinstance(task, TextClassification)
    scores = [0.1] * 89 + [0.75] * 11  # 1 minus the probability of the right label of 100 rows
    task = task.model_copy(update={"calibration": task.calibration.model_copy(update={"nonconformity": scores})})
    bundle = replace(model.bundle, manifest=model.bundle.manifest.model_copy(update={"task": task}))
    encoder = Encoder(bundle.path / file_names.TOKENIZER, task.encoding)
    session = Session(bundle.path / file_names.GRAPH_FP32)
    calibrated = Model(bundle, Pipeline(encoder, model.batcher, task), model.batcher, session)
    client = make_client({"intents": calibrated, "tags": served_models["tags"]})
    assert 'name="coverage"' in client.get("/ui").text
    assert 'name="coverage"' not in client.get("/ui/playground/model", params={"model": "tags"}).text
    shown = ask(client, model="intents", other="tags", text="money parcel", coverage="0.95")
    assert "The marked labels contain the right one in 95 % of texts" in shown
    assert shown.split("</article>")[0].count("(assigned)") == 2
    assert ask(client, model="intents", text="money parcel").count("(assigned)") == 1
