from __future__ import annotations

import pytest

from glossator.service.bundle.reference import Histogram, Reference, parse_reference
from glossator.service.errors import BundleInvalid

REFERENCE = Reference(
    rows=3,
    label_counts={"a": 1, "b": 2},
    tokens=Histogram(edges=[0.0, 8.0, 16.0], counts=[2, 1]),
    confidence=Histogram(edges=[0.0, 1.0], counts=[3]),
)


def test_a_reference_survives_a_round_trip() -> None:
    assert parse_reference(REFERENCE.model_dump_json().encode()) == REFERENCE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        REFERENCE.model_dump_json().replace('"rows":3', '"rows":-3').encode(),
        REFERENCE.model_dump_json().replace('"counts":[3]', '"counts":[3,1]').encode(),
        REFERENCE.model_dump_json().replace("16.0", "NaN").encode(),
        REFERENCE.model_dump_json().replace('"rows":3', '"rows":3,"more":1').encode(),
    ],
)
def test_an_invalid_reference_is_refused_with_a_named_fault(data: bytes) -> None:
    with pytest.raises(BundleInvalid) as caught:
        parse_reference(data)
    assert [fault.name for fault in caught.value.faults] == ["reference-schema"]
