"""The error of a file for anything that its reader raises: the one boundary between parsers and the rest."""

from __future__ import annotations

from glossator.service.documents.isolation.limits import MEMORY_MB, ReadingLimits
from glossator.service.errors import GlossatorError, InputError, UndecodableFile


def as_input_error(error: Exception, name: str) -> InputError:
    """Return the error of the file `name`: the error itself, or one that says what a parser raised."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, MemoryError):
        return memory_error(name)
    if isinstance(error, RecursionError):
        return UndecodableFile(
            f"{name} is nested too deeply",
            expected="fewer levels of elements within elements",
            hint="Open it in its program and save it again, or export its text.",
        )
    if isinstance(error, GlossatorError):
        return InputError(f"{name}: {error.message}", found=error.found, expected=error.expected, hint=error.hint)
    return UndecodableFile(
        f"{name} is damaged and cannot be read",
        found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        expected="a complete file of its format",
        hint="Open it in its program and save it again. If it opens there, report the file as a fault of Glossator.",
    )


def memory_error(name: str) -> UndecodableFile:
    """Return the error of a file that needs more memory than its reader may use."""
    return UndecodableFile(
        f"reading {name} needs too much memory",
        found=f"more than {ReadingLimits.from_environment().memory_mb:,} MB",
        expected="a file that fits into the limit",
        hint=f"Split the file, or raise the limit with {MEMORY_MB} if you trust it.",
    )
