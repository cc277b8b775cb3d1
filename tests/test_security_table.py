"""The threat table in `docs/security.md` names tests that exist, and nothing reads pickles."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("glossator", "cli", "workflows", "training", "export", "evaluation", "modeling", "service")
PICKLERS = {"pickle", "_pickle", "shelve", "marshal", "dill", "joblib", "cloudpickle", "multiprocessing"}
"""`multiprocessing` sends pickles through its queues and pipes."""


def table_rows() -> list[list[str]]:
    text = (ROOT / "docs" / "security.md").read_text()
    lines = [line for line in text.split("\n") if line.startswith("|") and " <- " in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines][1:]


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: row[0])
def test_every_threat_has_a_test_that_exists(row: list[str]) -> None:
    threat, prevention, tests = row
    assert threat
    assert prevention
    named = re.findall(r"`(tests/[^`:]+\.py)::(test_\w+)`", tests)
    assert named
    assert re.sub(r"`[^`]*`|[, ]", "", tests) == ""
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text())
        assert name in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, (file, name)


def test_nothing_reads_pickles() -> None:
    found = []
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [(path.name, name) for name in names if name.partition(".")[0] in PICKLERS]
    assert found == []
