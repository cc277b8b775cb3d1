from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.service.documents.formats.openai_batch import check_request, requested_model
from glossator.service.documents.sources.open_reader import open_reader

URL = "/v1/models/intents/predict"


def request(**changes: Any) -> dict[str, Any]:
    return {"custom_id": "a", "method": "POST", "url": URL, "body": {"text": "x"}} | changes


def read(tmp_path: Path, *requests: object) -> Any:
    (tmp_path / "r.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in requests))
    with open_reader(tmp_path / "r.jsonl", format="openai-batch") as source:
        return source, list(source.records())


def test_requests_become_rows(tmp_path: Path) -> None:
    source, records = read(tmp_path, request(), request(custom_id="b", body={"text": "y"}))
    assert source.columns == ("custom_id", "text")
    assert source.request_options == {}
    assert [record.fields for record in records] == [{"custom_id": "a", "text": "x"}, {"custom_id": "b", "text": "y"}]


def test_pairs_and_embeddings_have_their_texts(tmp_path: Path) -> None:
    source, records = read(tmp_path, request(body={"text": "x", "text_pair": "z"}))
    assert source.columns == ("custom_id", "text", "text_pair")
    assert records[0].fields == {"custom_id": "a", "text": "x", "text_pair": "z"}
    _, records = read(tmp_path, request(url="/v1/embeddings", body={"model": "m", "input": "x"}))
    assert records[0].fields == {"custom_id": "a", "text": "x"}


def test_options_are_those_of_the_first_valid_request(tmp_path: Path) -> None:
    options = {"text": "x", "threshold": 0.3, "truncate": True}
    source, records = read(tmp_path, {"no": 1}, request(body=options), request(body={"text": "y"}))
    assert source.request_options == {"threshold": 0.3, "truncate": True}
    assert [record.error is None for record in records] == [False, True, False]
    assert "other options" in str(records[2].error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"custom_id": 1}, "custom_id is not a string"),
        ({"custom_id": ""}, "custom_id is not a string"),
        ({"method": "GET"}, "not POST"),
        ({"url": None}, "url is not a string"),
        ({"body": "x"}, "not an object"),
        ({"body": {}}, "has no text"),
        ({"body": {"text": ["x"]}}, "not a single text"),
        ({"body": {"text": "x", "text_pair": 1}}, "not a single text"),
        ({"body": {"text": "x", "messages": []}}, "messages"),
        ({"body": {"text": "x", "threshold": "0.5"}}, "threshold has a value"),
        ({"body": {"text": "x", "threshold": True}}, "threshold has a value"),
        ({"extra": 1}, "unknown fields: extra"),
        ({"url": "/v1/embeddings", "body": {"model": "m"}}, "has no input"),
        ({"url": "/v1/embeddings", "body": {"model": "m", "input": ["x"]}}, "not a single text"),
        ({"url": "/v1/embeddings", "body": {"model": "m", "input": "x", "encoding_format": "base64"}}, "not float"),
    ],
)
def test_invalid_requests_are_rows_with_errors(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_request(request(**changes))
    _, (record,) = read(tmp_path, request(**changes))
    assert message in str(record.error)


def test_the_model_is_named_by_the_route_or_the_body() -> None:
    assert requested_model(request()) == "intents"
    assert requested_model(request(url="/v1/embeddings", body={"model": "m", "input": "x"})) == "m"
    assert requested_model(request(url="/v1/embeddings", body={"input": "x"})) is None
    assert requested_model(request(url="/v1/chat/completions")) is None
