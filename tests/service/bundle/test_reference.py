from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.common import tampering
from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.reference import Histogram, Reference, parse_reference
from glossator.service.bundle.text_profile import make_text_profile
from glossator.service.errors import BundleInvalid
from glossator.service.inference.model import load

REFERENCE = Reference(
    rows=3,
    label_counts={"a": 1, "b": 2},
    tokens=Histogram(edges=[0.0, 8.0, 16.0], counts=[2, 1]),
    confidence=Histogram(edges=[0.0, 1.0], counts=[3]),
)
SAMPLED = REFERENCE.model_copy(
    update={
        "profile": make_text_profile(["one two", "one three"]),
        "texts": 3,
        "samples": {"tokens": [1.0, 2.0, 4.0], "confidence": [0.25, 0.5]},
        "predicted_counts": {"a": 3, "b": 0},
        "mean_probabilities": {"a": 0.75, "b": 0.25},
    }
)


@pytest.mark.parametrize("reference", [REFERENCE, SAMPLED])
def test_a_reference_survives_a_round_trip(reference: Reference) -> None:
    assert parse_reference(reference.to_bytes()) == reference


def test_a_reference_without_samples_has_the_fields_of_format_2() -> None:
    assert list(json.loads(REFERENCE.to_bytes())) == ["rows", "label_counts", "tokens", "confidence"]
    assert REFERENCE.is_format_2
    assert not SAMPLED.is_format_2


def change(name: str, value: object) -> bytes:
    return json.dumps(json.loads(SAMPLED.to_bytes()) | {name: value}).encode()


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
        change("texts", 2),
        change("texts", 2_001),
        change("samples", {"tokens": [2.0, 1.0]}),
        change("samples", {"tokens": []}),
        change("samples", {"no name!": [1.0]}),
        change(
            "samples",
            {f"name_{chr(97 + number)}{chr(97 + number)}": [1.0] for number in range(26)}
            | {f"other_{chr(97 + number)}": [1.0] for number in range(26)},
        ),
        change("predicted_counts", {"a": 4}),
        change("predicted_counts", {"a": -1}),
        change("mean_probabilities", {"a": 1.5}),
        change("profile", {"pairs": "AAAA"}),
    ],
)
def test_an_invalid_reference_is_refused_with_a_named_fault(data: bytes) -> None:
    with pytest.raises(BundleInvalid) as caught:
        parse_reference(data)
    assert [fault.name for fault in caught.value.faults] == ["reference-schema"]


def test_a_bundle_of_format_2_is_served_as_before(single_label_bundle: Path) -> None:
    text = "where is my parcel"
    expected = load(single_label_bundle, threads=1)(text)
    old = parse_reference((single_label_bundle / file_names.REFERENCE).read_bytes())
    old = Reference(rows=old.rows, label_counts=old.label_counts, tokens=old.tokens, confidence=old.confidence)
    tampering.replace_sealed(file_names.REFERENCE, old.to_bytes(), single_label_bundle)
    tampering.seal(lambda fields: fields.update(format_version=2), single_label_bundle)
    bundle = read_bundle(single_label_bundle)
    assert bundle.manifest.format_version == 2
    assert load(single_label_bundle, threads=1)(text) == expected


def test_a_bundle_of_format_2_has_no_samples(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bundle("single_label_classification"), tmp_path / "bundle"))
    tampering.seal(lambda fields: fields.update(format_version=2), folder)
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(folder)
    assert [(fault.name, fault.message) for fault in caught.value.faults] == [
        ("reference-schema", "it has fields of format 3")
    ]


@pytest.mark.parametrize("name", ["predicted_counts", "mean_probabilities"])
def test_other_labels_are_refused(single_label_bundle: Path, name: str) -> None:
    tampering.edit_json(file_names.REFERENCE, lambda fields: fields[name].update(surprise=0), single_label_bundle)
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(single_label_bundle)
    assert [fault.name for fault in caught.value.faults] == ["reference-labels"]
