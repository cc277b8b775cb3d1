"""What to do about the errors of rows, in plain words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorHint:
    """A title for an error code, and what to do about it."""

    title: str
    hint: str


_HINTS = {
    "empty-text": ErrorHint(
        "The text is empty", "Fill these cells, or check that the right text column was chosen, and submit again."
    ),
    "text-too-long": ErrorHint("The text is too long", "Split these texts, or allow the job to cut them off."),
    "undecodable-text": ErrorHint(
        "The cell is not a text", "Choose the column with the text, or write its values as strings."
    ),
    "unreadable-row": ErrorHint(
        "The row cannot be read", "Fix these rows in the file. The other rows are not affected."
    ),
    "undecodable-file": ErrorHint("A part of the file cannot be read", "Save the file again, and submit it."),
    "tokenizer-failed": ErrorHint("The model cannot read the text", "Give the operator these rows: this is a fault."),
    "chunk-failed": ErrorHint(
        "The worker crashed on these rows", "Retry them. If it fails again, submit the rows one by one."
    ),
}


def hint_for(code: str) -> ErrorHint:
    """Return the words for an error code; an unknown code is its own title."""
    return _HINTS.get(code, ErrorHint(code.replace("-", " ").capitalize(), "Fix these rows, and submit them again."))
