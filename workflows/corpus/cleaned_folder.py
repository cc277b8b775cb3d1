"""A cleaned corpus as a folder: the cleaned rows, every change, every row left out; `restore_rows` reverses it.

`corpus.<format>` holds the rows that are left, with all their columns. `changes.jsonl` has one line per change: `row`
(from 1), `line` in the source, `rule`, `column`, `before`, `after`; if a rule left out the row, `column` and `after`
are null and `before` is the whole row. `rejects.jsonl` has the rows that could not be used, whole. Together they
contain everything that the source contained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError, CorpusError, FileMissing
from glossator.service.files.append_lines import split_lines
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.corpus.cleaning.cleaning_rules import CellChange, CleanedCorpus
    from glossator.training.corpus.reading.labels.label_reader import LabelReader
    from glossator.training.corpus.row import Row

CHANGES, REJECTS = "changes.jsonl", "rejects.jsonl"
_SAME_FORMATS = ("csv", "tsv")
"""A source in one of these formats is written in the same format; all others as JSON Lines, which holds any value."""


@dataclass(frozen=True, slots=True)
class CleaningSummary:
    """What cleaning did: how many rows were kept and rejected, and the number of changes by rule."""

    file: str
    rows_in: int
    rows_out: int
    rejected: int
    changes: dict[str, int]
    unreadable: int

    def report_lines(self, folder: Path | None = None) -> list[str]:
        """Return the summary as lines of Markdown with a heading; with `folder`, how to undo the changes."""
        return ["", "## Cleaned", "", *self.lines(folder)]

    def lines(self, folder: Path | None = None) -> list[str]:
        """Return the summary as lines of Markdown without a heading."""
        left_out = self.rows_in - self.rows_out - self.rejected
        lines = [
            f"{self.rows_in:,} rows in = {self.rows_out:,} in {self.file} + {self.rejected:,} rejected + "
            f"{left_out:,} left out; {sum(self.changes.values()):,} changes:",
            "",
        ]
        lines += [f"- {rule}: {count:,}" for rule, count in self.changes.items()] or ["- none"]
        if folder is not None:
            undo = f"`glossator restore {folder} -o FILE` undoes them."
            lines += ["", f"Every change is recorded in {folder / CHANGES}; {undo}"]
        return lines


def check_can_apply(source: str) -> None:
    """Raise ConfigError for a source that cannot be read twice."""
    if source == "-":
        raise ConfigError(
            "--apply reads the source twice, but standard input can be read only once",
            found="-",
            expected="a file",
            hint="Save it to a file first.",
        )


def write_cleaned(
    source: str, options: ReadingOptions, cleaned: CleanedCorpus, folder: Path, reporter: Reporter
) -> CleaningSummary:
    """Read the source a second time and write the cleaned rows and all changes into `folder`, which is empty.

    Raises CorpusError if the source has changed since the first reading.
    """
    from glossator.service.documents.row_writer import open_row_writer
    from glossator.workflows.corpus.sources import open_rows

    format = (options.input_format or Path(source.removesuffix(".gz")).suffix.lstrip(".")).removesuffix(".gz")
    format = format if format in _SAME_FORMATS else "jsonl"
    file = folder / f"corpus.{format}"
    columns = cleaned.corpus.columns.existing
    rejects = {reject.line: reject for reject in cleaned.corpus.rejects}
    row_of = {line: row for row, line in enumerate(cleaned.corpus.lines)}
    labels = _label_reader(cleaned, options)
    content = hashlib.sha256()
    counts: dict[str, int] = {}
    number = kept = unreadable = 0
    with (
        open_rows(source, options, reporter) as opened,
        open_row_writer(file, columns, formula_safe=False) as clean,
        open_row_writer(folder / CHANGES, ()) as changes,
        open_row_writer(folder / REJECTS, ()) as rejected,
    ):
        for number, row in enumerate(opened.rows, start=1):
            place = {"row": number, "line": row.line}
            fields = dict(row.fields)
            if row.error is None:
                content.update(_digestible(fields))
            if row.line in rejects:
                unreadable += row.error is not None
                why = {"reason": rejects[row.line].reason, "message": rejects[row.line].message}
                whole: dict[str, object] = {"raw": row.raw} if row.error is not None else {"fields": fields}
                rejected.write(place | why | whole)
            elif row.line in cleaned.removed:
                rule, what = cleaned.removed[row.line]
                counts[rule] = counts.get(rule, 0) + 1
                changes.write(place | {"rule": rule, "column": None, "message": what, "before": fields, "after": None})
            elif row.line in row_of:
                for change in _changes(row, cleaned, row_of[row.line], labels):
                    if fields[change.column] != change.before:
                        raise _source_changed(source)
                    counts[change.rule] = counts.get(change.rule, 0) + 1
                    changes.write(place | change._asdict())
                    fields[change.column] = change.after
                clean.write(fields)
                kept += 1
            else:
                raise _source_changed(source)
    if number != cleaned.corpus.rows_in or kept != len(cleaned.corpus):
        raise _source_changed(source)
    summary = CleaningSummary(file.name, number, kept, len(rejects), counts, unreadable)
    description = {
        "format_version": 1,
        "source": Path(source).name,
        "columns": list(columns),
        "table_dialect": None if opened.table_dialect is None else asdict(opened.table_dialect),
        **asdict(summary),
        "content_sha256": content.hexdigest(),
        "fingerprint": cleaned.corpus.fingerprint(),
    }
    text = json.dumps(description, ensure_ascii=False, indent=2) + "\n"
    (folder / file_names.CLEANED).write_text(text, encoding="utf-8")
    return summary


def restore_rows(folder: Path, output: Path) -> dict[str, Any]:
    """Write the rows of the original source to `output`; returns the content of the folder's `cleaned.json`.

    A delimited table gets the delimiter, quotes and header of the source if the output has the format of the source.
    Rows that could not be read have no columns to restore: they stay in `rejects.jsonl`. Raises CorpusError if the
    restored rows differ from the original ones, FileMissing if the folder holds no cleaned corpus; then nothing is
    written.
    """
    from glossator.service.documents.formats.tables.csv_dialect import TableDialect
    from glossator.service.documents.row_writer import open_row_writer
    from glossator.service.documents.sources.open_source import open_source

    description = _read_description(folder)
    dialect = description.get("table_dialect")
    is_table = Path(description["file"]).suffix.lstrip(".") in _SAME_FORMATS
    quotes: dict[str, Any] = {"quotes": "csv"} if is_table else {}
    content = hashlib.sha256()
    rows = 0
    with (
        open_source(folder / description["file"], header=True if is_table else None, **quotes) as clean,
        open_row_writer(
            output,
            description["columns"],
            formula_safe=False,
            inputs=[folder / description["file"]],
            dialect=None if dialect is None else TableDialect(**dialect),
        ) as sink,
    ):
        removed = _by_row(folder / REJECTS)
        changes = _by_row(folder / CHANGES)
        left = clean.records()
        for number in range(1, description["rows_in"] + 1):
            fields = _restored(left, changes.get(number, ()), removed.get(number))
            if fields is None:
                continue
            content.update(_digestible(fields))
            sink.write(fields)
            rows += 1
        if content.hexdigest() != description["content_sha256"] or next(left, None) is not None:
            raise CorpusError(
                f"the rows of {folder} differ from the original ones",
                found=f"{rows:,} rows with other content",
                expected=f"content with SHA-256 {description['content_sha256'][:12]}…",
                hint="A file in the folder was changed: take the rows from the source, which was never changed.",
            )
    return description


def _restored(
    left: Iterator[Any], changes: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]] | None
) -> dict[str, object] | None:
    """Return the original fields of one row; None for a row that could not be read."""
    if rejected is not None:
        return rejected[0].get("fields")
    if len(changes) == 1 and changes[0]["column"] is None:
        return dict(changes[0]["before"])
    record = next(left, None)
    if record is None or record.error is not None:
        return {}
    fields = dict(record.fields)
    for change in reversed(changes):
        fields[change["column"]] = change["before"]
    return fields


def _by_row(path: Path) -> dict[int, list[dict[str, Any]]]:
    """Return the lines of a file by the row number in each."""
    lines = map(json.loads, split_lines(path.read_bytes()).complete)
    return {number: list(group) for number, group in groupby(lines, key=lambda line: int(line["row"]))}


def _read_description(folder: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads((folder / file_names.CLEANED).read_bytes())
    except OSError:
        raise FileMissing(
            f"{folder} holds no cleaned corpus",
            found=f"no {file_names.CLEANED}",
            expected="a folder that `glossator wrangle --apply` wrote",
        ) from None
    except ValueError as error:
        raise CorpusError(
            f"{folder / file_names.CLEANED} is damaged", found=error, hint="Run `wrangle --apply` again."
        ) from None
    return description


def _changes(row: Row, cleaned: CleanedCorpus, index: int, labels: LabelReader | None) -> Iterable[CellChange]:
    from glossator.training.corpus.cleaning.cleaning_rules import REVIEWED, CellChange
    from glossator.training.corpus.cleaning.label_names import RARE, VARIANTS
    from glossator.training.corpus.reading.labels.label_reader import name_key

    yield from cleaned.cells.get(row.line, ())
    column, names = cleaned.corpus.columns.label, cleaned.corpus.labels[index]
    if labels is None:
        return
    form = cleaned.corpus.columns.form
    value = row.fields.get(column)
    given = labels.read(value if form is None else form.cell(row.fields))
    if given != names:
        if form is not None and form.kind != "names":
            raise _labels_in_other_form(column, form.kind)
        same = {*map(name_key, given)} == {*map(name_key, names)}
        rule = REVIEWED if row.line in cleaned.reviewed else VARIANTS if same else RARE
        yield CellChange(rule, column, value, labels.write(value, names))


def _label_reader(cleaned: CleanedCorpus, options: ReadingOptions) -> LabelReader | None:
    """Return a reader of unchanged label cells; None unless labels are names."""
    from glossator.training.corpus.reading.labels.label_reader import LabelReader, absent_label

    corpus = cleaned.corpus
    if corpus.spans is not None or corpus.scores is not None or not corpus.columns.label:
        return None
    return LabelReader(
        corpus.problem_type, separator=options.label_separator, fix_names=False, absent=absent_label(corpus.label_names)
    )


def _digestible(fields: Mapping[str, object]) -> bytes:
    from glossator.service.documents.json_text import to_json

    return f"{to_json(fields)}\n".encode("utf-8", "backslashreplace")


def _labels_in_other_form(column: str, kind: str) -> ConfigError:
    return ConfigError(
        "a rule changes labels, but they are not written as names",
        found=f"{column}: labels as {kind}",
        expected="names, or lists of names",
        hint="Leave the rule out: --without-rule label-name-variants, and no --rule rare-labels.",
    )


def _source_changed(source: str) -> CorpusError:
    return CorpusError(
        f"{source} changed while it was read", hint="Run the command again when no other program writes to it."
    )
