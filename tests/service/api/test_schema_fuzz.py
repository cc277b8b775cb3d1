"""R9: a slice of `benchmarks/reliability/fuzz.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from schema_fuzz import document_of, fuzzed, operations, sequences

EXAMPLES = 12
SEQUENCES = 15
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def document(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with fuzzed(bundles, tmp_path_factory.mktemp("fuzz")) as running:
        yield document_of(running)


def test_no_request_breaks_an_operation(document: Any) -> None:
    calls, failures = operations(document, EXAMPLES)
    assert failures == []
    assert calls.total() > 300
    assert calls["2xx"] > 0


def test_no_sequence_of_requests_breaks_the_server(document: Any) -> None:
    calls, failures = sequences(document, SEQUENCES)
    assert failures == []
    assert calls.total() > SEQUENCES
