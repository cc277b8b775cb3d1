"""schemathesis on a server's OpenAPI document: each operation by itself, and in sequences that follow its links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def fuzzed(bundles: Mapping[str, Path], folder: Path) -> Iterator[Server]:
    """A server of the bundles `intents` and `tags` that takes jobs, logs answers, and has time for all requests."""
    with server(
        *bundles.values(),
        jobs=folder,
        prediction_log=folder / "log",
        prediction_log_texts=True,
        free_disk_bytes=0,
        queue_seconds=30,
        max_upload_bytes=1_000_000,
    ) as made:
        yield made


def document_of(running: Server) -> Any:
    """What schemathesis makes of the server's document."""
    return schemathesis.openapi.from_url(f"{running.url}/openapi.json")


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Most names that are made up name no model: three of four times, one that there is."""
    if path_parameters and "name" in path_parameters:
        names = ("intents", "tags", "intents", path_parameters["name"])
        path_parameters["name"] = names[len(str(path_parameters["name"])) % 4]
    return path_parameters


def operations(document: Any, examples: int) -> tuple[Counter[str], list[str]]:
    """Calls each operation `examples` times. Returns the calls by the kind of their status, and the failures."""
    calls, failures = Counter[str](), list[str]()
    for found in document.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
        )
        def ask(case: Any) -> None:
            response = case.call(timeout=20)
            calls[f"{response.status_code // 100}xx"] += 1
            case.validate_response(response, checks=CHECKS)

        try:
            ask()
        except FailureGroup as failure:
            failures.append(str(failure))
    return calls, failures


def sequences(document: Any, count: int, steps: int = 12) -> tuple[Counter[str], list[str]]:
    """Runs `count` sequences of operations. Returns the calls by the kind of their status, and the failures."""
    calls, failures = Counter[str](), list[str]()
    machine = document.as_state_machine()

    class Sequences(machine):  # type: ignore[misc, valid-type]
        def validate_response(self, response: Any, case: Any, additional_checks: Any = (), **more: Any) -> None:
            calls[f"{response.status_code // 100}xx"] += 1
            case.validate_response(response, checks=CHECKS)

    try:
        Sequences.run(
            settings=settings(
                max_examples=count, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
            )
        )
    except FailureGroup as failure:
        failures.append(str(failure))
    return calls, failures
