"""A damaged bundle is refused with a named fault: each of `benchmarks/common/damages.py`, and any changed byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from benchmarks.common import tampering
from benchmarks.common.damages import Damage, damages, file_damages
from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, BundleNotFound
from glossator.service.inference.model import load

MULTI, SINGLE = "multi_label_classification", "single_label_classification"
FILES = (file_names.MANIFEST, *file_names.REQUIRED, file_names.GRAPH_INT8, file_names.TOKENIZER_CONFIG)
"""Files in every bundle that export writes. One test covers the others, such as plots."""
CASES = [*damages(MULTI), *(damage for name in FILES for damage in file_damages(name))]
SINGLE_LABEL_CASES = [damage for damage in damages(SINGLE) if "labels are swapped" in damage.name] + [
    Damage("the problem type is another everywhere, sealed", ("golden-score",), tampering.turn_problem_type_everywhere),
    Damage(
        "thresholds are given, sealed",
        ("manifest-schema",),
        partial(tampering.seal, partial(tampering.calibrate, thresholds=0.5)),
    ),
]


def assert_refused(damage: Damage, bundle: Path) -> None:
    damage.inflict(bundle)
    with pytest.raises(BundleError) as caught:
        load(bundle, threads=1)
    faults = {fault.name for fault in caught.value.faults}
    assert set(damage.caught_by) <= faults | {caught.value.code}
    assert all(name in str(caught.value) for name in faults)


def test_every_damage_has_its_own_name() -> None:
    names = [damage.name for damage in CASES]
    assert len(set(names)) == len(names)


def test_a_resealed_bundle_without_damage_loads(bundle: Path) -> None:
    """Otherwise a resealed damage might be refused because of the seal. The seal follows docs/bundle.md alone."""
    before = (bundle / file_names.MANIFEST).read_bytes()
    tampering.seal(tampering.as_it_is, bundle)
    assert (bundle / file_names.MANIFEST).read_bytes() == before
    load(bundle, threads=1)


@pytest.mark.timeout(60)  # a reader that opens a pipe never returns
@pytest.mark.parametrize("damage", CASES, ids=lambda damage: damage.name)
def test_damage_is_refused_with_a_named_fault(damage: Damage, bundle: Path) -> None:
    assert_refused(damage, bundle)


@pytest.mark.parametrize("damage", SINGLE_LABEL_CASES, ids=lambda damage: damage.name)
def test_damage_of_a_single_label_bundle_is_refused_with_a_named_fault(
    damage: Damage, single_label_bundle: Path
) -> None:
    assert_refused(damage, single_label_bundle)


def test_damage_of_every_other_file_is_refused_with_a_named_fault(bundle: Path, tmp_path: Path) -> None:
    others = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()} - set(FILES)
    assert others
    for number, damage in enumerate(damage for name in sorted(others) for damage in file_damages(name)):
        assert_refused(damage, copytree(bundle, tmp_path / str(number) / "bundle"))


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run the block as an ordinary user if the tests run as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", [file_names.MANIFEST, file_names.GRAPH_FP32, "onnx"])
def test_an_unreadable_file_is_a_named_fault(bundle: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o755)
        copy = copytree(bundle, Path(folder, "bundle"))
        os.chmod(copy / name, 0)
        with without_privileges(), pytest.raises(BundleError) as caught:
            read_bundle(copy)
        os.chmod(copy / name, 0o755)
    (fault,) = caught.value.faults
    assert (fault.name, fault.where) == ("unreadable-file", name)


def test_a_bundle_in_a_folder_without_permission_is_not_found(bundle: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copytree(bundle, Path(folder, "closed", "bundle"))
        os.chmod(Path(folder, "closed"), 0)
        with without_privileges(), pytest.raises(BundleNotFound):
            read_bundle(Path(folder, "closed", "bundle"))
        os.chmod(Path(folder, "closed"), 0o755)


@pytest.mark.parametrize("path", ["", "no/such/folder", "x" * 300, "nul\0"])
def test_a_path_without_a_bundle_is_not_found(path: str) -> None:
    with pytest.raises(BundleNotFound):
        read_bundle(path)


@pytest.mark.parametrize("name", ["tokenizer.json has one bit flipped", "labels are swapped in both, sealed"])
def test_the_command_line_prints_the_fault(bundle: Path, name: str) -> None:
    (damage,) = (damage for damage in CASES if damage.name == name)
    damage.inflict(bundle)
    finished = subprocess.run(
        [sys.executable, "-m", "glossator", "verify", str(bundle)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert damage.caught_by[0] in finished.stdout
    assert "Traceback" not in finished.stderr


@settings(max_examples=examples(150))
@given(data=st.data())
def test_any_byte_flipped_in_any_file_is_refused(shared_bundle: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([file_names.MANIFEST, *read_bundle(shared_bundle).manifest.files]))
    content = (shared_bundle / name).read_bytes()
    where = data.draw(st.integers(0, len(content) - 1))
    other = content[where] ^ data.draw(st.integers(1, 255))
    try:
        (shared_bundle / name).write_bytes(content[:where] + bytes([other]) + content[where + 1 :])
        with pytest.raises(BundleError):
            read_bundle(shared_bundle)
    finally:
        (shared_bundle / name).write_bytes(content)


VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    0.5,
    1e308,
    5e-324,
    2**31,
    2**70,
    "",
    "x",
    "x" * 300,
    "\0",
    "../x",
    [],
    {},
    [[]],
]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to every value in nested objects and lists."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*prefix, key)
        yield from paths(item, (*prefix, key))


def replace(value: Any, path: tuple[Any, ...], junk: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = junk


@settings(max_examples=examples(60))
@given(data=st.data())
def test_any_value_in_any_resealed_field_is_refused_or_changes_no_answer(
    shared_bundle: Path, data: st.DataObject
) -> None:
    """Only a BundleError may be raised, whatever value the JSON holds."""
    name = data.draw(
        st.sampled_from([file_names.MANIFEST, file_names.CONFIG, file_names.REFERENCE, file_names.TOKENIZER])
    )
    junk = data.draw(st.sampled_from(VALUES))
    before = {file: (shared_bundle / file).read_bytes() for file in (file_names.MANIFEST, name)}
    fields = json.loads(before[name])
    path = data.draw(st.sampled_from([path for path in paths(fields) if path != ("digest",)]))
    try:
        if name == file_names.MANIFEST:
            tampering.seal(lambda fields: replace(fields, path, junk), shared_bundle)
        else:
            replace(fields, path, junk)
            tampering.replace_sealed(name, json.dumps(fields).encode(), shared_bundle)
        with suppress(BundleError):
            load(shared_bundle, threads=1)
    finally:
        for file, content in before.items():
            (shared_bundle / file).write_bytes(content)


def test_edits_that_golden_rows_cannot_detect_change_the_digest(single_label_bundle: Path) -> None:
    """The limits of verification in docs/bundle.md: such a bundle verifies, with another digest."""
    digests = {read_bundle(single_label_bundle).digest}
    for change in (
        lambda fields: fields["evaluation"][0]["metrics"]["accuracy"].update(value=0.5),
        lambda fields: fields["verification"].update(batch_difference=0.5),
    ):
        tampering.seal(change, single_label_bundle)
        digests.add(load(single_label_bundle, threads=1).digest)
    assert len(digests) == 3


def test_a_changed_temperature_of_a_single_label_model_is_detected(single_label_bundle: Path) -> None:
    """It changes scores but no label."""
    tampering.seal(partial(tampering.calibrate, temperature=2.0), single_label_bundle)
    with pytest.raises(BundleError) as caught:
        load(single_label_bundle, threads=1)
    assert {fault.name for fault in caught.value.faults} == {"golden-score"}
