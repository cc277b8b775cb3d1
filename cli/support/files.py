"""Results as files in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Writes each file whole, into a folder that is made where there is none. Raises OutputError."""
    from glossator.service.errors import OutputError
    from glossator.service.files.atomic_file import AtomicFile

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be made: {error.strerror}", found=folder, hint="Choose another --output."
        ) from error
    for name, content in contents.items():
        aside = AtomicFile(str(folder / name))
        try:
            aside.write(content.encode())
            aside.commit()
        finally:
            aside.discard()
