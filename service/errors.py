"""Every error that Glossator raises on purpose.

GlossatorError
├── BundleError             the folder is not a bundle that can be served
│   ├── BundleNotFound
│   ├── BundleInvalid         lists every fault found, each with its name
│   └── BundleVersionUnsupported
├── InputError              one text, row, file or argument of the caller is invalid
│   ├── EmptyText
│   ├── TextTooLong
│   ├── UndecodableText       lone surrogates, or not a string
│   ├── TokenizerFailed       the model's tokenizer failed on the text
│   ├── UndecodableFile
│   ├── UnreadableRow         a row that violates its file format
│   ├── FileMissing
│   ├── UnknownColumn
│   ├── UnknownModel
│   ├── ChunkFailed           the worker crashed repeatedly on these rows
│   ├── UnknownAnswer         no answer in the prediction log is the one meant
│   ├── UnknownFeedback
│   ├── InvalidFeedback       it does not fit the answer or the model's labels
│   ├── UnknownPeriod         the model has no such period of answers to review
│   ├── UnknownItem           the period has no such answer to review
│   │   └── UnknownQueue        there is no such labelling queue
│   ├── InvalidReview         lists the reviews of a request that cannot be used
│   └── UnknownChallenge      the model has no such comparison of two versions
├── CorpusError             lists every fault found in a corpus
├── ConfigError             lists every fault found in options and settings
│   └── ExtraMissing          an optional dependency is not installed
├── Overloaded              the server is overloaded; says after how many seconds to retry
├── PromotionRefused        the evidence does not allow it; lists what speaks against it
├── ModelLoading            the requested version is still loading
├── DeadlineExceeded
├── InferenceError          ONNX Runtime failed on a graph that had loaded
├── OutputError             the output could not be written
│   └── NoRoom                free disk space is below the reserve
└── JobError                a job cannot continue
    ├── UnknownJob
    ├── JobConflict           the job's state does not allow this operation
    ├── IdempotencyConflict
    ├── StoreUnavailable      the job database cannot be read or written at the moment
    └── StaleAttempt          another worker has claimed the job, or it was cancelled

An error says what happened, the value found, what was expected, and a hint to fix it. HTTP status codes are in one
table (`glossator.service.api.problems`), exit codes in another (`glossator.cli.support.console`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

_SHOWN_CHARACTERS = 120


def shorten(value: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return the value as printable text of at most `limit` characters, so that no message floods a terminal.

    Lists, mappings, true, false and null are written as in JSON, dates in ISO 8601.

    >>> shorten("a" * 200, 10), shorten(["a", None, True])
    ('aaaaaaaaa…', '["a", null, true]')
    """
    text = _to_json(value) if value is None or isinstance(value, bool | list | tuple | dict | set) else _to_text(value)
    text = text[: limit + 1].encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _to_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _to_json(value: object) -> str:
    try:
        value = list(value) if isinstance(value, set) else value
        return json.dumps(value, ensure_ascii=False, default=_to_text)
    except (TypeError, ValueError, RecursionError):
        return str(value)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its stable kebab-case name, what is wrong, and where (a file, a field, a row)."""

    name: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.where}: {self.message}" if self.where else f"{self.name}: {self.message}"


class GlossatorError(Exception):
    """Base class of all errors. `code` is a stable kebab-case name that clients can test for."""

    code = "glossator-error"

    def __init__(
        self,
        message: str,
        *,
        found: object = None,
        expected: str | None = None,
        hint: str | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.found = None if found is None else shorten(found)
        self.expected = expected
        self.hint = hint
        self.faults = tuple(faults)

    def __str__(self) -> str:
        parts = [self.message]
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.expected is not None:
            parts.append(f"expected: {self.expected}")
        parts.extend(str(fault) for fault in self.faults)
        if self.hint is not None:
            parts.append(f"hint: {self.hint}")
        return "\n  ".join(parts)

    def at(self, place: str) -> Self:
        """Return the same error with the place where it occurred, such as `row 3`."""
        details: dict[str, Any] = {
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
            "faults": self.faults,
        }
        return type(self)(f"{place}: {self.message}", **details)

    def to_dict(self) -> dict[str, object]:
        """Return the error as JSON-ready fields, without those that are not set."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        fields |= {"found": self.found} if self.found is not None else {}
        fields |= {"expected": self.expected} if self.expected is not None else {}
        fields |= {"hint": self.hint} if self.hint is not None else {}
        if self.faults:
            fields["faults"] = [{"name": f.name, "message": f.message, "where": f.where} for f in self.faults]
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


class TokenizerFailed(InputError):
    code = "tokenizer-failed"


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


class UnknownAnswer(InputError):
    code = "unknown-answer"


class UnknownFeedback(InputError):
    code = "unknown-feedback"


class InvalidFeedback(InputError):
    code = "invalid-feedback"


class UnknownPeriod(InputError):
    code = "unknown-period"


class UnknownItem(InputError):
    code = "unknown-item"


class UnknownQueue(UnknownItem):
    code = "unknown-queue"


class InvalidReview(InputError):
    code = "invalid-review"


class UnknownChallenge(InputError):
    code = "unknown-challenge"


class CorpusError(GlossatorError):
    code = "corpus-error"


class ConfigError(GlossatorError):
    code = "config-error"


class ExtraMissing(ConfigError):
    code = "extra-missing"


class Overloaded(GlossatorError):
    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int = 1, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after
        """Seconds after which to retry."""


class PromotionRefused(GlossatorError):
    code = "promotion-refused"


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
