"""Fields that only other servers know: ignored and named, refused by name where they would change the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from starlette.testclient import TestClient

from glossator.service.api.dialects.request_bodies import Unsupported, ignored_header, known_fields


class Inner(BaseModel):
    a: int = 1


class Outer(BaseModel):
    inner: Inner = Inner()
    many: list[Inner] | None = None
    text: str
    prompt: Unsupported = None


def test_unknown_fields_are_named_by_their_path() -> None:
    known, ignored = known_fields({"text": "x", "user": "me", "inner": {"a": None, "b": 2}, "prompt": None}, Outer)
    assert known == {"text": "x", "inner": {}}
    assert ignored == ["user", "inner.b"]
    known, ignored = known_fields({"many": [{"a": 1, "c": 2}, 3, {"d": None}]}, Outer)
    assert known == {"many": [{"a": 1}, 3, {}]}
    assert ignored == ["many[0].c", "many[2].d"]


def test_null_is_no_value_of_a_required_field() -> None:
    known, _ = known_fields({"text": None}, Outer)
    with pytest.raises(ValidationError):
        Outer.model_validate(known)


def test_an_unsupported_field_is_refused_in_plain_words() -> None:
    with pytest.raises(ValidationError, match="is not supported by this server; remove it"):
        Outer.model_validate({"text": "x", "prompt": "query"})


def test_the_header_is_safe_and_short() -> None:
    names = ["bad\r\nX-Evil: 1", "ü🙂", "\ud800", "x" * 5_000, *(f"f{number}" for number in range(500))]
    header = ignored_header({"state": {"ignored_fields": names}})["X-Ignored-Fields"]
    assert header.isascii()
    assert header.isprintable()
    assert len(header) < 1_500
    assert header.startswith("bad%0D%0AX-Evil:%201, %C3%BC%F0%9F%99%82, ")
    assert header.endswith("and 484 more")
    assert ignored_header({}) == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tei/intents/predict", {"inputs": "thanks", "truncate": None, "raw_scores": None}),
        ("/tei/intents/tokenize", {"inputs": "thanks", "prompt_name": None}),
        ("/hf/intents", {"inputs": "thanks", "parameters": {"top_k": None}}),
        ("/cohere/v1/classify", {"inputs": ["thanks"], "model": "intents", "truncate": None}),
        ("/label-studio/intents/predict", {"tasks": [{"data": {"text": "thanks"}}], "label_config": None}),
    ],
)
def test_every_dialect_reads_tolerantly(client: TestClient, path: str, body: dict[str, Any]) -> None:
    plain = client.post(path, json=body)
    assert plain.status_code == 200, plain.text
    assert "X-Ignored-Fields" not in plain.headers
    more = client.post(path, json=body | {"user": "me", "drop_params": True, "input_type": None})
    assert more.headers["X-Ignored-Fields"] == "user, drop_params, input_type"
    if "cohere" not in path:  # ids differ
        assert more.json() == plain.json()


def test_errors_name_ignored_fields_too(make_client: Callable[..., TestClient]) -> None:
    answer = make_client().post("/tei/intents/predict", json={"inputs": "", "user": "me"})
    assert (answer.status_code, answer.headers["X-Ignored-Fields"]) == (400, "user")
