"""A mended corpus as a folder: the cleaned rows, every change, every row left out, and the way back.

`corpus.<format>` holds the rows that are left, with all their columns. `changes.jsonl` has a line for each change:
`row` (from 1), `line` in the source, `rule`, `column`, `before`, `after`; where a rule left out the row, `column` and
`after` are null and `before` is the whole row. `rejects.jsonl` has the rows that could not be used, whole. Taken
together they give the source back (`restore`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.cli.support import corpus_options as corpora
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError, CorpusError, FileMissing

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.training.corpus.cleaning.cleaning_rules import CellChange, CleanedCorpus
    from glossator.training.corpus.reading.label_reader import LabelReader
    from glossator.training.corpus.row import Row

CHANGES, REJECTS = "changes.jsonl", "rejects.jsonl"
_FORMATS = ("csv", "tsv")
"""Sources of these formats come out in their own; all others as JSON lines, which hold every value."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a mended corpus came to: rows by what became of them, and the changes of each rule."""

    file: str
    rows_in: int
    rows_out: int
    rejected: int
    changes: dict[str, int]
    unreadable: int


def write_mended(
    source: str, options: corpora.ReadingOptions, mended: CleanedCorpus, folder: Path, console: Console
) -> Written:
    """Reads the source once more and writes what comes of it into `folder`, which exists and is empty.

    Raises CorpusError where the source is not what it was at the first reading.
    """
    from glossator.service.documents.row_formats import open_sink

    format = (options.input_format or Path(source.removesuffix(".gz")).suffix.lstrip(".")).removesuffix(".gz")
    format = format if format in _FORMATS else "jsonl"
    file = folder / f"corpus.{format}"
    columns = mended.corpus.columns.existing
    rejects = {reject.line: reject for reject in mended.corpus.rejects}
    row_of = {line: row for row, line in enumerate(mended.corpus.lines)}
    labels = _label_reader(mended, options)
    content = hashlib.sha256()
    counts: dict[str, int] = {}
    number = kept = unreadable = 0
    with (
        corpora.rows_of(source, options, console) as (rows, _),
        open_sink(file, columns, formula_safe=False) as clean,
        open_sink(folder / CHANGES, ()) as changes,
        open_sink(folder / REJECTS, ()) as rejected,
    ):
        for number, row in enumerate(rows, start=1):
            place = {"row": number, "line": row.line}
            fields = dict(row.fields)
            if row.error is None:
                content.update(_digestible(fields))
            if row.line in rejects:
                unreadable += row.error is not None
                told = {"reason": rejects[row.line].reason, "message": rejects[row.line].message}
                whole: dict[str, object] = {"raw": row.raw} if row.error is not None else {"fields": fields}
                rejected.write(place | told | whole)
            elif row.line in mended.removed:
                rule, what = mended.removed[row.line]
                counts[rule] = counts.get(rule, 0) + 1
                changes.write(place | {"rule": rule, "column": None, "message": what, "before": fields, "after": None})
            elif row.line in row_of:
                for change in _changes(row, mended, row_of[row.line], labels):
                    if fields[change.column] != change.before:
                        raise _changed(source)
                    counts[change.rule] = counts.get(change.rule, 0) + 1
                    changes.write(place | change._asdict())
                    fields[change.column] = change.after
                clean.write(fields)
                kept += 1
            else:
                raise _changed(source)
    if number != mended.corpus.rows_in or kept != len(mended.corpus):
        raise _changed(source)
    written = Written(file.name, number, kept, len(rejects), counts, unreadable)
    made: dict[str, object] = {
        "format_version": 1,
        "source": Path(source).name,
        "file": file.name,
        "columns": list(columns),
        "rows_in": number,
        "rows_out": kept,
        "rejected": len(rejects),
        "unreadable": unreadable,
        "changes": counts,
        "content_sha256": content.hexdigest(),
        "fingerprint": mended.corpus.fingerprint(),
    }
    (folder / file_names.MENDED).write_text(json.dumps(made, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return written


def restore_rows(folder: Path, output: Path) -> dict[str, Any]:
    """Writes the rows of the source that a mended corpus came from to `output`; returns what `layout.MENDED` says.

    Rows that could not be read have no columns to restore: they stand in `rejects.jsonl`. Raises CorpusError where
    what comes out is not what went in, FileMissing where the folder holds no mended corpus; then nothing is written.
    """
    from glossator.service.documents.open_source import open_source
    from glossator.service.documents.row_formats import open_sink

    told = _told(folder)
    content = hashlib.sha256()
    rows = 0
    with (
        open_source(folder / told["file"]) as clean,
        open_sink(output, told["columns"], formula_safe=False, inputs=[folder / told["file"]]) as sink,
    ):
        removed = _by_row(folder / REJECTS)
        changes = _by_row(folder / CHANGES)
        left = clean.records()
        for number in range(1, told["rows_in"] + 1):
            fields = _restored(left, changes.get(number, ()), removed.get(number))
            if fields is None:
                continue
            content.update(_digestible(fields))
            sink.write(fields)
            rows += 1
        if content.hexdigest() != told["content_sha256"] or next(left, None) is not None:
            raise CorpusError(
                f"{folder} does not give back what it was made from",
                found=f"{rows:,} rows whose content is another",
                expected=f"content with SHA-256 {told['content_sha256'][:12]}…",
                hint="A file of the folder was changed: take the rows from the source, which was never touched.",
            )
    return told


def _restored(
    left: Iterator[Any], changes: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]] | None
) -> dict[str, object] | None:
    """The fields of one row as they were; None for a row that could not be read."""
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
    """The lines of a file that have a row's number, by that number."""
    lines = map(json.loads, path.read_bytes().splitlines())
    return {number: list(group) for number, group in groupby(lines, key=lambda line: int(line["row"]))}


def _told(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / file_names.MENDED).read_bytes())
    except OSError:
        raise FileMissing(
            f"{folder} holds no mended corpus",
            found=f"no {file_names.MENDED}",
            expected="a folder that `glossator wrangle --apply` wrote",
        ) from None
    except ValueError as error:
        raise CorpusError(
            f"{folder / file_names.MENDED} is damaged", found=error, hint="Run `wrangle --apply` again."
        ) from None
    return told


def _changes(row: Row, mended: CleanedCorpus, index: int, labels: LabelReader | None) -> Iterable[CellChange]:
    from glossator.training.corpus.cleaning.cleaning_rules import LABEL_NAMES, RARE, REVIEWED, CellChange
    from glossator.training.corpus.reading.label_reader import name_key

    yield from mended.cells.get(row.line, ())
    column, names = mended.corpus.columns.label, mended.corpus.labels[index]
    if labels is None or column not in row.fields:
        return
    value = row.fields.get(column)
    given = labels.read(value)
    if given != names:
        same = {*map(name_key, given)} == {*map(name_key, names)}
        rule = REVIEWED if row.line in mended.reviewed else LABEL_NAMES if same else RARE
        yield CellChange(rule, column, value, labels.write(value, names))


def _label_reader(mended: CleanedCorpus, options: corpora.ReadingOptions) -> LabelReader | None:
    """Reads label cells as they stand, where labels are names."""
    from glossator.training.corpus.reading.label_reader import LabelReader

    corpus = mended.corpus
    if corpus.spans is not None or corpus.scores is not None or not corpus.columns.label:
        return None
    return LabelReader(corpus.problem_type, separator=options.label_separator, fix_names=False)


def _digestible(fields: Mapping[str, object]) -> bytes:
    from glossator.service.documents.row_formats import to_json

    return f"{to_json(fields)}\n".encode("utf-8", "backslashreplace")


def _changed(source: str) -> CorpusError:
    return CorpusError(f"{source} changed while it was read", hint="Run the command again when nothing writes to it.")


def check_can_apply(source: str) -> None:
    """Raises ConfigError for a source that cannot be read twice."""
    if source == "-":
        raise ConfigError(
            "--apply reads the source twice, and standard input can be read once",
            found="-",
            expected="a file",
            hint="Save it to a file first.",
        )
