"""The files between a loop and its reviewers: JSON Lines of tasks, and of tasks with what the reviewers say added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import OutputError
from glossator.service.files.durable import write_atomically

Row = dict[str, Any]


def read_rows(paths: Iterable[Path]) -> tuple[list[tuple[int, Row]], list[str]]:
    """Return the numbered rows of some files, and a sentence for each row that cannot be read.

    Raises InputError if a file cannot be read at all.
    """
    rows: list[tuple[int, Row]] = []
    faults: list[str] = []
    for path in paths:
        with open_source(path) as source:
            for number, record in enumerate(source.records(), start=1):
                if record.error is None:
                    rows.append((number, dict(record.fields)))
                else:
                    faults.append(f"{path.name}, row {number}: {record.error.message}")
    return rows, faults


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, all or none; only their owner can read them. Raises OutputError."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lines.encode("utf-8", "backslashreplace"), mode=0o600)
    except OSError as error:
        raise OutputError(
            f"the tasks cannot be written: {error.strerror or error}",
            found=path,
            expected="free space and permission to write",
        ) from error
