"""`scripts/docs/run_notebooks.py` on a small notebook, and on an example notebook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = ROOT / "examples" / "notebooks"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    command = [sys.executable, str(ROOT / "scripts" / "docs" / "run_notebooks.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=500)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def small_notebook(path: Path) -> Path:
    source = "import sys\nprint('warning', file=sys.stderr)\nprint(0.91)\n[1, 2]"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_update_stores_the_outputs_and_another_output_is_a_failure(tmp_path: Path) -> None:
    notebook = small_notebook(tmp_path / "a.ipynb")
    done = run("--update", str(notebook))
    assert done.returncode == 0, done.stderr
    outputs = read(notebook)["cells"][0]["outputs"]
    assert [each.get("text") or each["data"]["text/plain"] for each in outputs] == ["0.91\n", "[1, 2]"]
    notebook.write_text(notebook.read_text().replace('"[1, 2]"', '"[1, 3]"').replace("0.91\\n", "0.93\\n"))
    done = run(str(notebook))
    assert done.returncode == 1
    assert "Expected:\n[1, 3]\n" in done.stdout
    assert "1 differences" in done.stderr


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_stored_notebooks_have_outputs_and_no_paths_of_a_machine(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert not [word for word in ("/home/", "/root", "/tmp/", "site-packages", "Traceback") if word in text]
    cells = [cell for cell in read(notebook)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert sum(bool(cell["outputs"]) for cell in cells) >= len(cells) - 2
