"""MLServer's content types, parameters without effect, and version 1 of the protocol."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from .conftest import TEXTS


def ask(http: TestClient, data: list[str], model: str = "intents", **more: Any) -> Any:
    given = {"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": data}
    body = {"inputs": [given | more.pop("tensor", {})]} | more
    return http.post(f"/v2/models/{model}/infer", json=body)


def test_codecs_of_mlserver_mean_the_same_texts(client: TestClient) -> None:
    http = client
    plain = ask(http, TEXTS).json()["outputs"]
    packed = [base64.b64encode(text.encode()).decode() for text in TEXTS]
    listed = [json.dumps({"text": text}) for text in TEXTS]
    for kind, data in (("str", TEXTS), ("base64", packed), ("hg_jsonlist", listed), ("hf", TEXTS)):
        in_tensor = ask(http, data, tensor={"parameters": {"content_type": kind}})
        in_request = ask(http, data, parameters={"content_type": kind})
        assert in_tensor.json()["outputs"] == in_request.json()["outputs"] == plain, kind


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("np", "a", "the content type of text is not supported: np"),
        ("pd", "a", "the content type of text is not supported: pd"),
        (["str"], "a", "the content type of text is not supported"),
        ("base64", "a b", "not a UTF-8 text in base64"),
        ("base64", "/w==", "not a UTF-8 text in base64"),
        ("hg_json", "{", "an input is not JSON"),
        ("hg_jsonlist", '{"inputs": "a"}', "neither a text nor a pair of texts: an object with inputs"),
        ("hg_jsonlist", '{"text": "a", "text_pair": "b"}', "do not match the model: pairs of texts"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(client: TestClient, kind: Any, data: str, message: str) -> None:
    answer = ask(client, [data], tensor={"parameters": {"content_type": kind}})
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_parameters_without_effect_are_named(client: TestClient) -> None:
    answer = ask(client, ["a"], tensor={"parameters": {"x": 1}}, parameters={"priority": 1}, more=1)
    assert answer.headers["X-Ignored-Fields"] == "more, parameters.priority, inputs[0].parameters.x"
    shared = ask(client, ["a"], tensor={"parameters": {"shared_memory_region": "x"}})
    assert (shared.status_code, "shared memory" in shared.json()["error"]) == (400, True)


def test_an_output_has_one_content_type(client: TestClient) -> None:
    for kind, status in (("str", 200), ("np", 400)):
        outputs = [{"name": "label", "parameters": {"content_type": kind}}]
        assert ask(client, ["a"], outputs=outputs).status_code == status


def test_predictions_are_those_of_the_native_route(client: TestClient) -> None:
    native = client.post("/v1/models/tags/predict", json={"texts": TEXTS, "top_k": 6}).json()["results"]
    for instances in (TEXTS, [{"text": text} for text in TEXTS], [[text] for text in TEXTS]):
        found = client.post("/v1/models/tags:predict", json={"instances": instances, "signature_name": None})
        assert found.json() == {"predictions": native}


def test_a_model_is_ready(client: TestClient) -> None:
    found = client.get("/v1/models/tags").json()
    assert (found["name"], found["ready"]) == ("tags", True)


@pytest.mark.parametrize(
    ("name", "body", "status", "message"),
    [
        ("tags", {}, 400, "instances: Field required"),
        ("tags", {"inputs": ["a"]}, 400, "inputs: is not supported by this server"),
        ("tags", {"instances": [{"words": "a"}]}, 400, "instances[0]: an input is neither"),
        ("tags", {"instances": ["a", {"text": "a", "text_pair": "b"}]}, 400, "instances[1]: this model reads a text"),
        ("tags", {"instances": ["a", ""]}, 400, "text 1: the text is empty"),
        ("nothing", {"instances": ["a"]}, 404, "no model has this name"),
    ],
)
def test_errors_have_the_form_of_the_protocol(
    client: TestClient, name: str, body: Any, status: int, message: str
) -> None:
    answer = client.post(f"/v1/models/{name}:predict", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert message in answer.json()["error"]
