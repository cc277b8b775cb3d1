"""A folder that appears whole or not at all: written under a temporary name, flushed to disk, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from glossator.service.errors import OutputError
from glossator.service.files.durable import sync_folder, sync_tree


@contextmanager
def atomic_folder(destination: str | Path, *, overwrite: bool = False, markers: Collection[str] = ()) -> Iterator[Path]:
    """Yield a new, temporary folder to write into; it is renamed to `destination` when the block ends without an error.

    After an error nothing is left behind, and an older folder is unchanged.

    Args:
        destination: Where the folder appears. Its parents are created.
        overwrite: Replace an existing folder, if it is empty or holds one of the `markers`.
        markers: Names of files that identify a folder which Glossator wrote.

    Raises:
        OutputError: `check_destination` fails, or the disk refuses.
    """
    destination = Path(destination)
    temporary: Path | None = None
    try:
        check_destination(destination, overwrite=overwrite, markers=markers)
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
        temporary.chmod(0o755)
        yield temporary
        sync_tree(temporary)
        _rename_over(temporary, destination)
    except OSError as error:
        raise OutputError(
            f"{destination} cannot be written: {error.strerror or error}",
            hint="Free some space or choose a folder that you may write to.",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_destination(destination: Path, *, overwrite: bool, markers: Collection[str] = ()) -> None:
    """Raise OutputError if `atomic_folder` could not write to `destination`, as far as this can be known in advance."""
    try:
        exists = destination.exists()
    except OSError as error:  # a name too long, a folder without permission to enter
        raise OutputError(
            f"the output folder cannot be created: {error.strerror}", found=destination, hint="Choose another one."
        ) from error
    existing = next((folder for folder in destination.absolute().parents if folder.exists()), destination)
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise OutputError(
            "the output folder cannot be created",
            found=destination,
            expected=f"permission to write to the folder {existing}",
            hint="Choose another one.",
        )
    if not exists:
        return
    if not overwrite:
        raise OutputError(
            "the output folder exists already", found=destination, hint="Choose another one, or pass --overwrite."
        )
    if not _is_replaceable(destination, markers):
        raise OutputError(
            "the output folder holds something that Glossator did not write",
            found=destination,
            expected=f"an empty folder{''.join(f', or one with {name}' for name in markers)}",
            hint="Choose another one.",
        )


def _is_replaceable(folder: Path, markers: Collection[str]) -> bool:
    return folder.is_dir() and (any((folder / name).exists() for name in markers) or not any(folder.iterdir()))


def _rename_over(temporary: Path, destination: Path) -> None:
    """Rename `temporary` to `destination`. A folder that is not empty cannot be replaced by a rename: move it away."""
    old = None
    if destination.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{destination.name}-old-", dir=destination.parent))
        destination.rename(old / destination.name)
    try:
        temporary.rename(destination)
    except OSError:
        if old is not None:
            (old / destination.name).rename(destination)
        raise
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    sync_folder(destination.parent)
