"""Every error that Glossator raises on purpose.

GlossatorError
├── BundleError             the folder on disk is not a bundle that may be served
│   ├── BundleNotFound
│   ├── BundleInvalid         carries every fault found, each with its name
│   └── BundleVersionUnsupported
├── InputError              one text, row, file or argument of the caller is at fault
│   ├── EmptyText
│   ├── TextTooLong
│   ├── UndecodableText       lone surrogates, not a string
│   ├── UndecodableFile
│   ├── UnreadableRow         a row that its format cannot hold
│   ├── FileMissing
│   ├── UnknownColumn
│   ├── UnknownModel
│   └── ChunkFailed           labelling these rows ended its worker, again and again
├── CorpusError             carries every fault found in a corpus
├── ConfigError             carries every fault found in options and settings
│   └── ExtraMissing          an optional dependency is not installed
├── Overloaded              carries the seconds after which to ask again
├── ModelLoading            the version that is asked for will be there in a moment
├── DeadlineExceeded
├── InferenceError          ONNX Runtime failed on a graph that had loaded
├── OutputError             the answer could not be written
│   └── NoRoom                the disk is as full as it may be
└── JobError                a labelling cannot go on
    ├── UnknownJob
    ├── JobConflict           the job is not in a state in which this can be done
    ├── IdempotencyConflict
    ├── StoreUnavailable      the database of the jobs cannot be read or written for now
    └── StaleAttempt          another worker has taken the job, or it was cancelled

Each says what happened, the value found, what was expected and the way out. HTTP status codes stand in one
table of the API (`glossator.service.api.problems`), exit codes in one table of the command line (`glossator.cli.console`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

_SHOWN_CHARACTERS = 120


def shorten(value: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """The value as printable ASCII-safe text of at most `limit` characters, so that no message floods a terminal.

    >>> shorten("a" * 200, 10)
    'aaaaaaaaa…'
    """
    text = str(value) if isinstance(value, str | PurePath | BaseException) else repr(value)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its short name (stable, kebab-case), where it stands, and what was found."""

    name: str
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.where}: {self.what}" if self.where else f"{self.name}: {self.what}"


class GlossatorError(Exception):
    """The root. `code` is a stable kebab-case name that clients may switch on."""

    code = "glossator-error"

    def __init__(
        self,
        what: str,
        *,
        found: object = None,
        expected: str | None = None,
        way_out: str | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.found = None if found is None else shorten(found)
        self.expected = expected
        self.way_out = way_out
        self.faults = tuple(faults)

    def __str__(self) -> str:
        parts = [self.what]
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.expected is not None:
            parts.append(f"expected: {self.expected}")
        parts.extend(str(fault) for fault in self.faults)
        if self.way_out is not None:
            parts.append(self.way_out)
        return "\n  ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """The error as JSON-ready fields; absent ones are left out."""
        fields: dict[str, object] = {"code": self.code, "what": self.what}
        fields |= {"found": self.found} if self.found is not None else {}
        fields |= {"expected": self.expected} if self.expected is not None else {}
        fields |= {"way_out": self.way_out} if self.way_out is not None else {}
        if self.faults:
            fields["faults"] = [{"name": f.name, "what": f.what, "where": f.where} for f in self.faults]
        return fields


class BundleError(GlossatorError):
    code = "bundle-error"


class BundleNotFound(BundleError):
    code = "bundle-not-found"


class BundleInvalid(BundleError):
    code = "bundle-invalid"


class BundleVersionUnsupported(BundleError):
    code = "bundle-version-unsupported"


class InputError(GlossatorError):
    code = "input-error"


class EmptyText(InputError):
    code = "empty-text"


class TextTooLong(InputError):
    code = "text-too-long"


class UndecodableText(InputError):
    code = "undecodable-text"


class UndecodableFile(InputError):
    code = "undecodable-file"


class UnreadableRow(InputError):
    code = "unreadable-row"


class FileMissing(InputError):
    code = "file-missing"


class UnknownColumn(InputError):
    code = "unknown-column"


class UnknownModel(InputError):
    code = "unknown-model"


class ChunkFailed(InputError):
    code = "chunk-failed"


class CorpusError(GlossatorError):
    code = "corpus-error"


class ConfigError(GlossatorError):
    code = "config-error"


class ExtraMissing(ConfigError):
    code = "extra-missing"


class Overloaded(GlossatorError):
    code = "overloaded"

    def __init__(self, what: str, *, retry_after: int = 1, **details: Any) -> None:
        super().__init__(what, **details)
        self.retry_after = retry_after
        """Seconds after which to ask again."""


class ModelLoading(GlossatorError):
    code = "model-loading"


class DeadlineExceeded(GlossatorError):
    code = "deadline-exceeded"


class InferenceError(GlossatorError):
    code = "inference-error"


class OutputError(GlossatorError):
    code = "output-error"


class NoRoom(OutputError):
    code = "no-room"


class JobError(GlossatorError):
    code = "job-error"


class UnknownJob(JobError):
    code = "unknown-job"


class JobConflict(JobError):
    code = "job-conflict"


class IdempotencyConflict(JobError):
    code = "idempotency-conflict"


class StoreUnavailable(JobError):
    code = "store-unavailable"


class StaleAttempt(JobError):
    code = "stale-attempt"
