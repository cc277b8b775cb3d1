"""Writes a folder so that it appears whole or not at all: aside, flushed to disk, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.folder import sha256
from glossator.service.bundle.manifest import FileEntry, Manifest
from glossator.service.errors import OutputError


@contextmanager
def atomic_folder(destination: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A new folder beside `destination` to write into; it takes that name when the block ends without an error.

    After an error nothing is left behind, and what stood at `destination` still stands. Raises OutputError where
    `destination` exists and `overwrite` is not set, or where the disk refuses.
    """
    destination = Path(destination)
    aside: Path | None = None
    try:
        check_free(destination, overwrite=overwrite)
        destination.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
        aside.chmod(0o755)
        yield aside
        _flush_tree(aside)
        _replace(aside, destination)
    except OSError as error:
        raise OutputError(
            f"{destination} cannot be written: {error.strerror or error}",
            hint="Free some space or choose a folder that you may write to.",
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def file_entries(root: Path) -> dict[str, FileEntry]:
    """Every file below `root` except the manifest, with size and hash, sorted by name."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {
        name: FileEntry(sha256=sha256(root / name), size=(root / name).stat().st_size)
        for name in names
        if name != file_names.MANIFEST
    }


def write_manifest(root: Path, manifest: Manifest) -> Manifest:
    """Writes `bundle.json` into `root`, sealed with its digest; returns the sealed manifest."""
    sealed = manifest.sealed()
    (root / file_names.MANIFEST).write_bytes(sealed.to_bytes())
    return sealed


def check_free(destination: Path, *, overwrite: bool) -> None:
    """Raises OutputError where `atomic_folder` would, so far as can be seen before there is anything to write."""
    try:
        exists = destination.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise OutputError(
            f"the output folder cannot be made: {error.strerror}", found=destination, hint="Choose another one."
        ) from error
    existing = next((folder for folder in destination.absolute().parents if folder.exists()), destination)
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise OutputError(
            "the output folder cannot be made",
            found=destination,
            expected=f"{existing} to be a folder that you may write to",
            hint="Choose another one.",
        )
    if not exists:
        return
    if not overwrite:
        raise OutputError(
            "the output folder exists already", found=destination, hint="Choose another one, or pass --overwrite."
        )
    if not _is_ours(destination):
        raise OutputError(
            "the output folder holds something that Glossator did not write",
            found=destination,
            expected=f"a folder with {file_names.MANIFEST} or {file_names.TASK}, or none",
            hint="Choose another one.",
        )


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and (
        any((folder / name).exists() for name in (file_names.MANIFEST, file_names.TASK, file_names.MENDED))
        or not any(folder.iterdir())
    )


def _flush_tree(root: Path) -> None:
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            fsync(Path(folder, name))
        fsync(Path(folder))


def _replace(aside: Path, destination: Path) -> None:
    """Renames `aside` to `destination`. A folder cannot be renamed onto a full one, so the old one steps aside."""
    old = None
    if destination.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{destination.name}-old-", dir=destination.parent))
        destination.rename(old / destination.name)
    try:
        aside.rename(destination)
    except OSError:
        if old is not None:
            (old / destination.name).rename(destination)
        raise
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    fsync(destination.parent)


def fsync(path: Path) -> None:
    """Returns when the file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
