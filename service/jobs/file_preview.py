"""The first rows of an uploaded file as a job would read them, without a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from glossator.service.documents.decision import Decision
from glossator.service.documents.json_text import to_json, to_json_value
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source
from glossator.service.documents.text_evidence import could_be_text, why_not_text
from glossator.service.errors import ConfigError, GlossatorError, InputError, UnknownColumn, shorten
from glossator.service.inference.model import Model
from glossator.service.jobs.accept import Upload
from glossator.service.jobs.job_files import JobFiles, new_id
from glossator.service.jobs.job_options import LabelOptions, input_name, labelling_of
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.prepared_labelling import check_options, open_input, plan_output_columns
from glossator.service.labelling.row_count import estimate_rows
from glossator.service.labelling.row_labelling import ALL_ROWS

SHOWN_ROWS = 8
SHOWN_COLUMNS = 50
_HEAD_ROWS = 200
"""Rows that are read; the text column is detected from them."""
_CELL_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row. `cells` are those of the first SHOWN_COLUMNS columns; an unreadable row has none, and an error."""

    cells: Sequence[str | None]
    error: InputError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """How a job would read a file."""

    format: str
    encoding: str | None
    delimiter: str | None
    columns: Sequence[str]
    text_column: str | None
    """None if the columns do not tell it: `problem` then says so."""
    text_reason: str
    second_column: str | None
    rows: Sequence[PreviewRow]
    estimated_rows: int | None
    decisions: Sequence[Decision]
    warning: str
    """Why the text column may be the wrong one; empty if nothing is suspicious."""
    problem: GlossatorError | None
    """Why a job with these options would fail."""


def preview_upload(
    folder: JobFiles,
    upload: Upload,
    filename: str,
    options: LabelOptions,
    model: Model,
    *,
    total_bytes: int | None = None,
) -> FilePreview:
    """Read the first rows of an upload in the way of a job, and remove it.

    Args:
        folder: Where the file is kept while it is read.
        upload: The file, or its beginning.
        filename: The client's name of the file.
        options: The options of the job.
        model: The model of the job.
        total_bytes: The size of the whole file, if `upload` is only its beginning.

    Raises:
        ConfigError: The options do not fit the model or one another, or the format is unknown.
        InputError: The file cannot be read.
    """
    name = input_name(filename, options)
    labelling = labelling_of(options, name)
    check_options(labelling, model)
    preview_id = new_id("preview")
    try:
        with folder.new_job(preview_id) as made:
            path = made / name
            upload.keep(path)
            try:
                found = _read(replace(labelling, source=str(path)), model, upload.bytes, total_bytes)
            except GlossatorError as error:
                raise _renamed(error, path, filename) from None
            for row in found.rows:
                if row.error is not None:
                    _renamed(row.error, path, filename)
            return found
    finally:
        folder.remove(preview_id)


def _read(labelling: FileLabelling, model: Model, size: int, total_bytes: int | None) -> FilePreview:
    with open_input(labelling) as source:
        head = source.head(_HEAD_ROWS)
        if not head:
            raise InputError(
                "no rows were found in the file",
                found=f"{size:,} bytes",
                expected="at least one row",
                hint="Check that the file is the right one and is not empty.",
            )
        columns, problem = _plan(labelling, source, model)
        shown = source.columns[:SHOWN_COLUMNS]
        return FilePreview(
            format=source.format,
            encoding=source.encoding,
            delimiter=source.delimiter,
            columns=source.columns,
            text_column=None if columns is None else columns.text,
            text_reason="" if columns is None else columns.text_reason,
            second_column=None if columns is None else columns.second,
            rows=[PreviewRow(_cells(record, shown), record.error) for record in head[:SHOWN_ROWS]],
            estimated_rows=_estimate_rows(labelling, source, len(head), size, total_bytes),
            decisions=source.all_decisions(),
            warning="" if columns is None else _warn(columns.text, head),
            problem=problem,
        )


def _plan(labelling: FileLabelling, source: Source, model: Model) -> tuple[ColumnPlan | None, GlossatorError | None]:
    """Return the columns, or why there are none. A file whose texts cannot be found is still shown."""
    try:
        return plan_output_columns(labelling, source, model), None
    except (UnknownColumn, ConfigError) as error:
        return None, error


def _warn(column: str, head: Sequence[Record]) -> str:
    values = [record.fields.get(column) for record in head if record.error is None]
    if not values:
        return "no row could be read"
    if not could_be_text(values):
        return f"the column '{shorten(column, 60)}' has no texts in the first rows"
    why = why_not_text(values)
    return why and f"'{shorten(column, 60)}' may not hold the texts: {why}"


def _cells(record: Record, columns: Sequence[str]) -> list[str | None]:
    return [] if record.error is not None else [_cell(record.fields, name) for name in columns]


def _cell(fields: Mapping[str, object], name: str) -> str | None:
    value = to_json_value(fields.get(name))
    if value is None:
        return None
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= _CELL_CHARACTERS else f"{text[: _CELL_CHARACTERS - 1]}…"


def _estimate_rows(
    labelling: FileLabelling, source: Source, head: int, size: int, total_bytes: int | None
) -> int | None:
    is_part = total_bytes is not None and total_bytes > size
    if not is_part and head < _HEAD_ROWS:
        return head
    if source.row_count is not None:
        return source.row_count
    rows = estimate_rows(replace(labelling, selection=ALL_ROWS))
    return round(rows * total_bytes / size) if rows is not None and is_part and total_bytes and size else rows


def _renamed(error: GlossatorError, path: Path, filename: str) -> GlossatorError:
    """Put the client's name of the file into an error in place of the path on the server."""
    name = shorten(PurePath(filename.replace("\\", "/")).name)
    for attribute in ("message", "found", "expected", "hint"):
        text = getattr(error, attribute)
        if isinstance(text, str):
            setattr(error, attribute, text.replace(str(path), name).replace(str(path.parent), "the upload"))
    error.args = (error.message,)
    return error
