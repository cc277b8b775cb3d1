"""R9: schemathesis on the whole OpenAPI document, each operation by itself and in sequences that follow one another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from servers import Server, server

CHECKS: Any = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip
EXAMPLES = 12
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def fuzzed(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes jobs, and refuses nothing for want of time."""
    folder = tmp_path_factory.mktemp("fuzz")
    with server(
        *bundles.values(), jobs=folder, free_disk_bytes=0, queue_seconds=30, max_upload_bytes=1_000_000
    ) as made:
        yield made


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Most names that are made up name no model: three of four times, one that there is."""
    if path_parameters and "name" in path_parameters:
        names = ("intents", "tags", "intents", path_parameters["name"])
        path_parameters["name"] = names[len(str(path_parameters["name"])) % 4]
    return path_parameters


@pytest.fixture(scope="session")
def loaded(fuzzed: Server) -> Any:
    return schemathesis.openapi.from_url(f"{fuzzed.url}/openapi.json")


def test_no_request_breaks_an_operation(loaded: Any) -> None:
    calls, failures = 0, []
    for found in loaded.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
        )
        def ask(case: Any) -> None:
            nonlocal calls
            calls += 1
            case.call_and_validate(checks=CHECKS, timeout=20)

        try:
            ask()
        except FailureGroup as failure:
            failures.append(str(failure))
    assert failures == []
    assert calls > 300


def test_no_sequence_of_requests_breaks_the_server(loaded: Any) -> None:
    machine = loaded.as_state_machine()

    class Sequences(machine):  # type: ignore[misc, valid-type]
        def validate_response(self, response: Any, case: Any, additional_checks: Any = (), **more: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    Sequences.run(
        settings=settings(
            max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        )
    )
