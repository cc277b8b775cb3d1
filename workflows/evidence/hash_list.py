"""The list of hashes in an evidence folder: SHA-256 and name of every file, as `sha256sum --check` reads them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from glossator.service.errors import Fault
from glossator.service.files.hashing import hash_file
from glossator.workflows.evidence import file_names


def changed_files(folder: Path) -> Iterator[Fault]:
    """Yield a fault for each file that is not what the list of hashes says, by its name."""
    stored = (folder / file_names.SUMS).read_bytes()
    expected: dict[str, str] = {}
    for line in stored.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    actual = {name: _hash(folder / name) for name in files_in(folder)}
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            yield Fault("missing-file", f"listed in {file_names.SUMS}", name)
        elif name not in expected:
            yield Fault("unlisted-file", f"not listed in {file_names.SUMS}", name)
        elif expected[name] != actual[name]:
            yield Fault("wrong-hash", f"not the content that {file_names.SUMS} has the hash of", name)
    if expected == actual and stored != hash_list(folder):
        yield Fault("list-altered", "its lines are not in the form in which they were written", file_names.SUMS)


def hash_list(folder: Path) -> bytes:
    """Return the content of the list for the files as they are."""
    return "".join(f"{hash_file(folder / name)}  {name}\n" for name in files_in(folder)).encode()


def _hash(path: Path) -> str | None:
    """Return the hash of a regular file; None for a link, a pipe, and all else that is no content."""
    return hash_file(path) if stat.S_ISREG(path.lstat().st_mode) else None


def files_in(folder: Path) -> list[str]:
    """Return the names of everything except real folders and the list of hashes, sorted."""
    found = [
        (Path(place) / name).relative_to(folder).as_posix()
        for place, folders, names in os.walk(folder)
        for name in [*names, *(each for each in folders if (Path(place) / each).is_symlink())]
    ]
    return sorted(name for name in found if name not in file_names.UNLISTED)
