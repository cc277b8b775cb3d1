from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from starlette.testclient import TestClient

from glossator.service import errors
from glossator.service.api import problems
from glossator.service.api.app import create_app
from glossator.service.api.problems import ProblemResponse, build_problem, status_of
from glossator.service.api.schemas.errors import Problem
from glossator.service.api.settings import Settings
from glossator.service.errors import Fault, GlossatorError, InferenceError
from glossator.service.inference.model import Model
from glossator.service.inference.queue.calls import Run

SECRET = "the text of a customer"


def any_text(max_size: int) -> st.SearchStrategy[str]:
    """Any text, often with lone surrogates, which `st.text` almost never draws."""
    character = st.characters() | st.sampled_from(["\ud800", "\udbff", "\udc00", "\udfff"])
    return st.lists(character, max_size=max_size).map("".join)


class Failing:
    """A graph that raises this error after the warm-up."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = None
        self._next = error

    def run(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        if self.error is not None:
            raise self.error
        self.error = self._next  # the first run warms up
        return np.zeros((len(windows), 6), dtype=np.float32)


def test_every_error_has_a_status() -> None:
    for module in (errors, problems):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, GlossatorError):
                assert 400 <= status_of(kind("x")) <= 599


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.EmptyText, 422),
        (errors.TextTooLong, 422),
        (errors.UndecodableText, 422),
        (errors.UnknownModel, 404),
        (errors.ConfigError, 422),
        (errors.Overloaded, 429),
        (errors.DeadlineExceeded, 504),
        (errors.InferenceError, 500),
        (errors.BundleInvalid, 500),
        (problems.InvalidRequest, 422),
        (problems.NotReady, 503),
    ],
)
def test_status_follows_the_nearest_class(kind: type[GlossatorError], status: int) -> None:
    assert status_of(kind("x")) == status


def test_problem_has_the_members_of_rfc_9457_and_ours() -> None:
    error = errors.ConfigError("it is red", found="red", expected="blue", hint="Paint it.", faults=[Fault("a", "b")])
    assert build_problem(error, "/v1/a b/ü").model_dump(exclude_none=True) == {
        "type": "urn:glossator:problem:config-error",
        "title": "Config error",
        "status": 422,
        "detail": "it is red",
        "instance": "/v1/a%20b/%C3%BC",
        "code": "config-error",
        "found": "red",
        "expected": "blue",
        "hint": "Paint it.",
        "faults": [{"name": "a", "message": "b", "where": ""}],
    }


def test_problem_of_a_server_error_reveals_no_internals() -> None:
    error = InferenceError("the graph failed in /srv/model", found="secret", faults=[Fault("a", "secret")])
    shown = build_problem(error, "/").model_dump(exclude_none=True)
    assert shown["detail"] == "Internal server error."
    assert "secret" not in str(shown)
    assert "found" not in shown


@pytest.mark.parametrize(("kind", "header"), [(errors.Overloaded, "retry-after"), (problems.NotReady, "retry-after")])
def test_problem_response_says_when_to_retry(kind: type[GlossatorError], header: str) -> None:
    assert ProblemResponse(kind("later"), {"path": "/"}).headers[header] == "1"


@given(
    any_text(300),
    any_text(50),
)
def test_problem_response_can_quote_any_text(found: str, path: str) -> None:
    faults = [Fault("name", found, found)]
    body = ProblemResponse(GlossatorError(found, found=found), {"path": path}).body
    assert Problem.model_validate_json(bytes(body)).status == 500
    body = ProblemResponse(errors.InputError(found, found=found, faults=faults), {"path": path}).body
    assert json.loads(bytes(body))["detail"] == json.loads(json.dumps(found))  # escapes of two halves make one


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InferenceError("the graph failed", found="Gather: index 99 of 9"), "inference-error"),
        (RuntimeError(f"could not read {SECRET}"), "internal-error"),
        (KeyError(SECRET), "internal-error"),
    ],
)
def test_failures_are_logged_without_text_and_answered_without_internals(
    make_client: Callable[..., TestClient],
    make_model: Callable[[Run], Model],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    code: str,
) -> None:
    client = make_client({"failing": make_model(Failing(error).run)})
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/v1/models/failing/predict", json={"text": SECRET}, headers={"X-Request-Id": "request-7"})
    assert (answer.status_code, answer.json()["code"]) == (500, code)
    assert answer.headers["x-request-id"] == "request-7"
    assert "Gather" not in answer.text
    assert SECRET not in answer.text
    (record,) = [record for record in caplog.records if record.name == "glossator.service.api"]
    said = record.getMessage()
    assert "request-7" in said
    assert type(error).__name__ in said
    assert "test_problems.py" in said  # where it was raised
    assert record.exc_info is None
    assert SECRET not in caplog.text
    assert f'glossator_errors_total{{code="{code}"}} 1.0' in client.get("/metrics").text


def test_routes_and_methods_that_do_not_exist_are_problems(client: TestClient) -> None:
    missing = client.get("/v3/nothing")
    assert (missing.status_code, missing.json()["code"], missing.json()["found"]) == (
        404,
        "route-not-found",
        "/v3/nothing",
    )
    refused = client.delete("/v1/models")
    assert (refused.status_code, refused.json()["code"]) == (405, "method-not-allowed")
    assert refused.headers["allow"] == refused.json()["expected"] == "GET"
    for answer in (missing, refused):
        assert answer.headers["content-type"] == "application/problem+json"
        Problem.model_validate(answer.json())


def test_invalid_parameters_are_problems(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())

    @app.get("/double")
    async def double(number: int) -> int:
        return 2 * number

    client = TestClient(app, base_url="http://localhost")
    assert client.get("/double?number=2").json() == 4
    answer = client.get("/double?number=secret")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert answer.json()["faults"][0]["where"] == "query.number"
    assert "secret" not in answer.text
