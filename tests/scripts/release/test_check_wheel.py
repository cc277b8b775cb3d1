"""The check of the wheel finds foreign packages, missing files and builds that differ."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "release" / "check_wheel.py"
_spec = importlib.util.spec_from_file_location("check_wheel", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
check_wheel = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check_wheel)


def build(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


GOOD = dict.fromkeys((*check_wheel.EXPECTED, "glossator-1.dist-info/METADATA"), "x")


@pytest.mark.parametrize(
    ("wheel", "other", "found"),
    [
        (GOOD, GOOD, []),
        (GOOD | {"service/__init__.py": ""}, GOOD | {"service/__init__.py": ""}, ["top-level entries"]),
        ({name: text for name, text in GOOD.items() if "py.typed" not in name}, GOOD, ["missing", "differs"]),
        (GOOD, GOOD | {"glossator/cli/app.py": "new"}, ["differs"]),
        (GOOD | {"glossator/__init__.py": "changed"}, GOOD, ["differs"]),
    ],
)
def test_each_fault_is_found(tmp_path: Path, wheel: dict[str, str], other: dict[str, str], found: list[str]) -> None:
    wheels = [build(tmp_path / name, files) for name, files in (("a.whl", wheel), ("b.whl", other))]
    faults = check_wheel.faults(*map(check_wheel.contents, wheels))
    assert [fault.split(":")[0].split(" from")[0] for fault in faults] == found
    assert check_wheel.main([str(each) for each in wheels]) == (1 if found else 0)
