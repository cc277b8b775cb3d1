"""Where labelled rows come from: a file or stdin, a saved dataset, a dataset of the hub, an annotated document, or the
memory of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.documents.sources.open_source import open_source
from glossator.service.documents.sources.source import refuse_options
from glossator.service.documents.split_names import choose_split, split_decisions
from glossator.service.documents.text_files import TextFiles
from glossator.service.errors import ConfigError
from glossator.training.corpus.reading.annotated.documents import is_annotated_document, read_annotated_documents
from glossator.training.corpus.reading.annotated.resolve import resolve_annotations
from glossator.training.corpus.reading.annotated.result import AnnotationOptions
from glossator.training.corpus.row import SourceRow
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.corpus.split_files import describe_folder, find_conll_pattern, find_split_files
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.documents.decision import Decision
    from glossator.service.documents.formats.tables.csv_dialect import TableDialect
    from glossator.training.corpus.finding import Finding
    from glossator.training.corpus.row import Row

_HUB_NAME_PARTS = 2


@dataclass(frozen=True, slots=True)
class OpenedRows:
    """The rows of a source, one line that describes it, and how it is read where several ways are possible."""

    rows: Iterator[Row]
    description: str
    decisions: Sequence[Decision] = ()
    source: str = ""
    """The file that is read, if it is another than the source: the one of a split in a folder."""
    label_column_is_read: bool = False
    """Whether the named label column chose what the rows hold: it is then no column of theirs."""
    table_dialect: TableDialect | None = None
    """How the source is written, if it is a delimited table."""
    findings: Sequence[Finding] = ()
    """What was left out or repaired while annotations were read."""
    later_decisions: Callable[[], Sequence[Decision]] = tuple
    """Returns the decisions when the rows have been read: those for many files are known then."""


@contextmanager
def open_rows(source: str | RowsInMemory, options: ReadingOptions, reporter: Reporter) -> Iterator[OpenedRows]:
    """Open a source; the annotations of annotation tools become columns of its rows.

    Raises ConfigError if an annotator is named, but the rows have none.
    """
    with _open(source, options, reporter) as opened:
        if opened.label_column_is_read:
            refuse_options("a source without annotators", **{"--annotator": options.annotator})
            yield opened
            return
        resolved = resolve_annotations(opened.rows, _annotation_options(options))
        if options.annotator is not None and not resolved.description:
            refuse_options("a source without annotators", **{"--annotator": options.annotator})
        yield OpenedRows(
            iter(resolved.rows),
            opened.description + (f"; {resolved.description}" if resolved.description else ""),
            [*opened.decisions, *resolved.decisions],
            opened.source,
            resolved.label_column_is_read,
            table_dialect=opened.table_dialect,
            findings=[*opened.findings, *resolved.findings],
            later_decisions=opened.later_decisions,
        )


def _annotation_options(options: ReadingOptions) -> AnnotationOptions:
    return AnnotationOptions(
        text_column=options.text_column,
        label_column=options.label_column,
        annotator=options.annotator,
        task=options.task,
    )


@contextmanager
def _open(source: str | RowsInMemory, options: ReadingOptions, reporter: Reporter) -> Iterator[OpenedRows]:
    """Open a source as it is.

    What exists on disk decides: a folder of `wrangle --apply`, a saved dataset, a folder with a file for each split, an
    annotated document, a file. If nothing of this name exists and it has the form of a hub name, the dataset is loaded
    from the Hugging Face hub.
    """
    if isinstance(source, RowsInMemory):
        refuse_options("rows in memory", **_format_options(options))
        rows, decisions = source.open(options.dataset_split, options.preferred_split)
        yield OpenedRows(rows, source.name, decisions, source.name)
        return
    path = Path(source)
    if (path / file_names.CLEANED).is_file():
        path = next(iter(sorted(path.glob("corpus.*"))), path)
        source = str(path)
    if _is_saved_dataset(path) or (not path.exists() and _may_be_hub_name(source)):
        yield _read_dataset(source, options, reporter)
    elif path.is_dir() and (splits := find_split_files(path)):
        with _open_split(path, splits, options, reporter) as opened:
            yield opened
    elif path.is_dir() and (pattern := find_conll_pattern(path)) is not None:
        with _open(pattern, options, reporter) as opened:
            yield opened
    elif options.input_format is None and path.exists() and is_annotated_document(path):
        refuse_options("an annotated document", **{"--delimiter": options.delimiter})
        require_extra("evaluation")
        files = TextFiles(options.encoding)
        read = read_annotated_documents(path, files.read, _annotation_options(options))
        decisions = [*files.decisions, *read.decisions]
        yield OpenedRows(
            iter(read.rows),
            f"{path}: {read.description}",
            decisions,
            source,
            read.label_column_is_read,
            findings=read.findings,
        )
    elif path.is_dir():
        raise ConfigError(
            f"{path} is a folder of no known form",
            found=describe_folder(path),
            expected="a saved dataset, one folder per label with texts, CoNLL files, or files named by their split",
            hint="Give one file of the folder, or a pattern such as 'folder/*.csv'.",
        )
    else:
        with open_source(
            source,
            format=options.input_format,
            encoding=options.encoding,
            delimiter=options.delimiter,
            header=options.header,
            quotes=options.quotes,
            sheet=options.sheet,
            split=options.dataset_split,
            preferred_split=options.preferred_split,
            annotated=True,
            label_column=options.label_column,
        ) as file:
            if not file.takes_split:
                refuse_options("a file", **{"--dataset-split": options.dataset_split})
            yield OpenedRows(
                file.records(),
                file.describe(),
                file.all_decisions(),
                source,
                file.reads_label_column,
                table_dialect=file.table_dialect,
                later_decisions=file.all_decisions,
            )


@contextmanager
def _open_split(
    folder: Path, splits: Mapping[str, Sequence[Path]], options: ReadingOptions, reporter: Reporter
) -> Iterator[OpenedRows]:
    """Open the files of one split; the rows of several files are numbered from 1."""
    chosen = options.dataset_split or choose_split(list(splits), options.preferred_split)
    if chosen is None or chosen not in splits:
        raise ConfigError(
            f"{folder} has no such split",
            found=f"split '{chosen}'" if chosen else f"no split for {options.preferred_split}",
            expected=f"one of {', '.join(splits)}",
            hint="Name one with --dataset-split.",
        )
    decisions = [] if options.dataset_split else split_decisions(list(splits), chosen, options.preferred_split)
    options = replace(options, dataset_split=None)
    with ExitStack() as stack:
        opened = [stack.enter_context(_open(str(file), options, reporter)) for file in splits[chosen]]
        first = opened[0]
        decisions += first.decisions
        if len(opened) == 1:
            yield replace(first, decisions=decisions)
        else:
            rows = (row for each in opened for row in each.rows)
            numbered = (SourceRow(line, row.fields, row.error, row.raw) for line, row in enumerate(rows, start=1))
            more = len(opened) - 1
            yield OpenedRows(
                numbered,
                f"{first.description} and {more} more files",
                decisions,
                first.source,
                first.label_column_is_read,
                findings=[finding for each in opened for finding in each.findings],
            )


def _format_options(options: ReadingOptions) -> dict[str, str | None]:
    """Return the options that only files have."""
    return {"--input-format": options.input_format, "--encoding": options.encoding, "--delimiter": options.delimiter}


def _is_saved_dataset(path: Path) -> bool:
    """Whether a folder is one that `save_to_disk` of the library `datasets` wrote."""
    return any((path / name).is_file() for name in ("dataset_dict.json", "state.json"))


def _read_dataset(source: str, options: ReadingOptions, reporter: Reporter) -> OpenedRows:
    refuse_options("a dataset", **_format_options(options))
    require_extra("training")
    from glossator.training.corpus.reading.hf_dataset import read_dataset

    if Path(source).is_dir():
        description = f"{source}: dataset folder"
    else:
        description = f"{source}: dataset of the Hugging Face hub"
        reporter.stage(f"no file is named {source}: looking for a dataset of this name on the Hugging Face hub")
    dataset = read_dataset(source, split=options.dataset_split, preferred=options.preferred_split)
    return OpenedRows(dataset.rows, description, dataset.decisions, source)


def _may_be_hub_name(source: str) -> bool:
    """Whether the source has the form `name` or `owner/name`, without the suffix of a file."""
    parts = source.split("/")
    return (
        len(parts) <= _HUB_NAME_PARTS
        and all(parts)
        and not source.startswith((".", "~", "-"))
        and not Path(source).suffix
    )
