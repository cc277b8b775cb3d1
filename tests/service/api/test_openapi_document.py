from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from starlette.testclient import TestClient

from glossator.service.api.schemas.errors import Problem
from glossator.service.api.schemas.predictions import PredictResponse
from glossator.service.api.schemas.requests import PredictText, PredictTexts

PREDICT = "/v1/models/{name}/predict"
DIALECT_TAGS = {
    "cohere", "hugging-face", "label-studio", "open-inference", "openai", "rerank", "text-embeddings-inference",
}  # fmt: skip


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_document_is_complete_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Glossator"
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= defined
    identifiers = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(identifiers)) == len(identifiers)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_document_describes_every_operation(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["responses"]) & {"200", "201"}
        kind = "application/json" if DIALECT_TAGS & set(operation["tags"]) else "application/problem+json"
        assert kind in operation["responses"]["default"]["content"]
        named = set(re.findall(r"{(\w+)}", path))
        declared = {item["name"] for item in operation.get("parameters", []) if item["in"] == "path"}
        assert named == declared


def test_document_examples_match_their_schemas(document: dict[str, Any]) -> None:
    seen = 0
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                for example in content.get("examples", {}).values():
                    value = example["value"]
                    model: type[BaseModel] = PredictResponse if status == "200" else Problem
                    assert model.model_validate(value).model_dump(exclude_none=True) == value
                    assert (kind == "application/problem+json") == (model is Problem)
                    assert status in ("200", str(value.get("status")))
                    seen += 1
    assert seen >= 10
    schemas = document["components"]["schemas"]
    body = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
    one_or_many: TypeAdapter[PredictText | PredictTexts] = TypeAdapter(PredictText | PredictTexts)
    examples = [example["value"] for example in body["examples"].values()]
    for example in [*examples, *schemas["PredictText"]["examples"], *schemas["PredictTexts"]["examples"]]:
        one_or_many.validate_python(example)


def test_document_distinguishes_one_text_and_several(document: dict[str, Any]) -> None:
    body = document["paths"][PREDICT]["post"]["requestBody"]
    assert body["required"] is True
    assert {item["$ref"].rpartition("/")[2] for item in body["content"]["application/json"]["schema"]["oneOf"]} == {
        "PredictText",
        "PredictTexts",
    }
    schemas = document["components"]["schemas"]
    for name, field in (("PredictText", "text"), ("PredictTexts", "texts")):
        assert schemas[name]["required"] == [field]
        assert schemas[name]["additionalProperties"] is False
        assert "default 5" in schemas[name]["properties"]["top_k"]["description"]
    assert schemas["PredictText"]["properties"]["text"]["type"] == "string"


@pytest.mark.parametrize("status", [200, 400, 404, 413, 415, 422])
def test_document_lists_the_responses_of_predict(document: dict[str, Any], client: TestClient, status: int) -> None:
    json = {"Content-Type": "application/json"}
    responses = {
        200: client.post("/v1/models/tags/predict", json={"text": "money"}),
        400: client.post("/v1/models/tags/predict", content=b"{", headers=json),
        404: client.post("/v1/models/none/predict", json={"text": "money"}),
        413: client.post("/v1/models/tags/predict", content=b" " * (8 * 2**20 + 1), headers=json),
        415: client.post("/v1/models/tags/predict", content=b"{}"),
        422: client.post("/v1/models/tags/predict", json={"text": ""}),
    }
    response = responses[status]
    assert response.status_code == status
    documented = document["paths"][PREDICT]["post"]["responses"][str(status)]["content"]
    assert list(documented) == [response.headers["content-type"]]


def test_document_names_the_key_if_one_is_needed(
    document: dict[str, Any], make_client: Callable[..., TestClient]
) -> None:
    assert "security" not in document
    key = "correct-horse-battery"
    with_key = make_client(api_keys=(key,)).get("/openapi.json", headers={"Authorization": f"Bearer {key}"}).json()
    assert with_key["security"] == [{"bearer": []}]
    assert with_key["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert with_key["paths"]["/livez"]["get"]["security"] == []


def test_every_tag_says_what_it_is_for(document: dict[str, Any]) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}
