"""Paths that the caller gives: `-` for the standard streams, errors with a hint for a path that cannot be opened."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from difflib import get_close_matches
from io import BufferedReader
from pathlib import Path

from glossator.service.errors import ConfigError, FileMissing, InputError

STANDARD_STREAM = "-"
"""The path that names standard input or standard output."""
UNFINISHED_SUFFIX = ".unfinished"
"""Suffix of the folder that holds the parts of an unfinished output: not an input."""


def display_name(path: str) -> str:
    """Return the name of the source for messages: its path, or `standard input`."""
    return "standard input" if path == STANDARD_STREAM else path


def open_bytes(path: str) -> BufferedReader:
    """Open a file for reading.

    Raises:
        FileMissing: There is no such file; the hint lists similar names.
        InputError: The path is a folder, or the file cannot be opened.
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise FileMissing(
            f"there is no file {path}", expected="an existing file", hint=_similar_names(Path(path))
        ) from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder", expected="a file", hint="Give one of its files.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{path} cannot be opened", found=reason, hint="Check the owner and the permissions of the file."
        ) from None
    return stream


def is_regular_file(path: str) -> bool:
    """Return whether the path is a file that can be read twice and in any order: not a pipe, not a device."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def refuse_same_file(output: str, inputs: Sequence[str]) -> None:
    """Raise ConfigError if the output is one of the inputs, also under another name."""
    for source in inputs:
        with contextlib.suppress(OSError, ValueError):
            if STANDARD_STREAM not in {output, source} and os.path.samefile(output, source):
                raise ConfigError(
                    "the output is the input",
                    found=output,
                    expected="another file",
                    hint="Choose another output file.",
                )


def _similar_names(path: Path) -> str:
    folder = path.parent
    try:
        names = {entry.name.lower(): entry.name for entry in folder.iterdir()}
    except OSError:
        return f"The folder {folder} does not exist or cannot be read."
    similar = [names[key] for key in get_close_matches(path.name.lower(), sorted(names), n=3)]
    return f"Did you mean {' or '.join(similar)}?" if similar else f"No similar name in {folder.resolve()}."
