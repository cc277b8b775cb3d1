"""The format of the results, and the results that are stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.common import results
from benchmarks.common.results import RESULTS, UNKNOWN, machine_kind, read_newest, read_result, write_result

STORED = sorted(RESULTS.glob("*/*.json"))


def test_results_are_stored() -> None:
    assert len(STORED) > 50


@pytest.mark.parametrize("file", STORED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_stored_result_has_the_format(file: Path) -> None:
    result = read_result(file)
    assert (result.name, result.machine.kind) == (file.parent.name, file.stem)
    described = result.machine.description
    assert result.machine.kind == (machine_kind(described) if described else UNKNOWN)
    assert result.values not in (None, {}, [])


def test_a_result_names_what_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        "/env/bin/python",
        "-m",
        "benchmarks.speed.quota",
        "a b",
        str(results.ROOT / "demo" / "tickets"),
        "/elsewhere/b",
    ]
    monkeypatch.setattr("sys.orig_argv", asked)
    file = write_result("quota", {"rounds": 3, "seconds": [1.5]}, report="# Quota", folder=tmp_path)
    assert file.with_suffix(".md").read_text() == "# Quota\n"
    stored = read_newest("quota", folder=tmp_path)
    assert stored.command == "python -m benchmarks.speed.quota 'a b' demo/tickets b"
    assert (stored.rounds, stored.values) == (3, {"rounds": 3, "seconds": [1.5]})
    assert stored.versions.keys() >= {"python", "glossator", "numpy", "onnxruntime"}
    assert file.stem == stored.machine.kind == machine_kind(stored.machine.description or "")


def test_a_result_of_another_machine_is_kept(tmp_path: Path) -> None:
    here = write_result("quota", [1], folder=tmp_path)
    fields = json.loads(here.read_text())
    other = "Other 9 (avx2), 8 CPUs, ONNX Runtime 1.32.0"
    fields |= {"machine": {"kind": machine_kind(other), "description": other}, "date": "2020-01-01", "values": [2]}
    there = here.with_name("avx2-other-9.json")
    there.write_text(json.dumps(fields))
    write_result("quota", [3], folder=tmp_path)
    assert read_result(there).values == [2]
    assert read_newest("quota", folder=tmp_path).values == [3]
    assert results.read_values("quota", folder=tmp_path) == [3]
    assert results.read_values("bulk", folder=tmp_path) is None


def test_a_file_without_the_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"values": [1]}')
    with pytest.raises(ValidationError, match="machine"):
        read_result(file)


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("AMD EPYC 7R13 Processor (avx2), 2 CPUs, ONNX Runtime 1.32.0", "avx2-amd-epyc-7r13"),
        ("AMD EPYC (avx2 avx512f avx512_vnni), 2 CPUs", "avx512vnni-amd-epyc"),
        ("AMD EPYC (avx2 avx512f avx512_vnni avx_vnni), 2 CPUs", "vnni-amd-epyc"),
        ("Intel(R) Xeon(R) Processor (avx2 amx_int8 avx_vnni), 2 CPUs", "amx-intel-xeon"),
        ("aarch64 (asimddp i8mm sve), 4 CPUs", "i8mm-aarch64"),
    ],
)
def test_the_kind_of_a_machine(description: str, kind: str) -> None:
    assert machine_kind(description) == kind
