"""A folder that appears whole or not at all: written under a temporary name, flushed to disk, then renamed.

One command at a time writes a folder. What a killed command left next to it is removed by the next one.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from glossator.service.errors import OutputError
from glossator.service.files.durable import remove_leftovers, sync_folder, sync_tree, temporary_name
from glossator.service.files.locks import Locked, locked

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FEW_BYTES = 1 << 20
"""A disk with less free space than this is called full."""


@contextmanager
def atomic_folder(destination: str | Path, *, overwrite: bool = False, markers: Collection[str] = ()) -> Iterator[Path]:
    """Yield a new, temporary folder to write into; it is renamed to `destination` when the block ends without an error.

    After an error nothing is left behind, and an older folder is unchanged.

    Args:
        destination: Where the folder appears. Its parents are created.
        overwrite: Replace an existing folder, if it is empty or holds one of the `markers`.
        markers: Names of files that identify a folder which Glossator wrote.

    Raises:
        OutputError: `check_destination` fails, another command writes the folder, or the disk refuses.
    """
    destination = Path(destination)
    temporary: Path | None = None
    check_destination(destination, overwrite=overwrite, markers=markers)
    with claim_folder(destination):
        try:
            check_destination(destination, overwrite=overwrite, markers=markers)
            temporary = temporary_name(destination)
            temporary.mkdir()
            yield temporary
            sync_tree(temporary)
            _rename_over(temporary, destination)
        except OSError as error:
            if not is_system_error(error):
                raise
            raise _output_error(destination, temporary, error) from error
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def claim_folder(destination: Path) -> Iterator[None]:
    """Keep other commands from writing `destination` until the block ends; `atomic_folder` may be used inside.

    Removes what killed commands left behind. Raises OutputError if another command writes the folder.
    """
    with ExitStack() as stack:
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(destination, wait=False))
            _restore_older(destination)
            remove_leftovers(destination)
        except Locked:
            raise OutputError(
                "another command is writing this folder",
                found=destination,
                hint="Wait until it has finished, or choose another folder.",
            ) from None
        except OSError as error:
            raise _output_error(destination, None, error) from error
        yield


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
    older = None
    if destination.exists():
        older = temporary.with_suffix(_OLDER)
        destination.rename(older)
    try:
        temporary.rename(destination)
    except OSError:
        if older is not None:
            older.rename(destination)
        raise
    sync_folder(destination.parent)
    if older is not None:
        shutil.rmtree(older, ignore_errors=True)


_OLDER = ".older"
"""Suffix of a folder while the new one gets its name."""


def _restore_older(destination: Path) -> None:
    """Finish a replacement that was killed: give the older folder its name back if there is none, else remove it."""
    pattern = re.compile(rf"\.{re.escape(destination.name[:200])}\.[0-9a-f]{{8}}{re.escape(_OLDER)}")
    for older in [each for each in destination.parent.iterdir() if pattern.fullmatch(each.name)]:
        if destination.exists():
            shutil.rmtree(older, ignore_errors=True)
        else:
            older.rename(destination)


def is_system_error(error: OSError) -> bool:
    """Return whether an OSError is about a file or a device.

    The other ones are lookup errors too: Jinja's `TemplateNotFound` says that the program has no such template.
    """
    return not isinstance(error, LookupError)


def _output_error(destination: Path, temporary: Path | None, error: OSError) -> OutputError:
    """Return the error that names what could not be written: a file elsewhere, a full disk, or else the folder."""
    named = None if error.filename is None else Path(os.fsdecode(error.filename))
    elsewhere = named is not None and named != destination and (temporary is None or temporary not in named.parents)
    if error.errno in _FULL and not elsewhere:
        named = _full_disk(destination.parent, Path(tempfile.gettempdir()))
        elsewhere = named is not None
    return OutputError(
        f"{destination} cannot be written: {error.strerror or error}",
        found=named if elsewhere else None,
        hint="Free some space or choose a folder that you may write to.",
    )


def _full_disk(*folders: Path) -> Path | None:
    """Return the first folder whose disk is full."""
    for folder in folders:
        try:
            if shutil.disk_usage(folder).free < _FEW_BYTES:
                return folder
        except OSError:
            continue
    return None
