"""`scripts/install.py`: what it refuses, and that an old Python can read it far enough to say so."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["install.py", "pip_progress.py", "torch_build.py"])
def test_an_old_python_can_parse_the_script(name: str) -> None:
    ast.parse((ROOT / "scripts" / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_without_extras_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from install import main

    assert main([".venv"]) == 2
    assert "VENV EXTRA..." in capsys.readouterr().err


def test_a_folder_that_cannot_be_an_environment_is_an_error(
    tmp_path: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from install import main

    (tmp_path / "file").write_text("no folder")
    assert main([str(tmp_path / "file" / "venv"), "training"]) == 1
    assert "error: the installation failed" in capsys.readouterr().err


def test_bytecode_is_compiled_without_tests_and_in_spite_of_a_bad_file(tmp_path: Path) -> None:
    from install import compile_bytecode
    from pip_progress import Progress

    for name, text in {"good.py": "x = 1\n", "bad.py": "x = = 1\n", "tests/test_good.py": "x = 1\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with Progress(1, io.StringIO()).stage("bytecode") as stage:
        compile_bytecode(Path(sys.executable), tmp_path, stage)
    assert {path.name.partition(".")[0] for path in tmp_path.rglob("*.pyc")} == {"good"}
