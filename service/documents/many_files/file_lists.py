"""Which paths stand for many files, and which files these are."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from glossator.service.errors import FileMissing
from glossator.service.files.paths import UNFINISHED_SUFFIX

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_WILDCARDS = frozenset("*?[")
_ANY_DEPTH = "**"


def names_many_files(path: str) -> bool:
    """Return whether a path is a folder, or a pattern that is not itself the name of a file."""
    return os.path.isdir(path) or (bool(_WILDCARDS & set(path)) and not os.path.exists(path))


def is_archive(path: str) -> bool:
    """Return whether a file is an archive, by its suffix."""
    return path.lower().endswith(ARCHIVES)


def has_many_documents(path: str, format: str | None) -> bool:
    """Return whether a source is read file by file; an archive is, unless the caller names another format."""
    return names_many_files(path) or (format is None and is_archive(path) and Path(path).is_file())


def list_files(path: str) -> list[Path]:
    """Return the files below a folder or of a pattern, sorted by name; `**` in a pattern matches folders at any depth.

    Names that begin with a dot, and the parts of unfinished outputs, are left out. A folder that links lead to several
    times is read once, so links in a circle end. Raises FileMissing if there is no file.
    """
    found = _files_below(path, set()) if os.path.isdir(path) else _matching_files(path)
    files = sorted(Path(name) for name in found if not _is_unfinished(Path(name)))
    if not files:
        raise FileMissing(
            f"there is no file {'in the folder' if os.path.isdir(path) else 'that matches'} {path}",
            expected="at least one file",
            hint="Check the path. In quotes, ** matches folders at any depth.",
        )
    return files


def _matching_files(pattern: str) -> Iterator[str]:
    parts = pattern.split(os.sep)
    if _ANY_DEPTH not in parts:
        yield from filter(os.path.isfile, glob.glob(pattern))
        return
    place = parts.index(_ANY_DEPTH)
    start, rest = os.sep.join(parts[:place]), parts[place:]
    absolute = pattern.startswith(os.sep)
    seen: set[tuple[int, int]] = set()
    for folder in sorted(glob.glob(start)) if start else [os.sep if absolute else os.curdir]:
        if os.path.isdir(folder):
            for file in _files_below(folder, seen):
                if _matches(os.path.relpath(file, folder).split(os.sep), rest):
                    yield file if start or absolute else os.path.relpath(file)


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, in steps that grow with their product only."""
    reached = {0}
    for place, part in enumerate(pattern):
        last = place == len(pattern) - 1
        if part == _ANY_DEPTH:
            reached = set(range(min(reached, default=len(names) + 1), len(names) + 1))
            if last:
                return bool(reached)
        else:
            reached = {at + 1 for at in reached if at < len(names) and fnmatch(names[at], part)}
    return len(names) in reached


def _files_below(root: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the files below a folder; folders behind links come last, and each folder once. `seen` has their ids."""
    folders, links = deque([root]), deque[str]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        try:
            state = os.stat(folder)
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # removed, or not readable: as a shell's pattern does, it is left out
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(entry.path)
            elif entry.is_file():
                yield entry.path


def _is_unfinished(path: Path) -> bool:
    return any(part.endswith(UNFINISHED_SUFFIX) for part in path.parts)
