"""Run the example notebooks and compare their outputs with the stored ones.

    python scripts/docs/run_notebooks.py
    python scripts/docs/run_notebooks.py --update examples/notebooks/first_classifier.ipynb

Each notebook runs in a new, empty folder, with the Python that runs this script. Compared are the kinds of the outputs
and their plain text, in which numbers may differ a little, as in documents; HTML and pictures only have to be there.
--update stores the outputs of this run. Needs nbclient and ipykernel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run_sessions import same

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "examples" / "notebooks"
SECONDS_PER_CELL = 600


def read(notebook: Path) -> Any:
    """Return a notebook."""
    load: Any = nbformat.read  # has no types
    return load(notebook, as_version=4)


def execute(notebook: Path, folder: Path) -> Any:
    """Return a notebook with the outputs of a run in a folder. Raises CellExecutionError."""
    os.environ["IPYTHONDIR"] = str(folder / ".ipython")  # without the settings and the history of the user
    content = read(notebook)
    for cell in content.cells:
        cell.get("outputs", []).clear()
    client = NotebookClient(
        content,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for cell in content.cells:
        cell.metadata.clear()  # the times of this run
        if cell.cell_type == "code":  # what is on stderr, such as warnings of other packages, is no result
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    content.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return content


def outputs(content: Any) -> Iterator[tuple[int, str, tuple[str, ...], str]]:
    """The outputs of a notebook: the number of the cell, its source, the kinds of the output, and its plain text."""
    for number, cell in enumerate(content.cells, start=1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "stream":
                yield number, cell.source, (output.name,), output.text
            else:
                yield number, cell.source, tuple(sorted(output.data)), output.data.get("text/plain", "")


def differences(stored: Any, found: Any) -> list[str]:
    """Return what differs between the stored outputs and those of a run."""
    want, got = list(outputs(stored)), list(outputs(found))
    if [each[:3] for each in want] != [each[:3] for each in got]:
        return [f"other outputs: stored {[each[::2] for each in want]}, found {[each[::2] for each in got]}"]
    return [
        f"cell {old[0]}:\n{old[1]}\nExpected:\n{old[3]}\nGot:\n{new[3]}"
        for old, new in zip(want, got, strict=True)
        if not same(f"{old[3]}\n", f"{new[3]}\n")
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the notebooks. Returns 1 if an output differs from the stored one."""
    parser = argparse.ArgumentParser(description="Run the example notebooks and compare their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted(NOTEBOOKS.glob("*.ipynb")))
    parser.add_argument("--update", action="store_true", help="store the outputs of this run")
    options = parser.parse_args(arguments)
    count = 0
    for notebook in options.notebooks:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = execute(notebook, Path(folder))
        faults = [] if options.update else differences(read(notebook), found)
        if options.update:
            notebook.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for fault in faults:
            print(f"{notebook.name}: {fault}")
        print(f"{notebook.name}: {len(faults)} differences, {time.monotonic() - begin:.0f} s", file=sys.stderr)
        count += len(faults)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
