"""The checks of `glossator doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service import doctor
from glossator.service.available_memory import available_memory
from glossator.service.inference.runtime.int8_kernels import KernelSpeed


def by_name(folder: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(folder)}


def test_this_machine_is_checked(tmp_path: Path) -> None:
    found = by_name(tmp_path)
    assert {
        "onnxruntime",
        "processor",
        "int8 products",
        "threads",
        "memory",
        "disk",
        "open files",
        "sqlite",
        "cache",
    } <= set(found)
    assert found["sqlite"].state == "good"
    assert all((finding.state == "good") == (finding.hint is None) for finding in found.values())


def test_every_problem_has_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "512")
    monkeypatch.setattr(doctor, "_MIN_DISK_MB", 1 << 40)
    monkeypatch.setattr(doctor, "_MIN_MEMORY_MB", 1 << 40)
    monkeypatch.setattr(doctor, "_MIN_FILES", 1 << 40)
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(blocked / "cache"))
    found = by_name(tmp_path / "not" / "there")
    for name in ("threads", "memory", "disk", "open files", "cache"):
        assert found[name].state == "warn", name
        assert found[name].hint
    assert "512" in found["threads"].found


@pytest.mark.parametrize(("int8", "state"), [(80.0, "warn"), (99.0, "good"), (600.0, "good")])
def test_int8_that_is_slower_than_fp32_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, int8: float, state: str
) -> None:
    measured = KernelSpeed("uint8 x uint8", int8, 100.0)
    monkeypatch.setattr(doctor, "measure_kernels", lambda: measured)
    finding = by_name(tmp_path)["int8 products"]
    assert (finding.state, finding.found) == (state, measured.summary())
    assert ("--precision fp32" in (finding.hint or "")) == (state == "warn")


def test_memory_of_a_container_is_limited_by_its_cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text(f"{300 << 20}\n")
    (tmp_path / "memory.current").write_text(f"{100 << 20}\n")
    monkeypatch.setattr(doctor, "available_memory", lambda: available_memory(tmp_path))
    assert by_name(tmp_path)["memory"].found == "200 MB are free"
