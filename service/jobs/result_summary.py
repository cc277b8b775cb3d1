"""What is in the finished rows of a job: the first answers, errors by kind, the mix of labels, and their scores.

It is read from the parts on disk. The parts with errors are known from the store; labels and scores come from parts
that are spread evenly over the file, so a long result is not read as a whole.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.documents.column_names import TEXT_COLUMNS, columns_named
from glossator.service.documents.decoding.lines import MAX_ROW_CHARACTERS
from glossator.service.documents.row_formats import CsvFormat, JsonlFormat, RowFormat, TsvFormat
from glossator.service.errors import JobConflict, shorten
from glossator.service.inference.answer_forms.answer_cells import split_labels
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_options import make_labelling
from glossator.service.jobs.records import Chunk, Job
from glossator.service.jobs.storage.store import Store
from glossator.service.labelling.outputs.output_formats import find_output_format
from glossator.service.labelling.outputs.parquet import ParquetFormat

EXAMPLES = 3
"""Examples of each kind of error."""
FIRST_ROWS = 5
SCORE_BINS = 10
_SAMPLED_PARTS = 16
_MOST_BYTES = 32 << 20
"""Bytes that are read of one job, unless its first part is larger."""
_TEXT_CHARACTERS = 160
_PARTS_BY_ERROR = 3

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """A row with an error. `row` counts from 1."""

    row: int
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """The rows with the same error code."""

    code: str
    rows: int
    examples: Sequence[ErrorExample]


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One row of the result. `row` counts from 1."""

    row: int
    text: str
    answer: str
    """Its labels, entities or answer in words; empty if it has none."""
    score: float | None
    error: str
    """Why it has no answer; empty if it has one."""


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """What the rows of a job hold. `labels` and `scores` count the rows that were read: `read_rows` of them."""

    errors: Sequence[ErrorKind]
    labels: Mapping[str, int]
    """Rows by label, the most frequent first. A row of a multi-label model counts for each of its labels."""
    scores: Sequence[int]
    """Rows by score, in SCORE_BINS equal bins from 0 to 1; empty if the rows have no such scores."""
    read_rows: int
    first_rows: Sequence[AnsweredRow] = ()


def summarise_result(store: Store, folder: JobFiles, job: Job) -> ResultSummary:
    """Return what the finished rows of a job hold. Examples and labels are empty for formats without cells."""
    labelling = make_labelling(job)
    row_format, _ = find_output_format(labelling.output, labelling.output_format)
    reader = _PartReader(folder, job, row_format)
    chunks = store.chunks(job.id)
    sampled = {chunk.number for chunk in _spread(chunks)}
    failed = _parts_with_errors(chunks)
    examples: dict[str, list[ErrorExample]] = {code: [] for code in job.counts.errors}
    labels: Counter[str] = Counter()
    scores = [0] * SCORE_BINS
    read_rows = 0
    first_rows: list[AnsweredRow] = []
    for chunk in chunks:
        if chunk.number not in sampled and chunk.number not in failed:
            continue
        rows = reader.read(chunk)
        if rows is None:
            break
        if chunk.number == 0:
            first_rows = [_answered(row, labelling.prefix, labelling.text_column) for row in rows[:FIRST_ROWS]]
        _collect_examples(rows, labelling.prefix, labelling.text_column, examples)
        if chunk.number in sampled:
            read_rows += _count_answers(rows, labelling.prefix, labels, scores)
    kinds = [
        ErrorKind(code, count, examples.get(code, []))
        for code, count in sorted(job.counts.errors.items(), key=lambda each: -each[1])
    ]
    return ResultSummary(kinds, dict(labels.most_common()), scores if any(scores) else (), read_rows, first_rows)


class _PartReader:
    """Reads the rows of parts, up to _MOST_BYTES."""

    def __init__(self, folder: JobFiles, job: Job, row_format: type[RowFormat]) -> None:
        self._folder = folder
        self._job = job
        self._format = row_format
        self._bytes = 0

    def read(self, chunk: Chunk) -> list[Row] | None:
        """Return the rows of a part; None if enough was read, or if the format has no cells."""
        if self._bytes > _MOST_BYTES or not issubclass(self._format, JsonlFormat | CsvFormat | ParquetFormat):
            return None
        try:
            with open(self._folder.open_part(self._job.id, chunk.part), "rb") as file:
                data = file.read()
        except (OSError, JobConflict):  # the job was retried or deleted in between
            return None
        self._bytes += len(data)
        if issubclass(self._format, JsonlFormat):
            return [json.loads(line) for line in data.splitlines()]
        if issubclass(self._format, CsvFormat):
            return self._read_csv(data)
        import pyarrow.parquet

        rows: list[Row] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        return rows

    def _read_csv(self, data: bytes) -> list[Row]:
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_CHARACTERS))
        text = (self._folder.read_head(self._job.id) + data).decode("utf-8")
        delimiter = "\t" if issubclass(self._format, TsvFormat) else ","
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def _spread(chunks: Sequence[Chunk]) -> Sequence[Chunk]:
    """Return at most _SAMPLED_PARTS chunks, evenly spaced."""
    step = max(1, -(-len(chunks) // _SAMPLED_PARTS))
    return chunks[::step]


def _parts_with_errors(chunks: Iterable[Chunk]) -> set[int]:
    """Return the first chunks with each kind of error."""
    found: dict[str, list[int]] = {}
    for chunk in chunks:
        for code in chunk.counts.errors:
            numbers = found.setdefault(code, [])
            if len(numbers) < _PARTS_BY_ERROR:
                numbers.append(chunk.number)
    return {number for numbers in found.values() for number in numbers}


def _collect_examples(
    rows: Iterable[Row], prefix: str, text_column: str | None, examples: dict[str, list[ErrorExample]]
) -> None:
    for row in rows:
        if row.get(f"{prefix}_status") != "error":
            continue
        code, _, message = str(row.get(f"{prefix}_error")).partition(": ")
        found = examples.get(code)
        if found is not None and len(found) < EXAMPLES:
            found.append(ErrorExample(_number_of(row, prefix), _text_of(row, prefix, text_column), message))


def _answered(row: Row, prefix: str, text_column: str | None) -> AnsweredRow:
    error = str(row.get(f"{prefix}_error") or "").partition(": ")[2]
    return AnsweredRow(
        _number_of(row, prefix),
        _text_of(row, prefix, text_column),
        shorten(_answer_of(row, prefix), _TEXT_CHARACTERS),
        _score(row.get(f"{prefix}score")),
        error,
    )


def _answer_of(row: Row, prefix: str) -> str:
    """Return the answer of a row in words."""
    if labels := _labels_of(row, prefix):
        return ", ".join(labels)
    entities = row.get(f"{prefix}entities")
    if entities:
        found: Any = json.loads(entities) if isinstance(entities, str) else entities
        return ", ".join(f"{entity['text']} ({entity['label']})" for entity in found)
    return str(row.get(f"{prefix}answer") or "")


def _number_of(row: Row, prefix: str) -> int:
    return int(str(row[f"{prefix}_row_id"])) + 1


def _text_of(row: Row, prefix: str, text_column: str | None) -> str:
    """Return the beginning of the text of a row: of its text column, else of its longest cell."""
    names = [name for name in row if not name.startswith(f"{prefix}_")]
    if text_column not in row:
        named = next((found[0] for _, _, found in columns_named(names, TEXT_COLUMNS)), None)
        text_column = named or max(names, key=lambda name: len(str(row[name] or "")), default=None)
    value = None if text_column is None else row[text_column]
    return "" if value is None else shorten(value, _TEXT_CHARACTERS)


def _count_answers(rows: Iterable[Row], prefix: str, labels: Counter[str], scores: list[int]) -> int:
    """Count the labels and the scores of rows without an error. Return how many rows there are."""
    count = 0
    for row in rows:
        if row.get(f"{prefix}_status") != "ok":
            continue
        count += 1
        labels.update(_labels_of(row, prefix))
        score = _score(row.get(f"{prefix}score"))
        if score is not None and 0.0 <= score <= 1.0:
            scores[min(SCORE_BINS - 1, int(score * SCORE_BINS))] += 1
    return count


def _labels_of(row: Row, prefix: str) -> list[str]:
    several = row.get(f"{prefix}labels")
    if several is not None:
        return [str(name) for name in several] if isinstance(several, list) else split_labels(str(several))
    label = row.get(f"{prefix}label")
    return [] if label in (None, "") else [str(label)]


def _score(value: object) -> float | None:
    try:
        return None if value in (None, "") else float(str(value))
    except ValueError:
        return None
