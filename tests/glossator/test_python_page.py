"""docs/python.md: its table against the commands of the program and the public names."""

from __future__ import annotations

import re
from pathlib import Path

import glossator
from glossator.cli.app import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE, re.MULTILINE))


def test_every_command_has_a_function_or_a_reason() -> None:
    import typer

    assert set(ROWS) == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for command, found in ROWS.items():
        assert re.match(r"`|none: [\w`]", found), command


def test_every_function_of_the_table_exists() -> None:
    names = [name for found in ROWS.values() for name in re.findall(r"`(?:glossator\.)?([A-Za-z_.]+)`", found)]
    known = [name for name in names if name.split(".")[0] in glossator.__all__]
    assert {"train", "Checkpoint.export", "Client.feedback", "verify_evidence"} <= set(known)
    for name in known:
        found: object = glossator
        for part in name.split("."):
            found = getattr(found, part)
    assert set(names) - set(known) == {"train", "evaluate"} - set(glossator.__all__)
    unused = {name for name in glossator.__all__ if getattr(glossator, name).__class__.__name__ == "function"}
    assert unused - {name.split(".")[0] for name in known} == {"main"}, "a public function is not in the table"
