"""Writes review tasks to a file, and reads the answers back: JSON lines, Label Studio or Prodigy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import ConfigError
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.reviews.formats.label_studio import is_label_studio, label_studio_task, read_annotations
from glossator.service.reviews.formats.prodigy import is_prodigy, prodigy_task, read_answer
from glossator.service.reviews.records import SERVED, Period, Role
from glossator.service.reviews.tasks import read_reviews

if TYPE_CHECKING:
    from glossator.service.reviews.store import ReviewStore

ReviewFormat = Literal["jsonl", "label-studio", "prodigy"]
FORMATS: tuple[ReviewFormat, ...] = get_args(ReviewFormat)
Numbered = tuple[int, Mapping[str, Any]]


class Written(NamedTuple):
    """How many tasks were written; `without_text` of them have no text (JSON lines), or were left out for it."""

    tasks: int
    without_text: int


class ReadFile(NamedTuple):
    """What was read from a file of reviews. `faults`: a sentence for each row that cannot be used."""

    rows: int
    new: int
    known: int
    outdated: int
    """Reviews that were stored before, and then replaced or undone: they are not stored again."""
    faults: list[str]


def check_format(name: str | None) -> ReviewFormat | None:
    """Return the format of this name. Raises ConfigError if there is none."""
    found = next((each for each in FORMATS if each == name), None)
    if name is not None and found is None:
        raise ConfigError("unknown format of reviews", found=name, expected=", ".join(FORMATS))
    return found


def write_tasks(path: str, tasks: Iterable[Mapping[str, Any]], period: Period, format: ReviewFormat) -> Written:
    """Write tasks to a file that only its owner can read; `-` is standard output. Raises OutputError."""
    count = without = 0
    lines = format != "label-studio"
    with _opened(path) as file:
        file.write(b"" if lines else b"[")
        for task in tasks:
            without += "text" not in task
            shaped = _shape(task, period, format)
            if shaped is None:
                continue
            separator = "" if lines or not count else ","
            content = separator + ("" if lines else "\n") + json.dumps(shaped, ensure_ascii=False)
            file.write((content + ("\n" if lines else "")).encode("utf-8", "backslashreplace"))
            count += 1
        file.write(b"" if lines else b"\n]\n")
    return Written(count, without)


def import_file(
    store: ReviewStore,
    path: Path,
    period: Period,
    reviewer: str,
    *,
    author: str | None = None,
    role: Role = "reviewer",
    format: ReviewFormat | None = None,
    new_labels: bool = False,
    restore: bool = False,
) -> ReadFile:
    """Store the reviews in a file. Good rows are kept if others are bad; reading it again changes nothing.

    Args:
        store: The store of reviews.
        path: The file: JSON lines, an export of Label Studio or the answers of Prodigy; or any table with such columns.
        period: The period that the tasks belong to.
        reviewer: Who reviewed, for rows that do not say it.
        author: Who imports them; by default the reviewers.
        role: The role of the reviewers.
        format: What the rows are; None: their content says it.
        new_labels: Allow labels that the model does not have.
        restore: Store reviews again that were replaced or undone since they were stored.

    Raises:
        FileMissing: There is no such file.
        InputError: The file cannot be read at all.
    """
    unreadable: list[str] = []
    faults: list[str] = []
    read = 0

    def counted() -> Iterator[Numbered]:
        nonlocal read
        for each in file_rows(path, unreadable):
            read += 1
            yield each

    labels = None if new_labels else period.scheme.labels or None
    rows = read_rows(counted(), period, faults, format)
    reviews, unusable = read_reviews(rows, period, store.draws(period.id), reviewer, role=role, labels=labels)
    done = store.import_reviews(period.id, reviews, author=author, restore=restore)
    return ReadFile(read + len(unreadable), *done, sorted([*unreadable, *faults, *unusable], key=_row_number))


def read_rows(
    rows: Iterable[Numbered], period: Period, faults: list[str], format: ReviewFormat | None = None
) -> Iterator[Numbered]:
    """Yield the rows of reviews in the rows of a file: those of an annotation tool in the form of ours.

    The content of each row says what it is, unless `format` does. What cannot be used becomes a sentence in `faults`.
    """
    for number, row in rows:
        kind = format or recognised_format(row)
        if kind == "jsonl":
            yield number, values_of_cells(row) if isinstance(row.get("item"), str) else row
            continue
        found = read_annotations(row, period) if kind == "label-studio" else [read_answer(row, period)]
        for each in found:
            if isinstance(each, ValueError):
                faults.append(f"row {number}: {each}")
            else:
                yield number, each


def recognised_format(row: Mapping[str, Any]) -> ReviewFormat:
    """Return the format of a row, by its fields."""
    return "label-studio" if is_label_studio(row) else "prodigy" if is_prodigy(row) else "jsonl"


def file_rows(path: Path, faults: list[str]) -> Iterator[Numbered]:
    """Yield the rows of a file with their numbers; rows that cannot be read become faults. Raises InputError."""
    for number, record in enumerate(open_source(path, annotated=True).annotated_records(), start=1):
        if record.error is not None:
            faults.append(f"row {number}: {record.error.message}")
        else:
            yield number, dict(record.fields)


def values_of_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table, whose cells are text, with the values that they stand for. Empty cells say nothing."""
    found = {name: None if value == "" else value for name, value in row.items()}
    for name in ("item", "seconds", "correct", "skip"):
        value = found.get(name)
        if isinstance(value, str):
            with suppress(ValueError, RecursionError):
                found[name] = json.loads(value.strip().lower())
    for name in (f"gold_{each}" for each in SERVED):
        value = found.get(name)
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            with suppress(ValueError, RecursionError):
                found[name] = json.loads(value)
    return found


def _shape(task: Mapping[str, Any], period: Period, format: ReviewFormat) -> Mapping[str, Any] | None:
    if format == "label-studio":
        return label_studio_task(task, period)
    return prodigy_task(task, period) if format == "prodigy" else task


@contextmanager
def _opened(path: str) -> Iterator[AtomicFile]:
    """A private file that gets its name when the block succeeds."""
    file = AtomicFile(path, mode=0o600)
    try:
        yield file
        file.commit()
    except BaseException:
        file.discard()
        raise


def _row_number(fault: str) -> int:
    number = fault.removeprefix("row ").partition(":")[0]
    return int(number) if number.isdecimal() else 0
