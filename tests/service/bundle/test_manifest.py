from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.bundle.manifest import (
    BatchCost,
    Estimate,
    EvaluationRecord,
    FileEntry,
    Kernels,
    Manifest,
    Parity,
    Served,
    Speed,
    Verification,
    parse_manifest,
)
from glossator.service.bundle.task import Calibration, Encoding, ProblemType, Provenance, TextClassification
from glossator.service.errors import BundleInvalid, BundleVersionUnsupported

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 10**12)
WORDS = st.text(max_size=8)
PRECISIONS = st.sampled_from(["fp32", "int8"])
SCHEMES = st.sampled_from(["fp32", "static", "row", "block"])
PROBLEM_TYPES: list[ProblemType] = ["single_label_classification", "multi_label_classification"]
SHA256 = st.binary(min_size=32, max_size=32).map(bytes.hex)


def make_manifest(**fields: Any) -> Manifest:
    """Return a manifest with two labels and its digest; `fields` replace some of its fields."""
    provenance = Provenance(
        corpus_fingerprint="f",
        corpus_rows=2,
        base_model="tiny",
        base_revision="r",
        algorithm="finetune",
        config={"epochs": 1, "learning_rate": 2e-5, "stride": None},
        seed=1,
        code_version="0.1",
        packages={},
        created="2026-01-01T00:00:00+00:00",
    )
    task = TextClassification(
        problem_type="single_label_classification",
        labels=["größer", "😀"],
        encoding=Encoding(max_length=32, stride=4),
        provenance=provenance,
    )
    defaults: dict[str, Any] = {
        "name": "tickets",
        "task": task,
        "served": Served(graph="onnx/model.onnx", precision="fp32", scheme="fp32", reason="asked for"),
        "files": {"config.json": FileEntry(sha256="0" * 64, size=3)},
        "evaluation": [],
        "verification": Verification(parity=[], golden_rows=1, tolerance=0.01, batch_difference=0.0),
    }
    return Manifest(**(defaults | fields)).with_digest()


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    labels = draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))
    problem_type = draw(st.sampled_from(PROBLEM_TYPES))
    thresholds = None
    if problem_type == "multi_label_classification" and draw(st.booleans()):
        thresholds = [draw(st.floats(0, 1)) for _ in labels]
    provenance = draw(
        st.builds(
            Provenance,
            config=st.dictionaries(
                WORDS, st.one_of(st.none(), st.booleans(), st.integers(), NUMBERS, WORDS), max_size=3
            ),
            packages=st.dictionaries(WORDS, WORDS, max_size=2),
        )
    )
    task = TextClassification(
        problem_type=problem_type,
        labels=labels,
        encoding=Encoding(max_length=draw(st.integers(4, 512)), stride=draw(st.integers(0, 1))),
        calibration=Calibration(temperature=draw(st.floats(1e-6, 1e6)), thresholds=thresholds),
        provenance=provenance,
    )
    estimates = st.builds(Estimate, value=NUMBERS, low=NUMBERS, high=NUMBERS)
    metrics = st.dictionaries(WORDS, estimates, max_size=2)
    records = st.builds(EvaluationRecord, split=WORDS, rows=COUNTS, precision=PRECISIONS, metrics=metrics)
    parity = st.builds(
        Parity,
        rows=COUNTS,
        decision_flips=COUNTS,
        scheme=SCHEMES,
        max_logit_difference=NUMBERS,
        metric=WORDS,
        reference_value=NUMBERS,
        graph_value=NUMBERS,
        non_inferior=st.booleans(),
        margin=NUMBERS,
        showable=st.none() | NUMBERS,
        low=st.none() | NUMBERS,
        excluded=st.lists(WORDS, max_size=2),
        texts_per_second=NUMBERS,
    )
    return make_manifest(
        task=task,
        files=draw(st.dictionaries(WORDS, st.builds(FileEntry, sha256=SHA256, size=COUNTS), max_size=3)),
        evaluation=draw(st.lists(records, max_size=2)),
        verification=Verification(
            parity=draw(st.lists(parity, max_size=2)),
            golden_rows=draw(COUNTS),
            tolerance=draw(st.floats(1e-6, 1)),
            batch_difference=draw(NUMBERS),
        ),
        speed=draw(
            st.none()
            | st.builds(
                Speed,
                machine=WORDS,
                threads=COUNTS,
                texts=COUNTS,
                texts_per_second=NUMBERS,
                tokens_per_second=NUMBERS,
                cost=st.builds(
                    BatchCost,
                    batch=st.floats(0, 9),
                    token=st.floats(0.1, 9),
                    attention=st.floats(0, 9),
                    most_tokens=st.integers(1, 9),
                ),
                kernels=st.none()
                | st.builds(
                    Kernels,
                    int8=st.sampled_from(["uint8 x int8", "uint8 x uint8"]),
                    int8_gops=st.floats(0.1, 9e3),
                    fp32_gops=st.floats(0.1, 9e3),
                ),
            )
        ),
    )


@settings(max_examples=examples(30))
@given(manifests())
def test_a_manifest_survives_a_round_trip(manifest: Manifest) -> None:
    data = manifest.to_bytes()
    assert parse_manifest(data) == manifest
    assert parse_manifest(data).to_bytes() == data


@settings(max_examples=examples(30))
@given(manifests())
def test_the_digest_is_the_hash_of_all_other_fields_in_canonical_form(manifest: Manifest) -> None:
    """Compared with a second implementation of the definition in docs/bundle.md."""
    fields = json.loads(manifest.to_bytes())
    digest = fields.pop("digest")
    data = json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
    assert digest == hashlib.sha256(data.encode("utf-8")).hexdigest()
    assert next(iter(fields)) == "format_version"


def test_a_speed_without_kernels_keeps_the_bytes_of_older_manifests() -> None:
    cost = BatchCost(batch=0.5, token=0.03, attention=1e-5, most_tokens=512)
    speed = Speed(machine="m", threads=2, texts=9, texts_per_second=1.5, tokens_per_second=9.0, cost=cost)
    old = make_manifest(speed=speed)
    assert list(json.loads(old.to_bytes())["speed"]) == [
        "machine",
        "threads",
        "texts",
        "texts_per_second",
        "tokens_per_second",
        "cost",
    ]
    assert parse_manifest(old.to_bytes()).speed == speed
    kernels = Kernels(int8="uint8 x int8", int8_gops=600.0, fp32_gops=150.0)
    new = make_manifest(speed=speed.model_copy(update={"kernels": kernels}))
    assert json.loads(new.to_bytes())["speed"]["kernels"] == {
        "int8": "uint8 x int8",
        "int8_gops": 600.0,
        "fp32_gops": 150.0,
    }
    assert new.digest != old.digest
    assert parse_manifest(new.to_bytes()) == new


def test_the_bytes_are_readable_text_that_begins_with_the_version() -> None:
    data = make_manifest().to_bytes()
    assert data.startswith(b'{\n  "format_version": 3,\n  "name": "tickets",\n')
    assert '"größer",\n      "😀"'.encode() in data
    assert data.endswith(b'"\n}\n')


def test_the_digest_changes_with_every_field_and_not_when_computed_again() -> None:
    manifest = make_manifest()
    assert manifest.with_digest() == manifest
    assert manifest.model_copy(update={"digest": "0" * 64}).with_digest() == manifest
    assert make_manifest(name="other").digest != manifest.digest
    assert make_manifest(files={}).digest != manifest.digest


def test_a_manifest_without_its_digest_is_refused() -> None:
    with pytest.raises(BundleInvalid, match="manifest-altered"):
        parse_manifest(make_manifest().model_copy(update={"digest": ""}).to_bytes())


@pytest.mark.parametrize("version", [0, 1, 4, "2", None, True, 2.5, [2]])
def test_another_version_is_refused_before_the_rest_is_read(version: object) -> None:
    with pytest.raises(BundleVersionUnsupported) as caught:
        parse_manifest(json.dumps({"format_version": version, "nothing": "else"}).encode())
    assert caught.value.expected == "2 or 3"
    assert caught.value.hint is not None


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_a_version_that_is_equal_but_written_differently_is_refused(version: str) -> None:
    data = make_manifest().to_bytes().replace(b'"format_version": 3', f'"format_version": {version}'.encode(), 1)
    with pytest.raises(BundleInvalid, match="manifest"):
        parse_manifest(data)


def test_all_faults_are_reported_together_with_their_fields() -> None:
    fields = json.loads(make_manifest().to_bytes())
    fields["served"]["precision"] = "int4"
    fields["task"]["encoding"]["max_length"] = -1
    fields["task"]["provenance"]["author"] = "x"
    del fields["verification"]
    with pytest.raises(BundleInvalid) as caught:
        parse_manifest(json.dumps(fields).encode())
    assert {(fault.name, fault.where) for fault in caught.value.faults} == {
        ("manifest-schema", "bundle.json:served.precision"),
        ("manifest-schema", "bundle.json:task.encoding.max_length"),
        ("manifest-unknown-field", "bundle.json:task.provenance.author"),
        ("manifest-schema", "bundle.json:verification"),
    }


@pytest.mark.parametrize("name", ["", ".hidden", "-option", "a/b", "a b", "a" * 65, "ü", "a\n"])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        make_manifest(name=name)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_bundle_error(data: bytes) -> None:
    with pytest.raises((BundleInvalid, BundleVersionUnsupported)):
        parse_manifest(data)
