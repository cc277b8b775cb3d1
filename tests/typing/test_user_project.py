"""Type checkers find no fault in a user's program, and find the faults that it could have.

mypy uses the settings and the cache of `make check`: without them it would check torch too, for minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("user_project.py")
WRONG = """\
import glossator

model = glossator.load(3)
model("a").labell
model(["a"])[0].label
model("a", top_k="3")
"""


@pytest.mark.slow
def test_mypy_finds_no_fault() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(PROGRAM)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, ""), found.stdout


def test_pyright_finds_the_faults_of_a_wrong_program_and_no_other(tmp_path: Path) -> None:
    pytest.importorskip("basedpyright")
    (tmp_path / "right.py").write_text(PROGRAM.read_text(encoding="utf-8"))
    (tmp_path / "wrong.py").write_text(WRONG)
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)], "include": ["."], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    faults = {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in json.loads(found.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    }
    assert faults == {("wrong.py", line) for line in (3, 4, 5, 6)}
