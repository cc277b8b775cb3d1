"""Reads labelled files for the commands that need them: the options they share, and what is shown of the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support.console import need

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.service.bundle.task import ProblemType, Task, TaskName
    from glossator.training.corpus.corpus import Corpus, UnusableCorpus
    from glossator.training.corpus.row import Row

TextColumn = Annotated[str | None, typer.Option(help="Column with the text; default: told from names and values.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column with the label or labels; default: told likewise.")]
LabelSeparator = Annotated[
    str | None, typer.Option(help="What separates several labels in one cell; makes the task multi-label.")
]
SecondColumn = Annotated[
    str | None, typer.Option(help="Column with the second text of pairs; default: told from the names.")
]
TaskOption = Annotated[
    Literal["text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"] | None,
    typer.Option(help="What is to be learnt; default: told from the columns, and shown."),
]
InputFormat = Annotated[str | None, typer.Option(help="Format of the file, csv for example; default: by its name.")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the file; default: sniffed and shown.")]
Delimiter = Annotated[str | None, typer.Option(help="Column delimiter of the file; default: sniffed and shown.")]
DatasetSplit = Annotated[str | None, typer.Option(help="Split of a Hugging Face dataset; default: its only one.")]

_HUB_NAME_PARTS = 2


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a labelled source is read."""

    text_column: str | None = None
    label_column: str | None = None
    label_separator: str | None = None
    input_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    dataset_split: str | None = None
    drop_duplicates: bool | None = None
    drop_rare: bool = False
    fix_label_names: bool = True
    second_column: str | None = None
    task: TaskName | None = None
    keep: tuple[str, ...] = ()
    """Further columns to keep, for groups, times or slices."""

    def for_measuring(self) -> ReadingOptions:
        """The same for a file that is measured on: its duplicates stay, its classes are the model's."""
        return replace(self, drop_duplicates=False, drop_rare=False)


@dataclass(frozen=True, slots=True)
class Held:
    """What rows are held against: task and labels of a model, or of the training rows."""

    task: TaskName
    problem_type: ProblemType | None
    labels: tuple[str, ...]


def held_by(task: Task) -> Held:
    """What a model's rows are held against."""
    from glossator.service.bundle.task import Classifier, TokenClassification

    if isinstance(task, TokenClassification):
        return Held(task.task, None, tuple(task.types))
    if isinstance(task, Classifier):
        return Held(task.task, task.problem_type, tuple(task.labels))
    return Held(task.task, None, ())


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a source: the corpus, one line that describes the source, and why it cannot be used."""

    corpus: Corpus
    described: str
    error: UnusableCorpus | None

    def to_dict(self) -> dict[str, object]:
        """The report as JSON-ready fields."""
        from glossator.training.corpus.reports.corpus_report import to_dict

        return to_dict(self.corpus, described=self.described, faults=self.error.faults if self.error else ())

    def report_lines(self) -> list[str]:
        """The report as lines of Markdown."""
        from glossator.training.corpus.reports.corpus_report import report_lines

        return report_lines(self.corpus, described=self.described, faults=self.error.faults if self.error else ())


def inspect(
    source: str, options: ReadingOptions, console: Console, rejects: Path | None, *, held: Held | None = None
) -> Reading:
    """Reads a file, a dataset folder or a hub dataset, and writes the rows that cannot be used to `rejects`."""
    need("evaluation")
    from glossator.service.files.atomic_file import refuse_same_file
    from glossator.training.corpus.corpus import UnusableCorpus
    from glossator.training.corpus.reading.extra_columns import ExtraColumns

    if rejects is not None:
        refuse_same_file(str(rejects), [source])
    error = None
    with rows_of(source, options, console) as (rows, described):
        console.print(f"· {described}", markup=False)
        kept = ExtraColumns(options.keep)
        try:
            corpus = _read(kept.passing(rows), source, options, console, held)
        except UnusableCorpus as unusable:
            corpus, error = unusable.corpus, unusable
        corpus = kept.added_to(corpus)
    _write_rejects(corpus, rejects, console)
    return Reading(corpus, described, error)


def _read(rows: Iterator[Row], source: str, options: ReadingOptions, console: Console, held: Held | None) -> Corpus:
    """The corpus of the task that is given, that the model has, or that the first rows show."""
    from glossator.training.corpus.corpus_reader import HEAD_ROWS, read_corpus
    from glossator.training.corpus.reading.prodigy import accepted
    from glossator.training.corpus.task_corpus_reader import ColumnRoles, detect_task, read_task_corpus

    roles = ColumnRoles(options.text_column, options.label_column, options.second_column)
    rows = accepted(rows)
    head = list(islice(rows, HEAD_ROWS))
    task, why = (held.task, "the model's") if held is not None else detect_task(head, roles)
    if options.task is not None:
        task, why = options.task, "as given"
    labelled = task == "text-classification" or (task == "text-embedding" and detect_task(head, roles)[0] != "text-pair")
    if not labelled or why == "as given":
        console.print(f"· task {task}: {why}", markup=False)
    known = None if held is None or not held.labels else held.labels
    if not labelled:
        return read_task_corpus(
            chain(head, rows),
            task,
            source_name=source,
            roles=roles,
            known_labels=known,
            problem_type=None if held is None else held.problem_type,
            drop_duplicates=options.drop_duplicates,
        )
    corpus = read_corpus(
        chain(head, rows),
        source_name=source,
        text_column=options.text_column,
        label_column=options.label_column,
        label_separator=options.label_separator,
        problem_type=None if held is None else held.problem_type,
        known_labels=known,
        drop_duplicates=options.drop_duplicates,
        drop_rare=options.drop_rare,
        fix_label_names=options.fix_label_names,
    )
    return replace(corpus, task=task)


def read_and_show(
    source: str, options: ReadingOptions, console: Console, rejects: Path | None, *, held: Held | None = None
) -> Reading:
    """What came of reading a source, shown on `console`; raises CorpusError where it cannot be used."""
    reading = inspect(source, options, console, rejects, held=held)
    _show(reading.corpus, console)
    if reading.error is not None:
        raise reading.error
    return reading


def _write_rejects(corpus: Corpus, path: Path | None, console: Console) -> None:
    if path is None or not (corpus.rejects or path.is_file()):  # a file of an earlier run would mislead
        return
    from glossator.training.corpus.reports.rejects import write_rejects

    count = write_rejects(corpus, path)
    console.print(f"  wrote {count:,} rejected rows to {path}", markup=False)


def _show(corpus: Corpus, console: Console) -> None:
    """The reading in a few lines: columns, rows, and every finding with its count."""
    kept = f"{corpus.rows_in:,} rows = {len(corpus):,} kept"
    console.print(
        f"  text: {corpus.columns.text!r} ({corpus.columns.text_why}), "
        f"label: {corpus.columns.label!r} ({corpus.columns.label_why})",
        markup=False,
    )
    console.print(f"  {kept} + {len(corpus.rejects):,} rejected + {len(corpus.dropped):,} dropped")
    console.print(f"  {_kind(corpus)}", markup=False)
    for reason, count in _counted([reject.reason for reject in corpus.rejects]):
        console.print(f"  rejected: {reason} {count:,}", markup=False)
    for finding in corpus.findings:
        console.print(f"  found: {finding.name} {finding.count:,}; {finding.what_was_done}", markup=False)


def _kind(corpus: Corpus) -> str:
    if corpus.spans is None:
        return f"{corpus.problem_type}, {len(corpus.label_names)} labels"
    total = sum(map(len, corpus.spans))
    if corpus.task == "question-answering":
        return f"{total:,} accepted answers, {sum(not spans for spans in corpus.spans):,} questions without one"
    return f"{total:,} entities of {len(corpus.label_names)} types: {', '.join(corpus.label_names)}"


def _counted(names: Sequence[str]) -> list[tuple[str, int]]:
    return sorted({name: names.count(name) for name in set(names)}.items(), key=lambda item: (-item[1], item[0]))


@contextmanager
def rows_of(source: str, options: ReadingOptions, console: Console) -> Iterator[tuple[Iterator[Row], str]]:
    """Rows of a file (or `-`), of a saved dataset's folder, or of a hub dataset, told apart by what is on disk."""
    from glossator.service.bundle import file_names
    from glossator.service.documents.source import refuse_options
    from glossator.training.corpus.reading.annotated_documents import is_annotated_document, read_annotated_documents

    path = Path(source)
    if (path / file_names.MENDED).is_file():  # a corpus that `wrangle --apply` wrote, by its folder
        path = next(iter(sorted(path.glob("corpus.*"))), path)
        source = str(path)
    document = options.input_format is None and path.exists() and is_annotated_document(path)
    if (path.is_dir() and not document) or (not path.exists() and _could_be_hub_name(source)):
        given = {"--input-format": options.input_format, "--encoding": options.encoding}
        refuse_options("a dataset", **given, **{"--delimiter": options.delimiter})
        need("training")
        from glossator.training.corpus.reading.hf_dataset import read_dataset

        if path.is_dir():
            described = f"{source}: dataset folder"
        else:
            described = f"{source}: dataset of the Hugging Face hub"
            console.print(
                f"· no file is named {source}: looking for such a dataset on the Hugging Face hub", markup=False
            )
        yield read_dataset(source, split=options.dataset_split), described
        return
    if document:
        refuse_options("an annotated document", **{"--encoding": options.encoding, "--delimiter": options.delimiter})
        need("evaluation")
        found, described = read_annotated_documents(path)
        yield iter(found), described
        return
    from glossator.service.documents.open_source import open_source

    refuse_options("a file", **{"--dataset-split": options.dataset_split})
    with open_source(
        source, format=options.input_format, encoding=options.encoding, delimiter=options.delimiter
    ) as opened:
        yield opened.records(), opened.described()


def _could_be_hub_name(source: str) -> bool:
    """`name` or `owner/name` without a file's suffix."""
    parts = source.split("/")
    return (
        len(parts) <= _HUB_NAME_PARTS
        and all(parts)
        and not source.startswith((".", "~", "-"))
        and not Path(source).suffix
    )
