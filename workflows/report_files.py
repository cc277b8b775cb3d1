"""Writes the files of a report into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from glossator.service.errors import OutputError


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write each file by its name, complete or not at all; creates the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be created: {error.strerror}", found=folder, hint="Choose another --output."
        ) from error
    for name, content in contents.items():
        write_text(folder / name, content)


def write_text(path: Path, content: str) -> None:
    """Write one UTF-8 file, complete or not at all. Raises OutputError."""
    from glossator.service.files.atomic_file import AtomicFile

    file = AtomicFile(str(path))
    try:
        file.write(content.encode())
        file.commit()
    finally:
        file.discard()
