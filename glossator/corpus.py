"""A labelled corpus: the rows that can be used, those that cannot, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from glossator.python_names import names_parameters
from glossator.workflows.corpus.data_splits import DataSources, Source, split_corpus
from glossator.workflows.corpus.out_of_scope_texts import TextSource
from glossator.workflows.corpus.reading import CorpusReading
from glossator.workflows.corpus.reading import read_corpus as read
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.reporter import LineReporter, Reporter

if TYPE_CHECKING:
    from glossator.service.bundle.task import TaskName
    from glossator.training.corpus.corpus import Reject
    from glossator.training.corpus.finding import Finding

Progress = bool | Callable[[str], None]
"""True shows the progress on stderr, as the commands do; a function receives a line of text when a step begins."""


class Corpus:
    """Labelled rows of any task, as `read_corpus` returns them.

    `len(corpus)` is the number of usable rows; iterating gives each as a dictionary. `print` shows the report.
    """

    def __init__(self, reading: CorpusReading) -> None:
        self.reading = reading

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return self.reading.corpus.texts

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """The labels of each row: one for single-label, any number for multi-label, entity types for entities."""
        return self.reading.corpus.labels

    @property
    def label_names(self) -> list[str]:
        """All labels, in the order of the model's logits."""
        return self.reading.corpus.label_names

    @property
    def task(self) -> TaskName:
        """What a model of these rows does."""
        return self.reading.corpus.task

    @property
    def findings(self) -> list[Finding]:
        """What is notable, such as duplicates, labels that differ by a letter, personal data."""
        return self.reading.corpus.findings

    @property
    def rejects(self) -> list[Reject]:
        """Rows that cannot be used, each with its line (or its number, from 1), a reason and a message."""
        return self.reading.corpus.rejects

    def __len__(self) -> int:
        return len(self.reading.corpus)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self._columns()
        for values in zip(*names.values(), strict=True):
            yield dict(zip(names, values, strict=True))

    def __repr__(self) -> str:
        corpus = self.reading.corpus
        return (
            f"Corpus({corpus.source_name}: {len(corpus):,} rows, {corpus.describe_problem()}, "
            f"{len(corpus.rejects):,} rejected, {len(corpus.dropped):,} dropped, {len(corpus.findings):,} findings)"
        )

    def __str__(self) -> str:
        return "\n".join(self.reading.report_lines())

    def _repr_html_(self) -> str:
        from glossator.evaluation.reports.document.notebook_html import notebook_html

        return notebook_html(str(self))

    @names_parameters
    def split(
        self,
        *,
        validation_share: float = 0.1,
        test_share: float = 0.1,
        seed: int = 13,
        group_column: str | None = None,
        time_column: str | None = None,
    ) -> CorpusSplit:
        """Split the rows as `train` does: stratified by label; near-duplicates stay on one side.

        Args:
            validation_share: The share of the rows for validation.
            test_share: The share of the rows for the test.
            seed: Decides the side of each row, together with its text.
            group_column: Rows with the same value in this column stay on one side. Name it in `keep_columns` too.
            time_column: The earliest rows are for training, the latest for the test. Name it in `keep_columns` too.

        Returns:
            The three sides, each a corpus.

        Raises:
            ConfigError: The shares leave no training rows, or both columns are given.
            CorpusError: A side would have no rows.
            UnknownColumn: A column was not kept.

        Example:
            >>> train, validation, test = corpus.split(test_share=0.2)  # doctest: +SKIP
        """
        sources = DataSources(
            source=self.reading,
            validation_share=validation_share,
            test_share=test_share,
            group_column=group_column,
            time_column=time_column,
            seed=seed,
        )
        corpus = self.reading.corpus
        sides = split_corpus(corpus, sources, Reporter())
        parts = [corpus.subset(rows) for rows in (sides.train, sides.validation, sides.test)]
        return CorpusSplit(*(Corpus(CorpusReading(part, self.reading.description, None)) for part in parts))

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready fields: columns, counts, labels, findings. It has no complete rows."""
        return self.reading.to_dict()

    def to_pandas(self) -> Any:
        """Return the usable rows as a `pandas.DataFrame`, indexed by their line in the source. Needs pandas."""
        from glossator.service.optional_packages import import_optional

        pandas = import_optional("pandas", "to_pandas", extra=None)
        return pandas.DataFrame(self._columns(), index=pandas.Index(self.reading.corpus.lines, name="line"))

    def _columns(self) -> dict[str, list[Any]]:
        """Return the columns that the task has. A single label is a string, other labels are tuples."""
        corpus = self.reading.corpus
        single = corpus.task in ("text-classification", "text-pair") and all(len(each) == 1 for each in corpus.labels)
        optional = {
            "second": corpus.seconds,
            "label" if single else "labels": [each[0] for each in corpus.labels] if single else corpus.labels,
            "spans": corpus.spans,
            "score": corpus.scores,
        }
        columns = {"text": corpus.texts} | {name: values for name, values in optional.items() if values is not None}
        return columns | {name: values for name, values in corpus.extra.items() if name not in columns}


class CorpusSplit(NamedTuple):
    """The three sides of a split."""

    train: Corpus
    validation: Corpus
    test: Corpus


@names_parameters
def read_corpus(
    source: object,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    second_column: str | None = None,
    label_separator: str | None = None,
    label_names: Sequence[str] | None = None,
    task: TaskName | None = None,
    annotator: str | None = None,
    split: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quotes: Literal["csv", "literal"] | None = None,
    sheet: str | None = None,
    drop_duplicates: bool = True,
    drop_rare: bool = False,
    keep_columns: Sequence[str] = (),
    progress: Progress = False,
) -> Corpus:
    """Read labelled rows from a file or an object, check them, and report what was found. Needs the extra `evaluation`.

    The defaults are those of `glossator train`. A row that cannot be used is in `rejects`, with its number and the
    reason; other rows are read. Missing values are None, NaN and the missing values of pandas.

    Args:
        source: A path (CSV, JSON, Parquet, Excel, CoNLL, exports of annotation tools, a folder of `datasets`), a name
            on the Hugging Face hub, a data frame of pandas or polars, a `datasets.Dataset`, an Arrow table, or a list
            or iterator of `(text, label)` pairs or of dictionaries. An iterator is read once, to its end.
        text_column: The column of the texts; None detects it.
        label_column: The column of the labels; None detects it.
        second_column: The column of the second texts of pairs; None detects it.
        label_separator: Separates several labels in one cell; makes the task multi-label.
        label_names: The names of labels that are numbers, in the order of the numbers.
        task: What a model of these rows does; None detects it.
        annotator: Whose labels count if annotators disagree: `first`, `majority`, or a name.
        split: The split, if the source has several; None takes the training rows.
        input_format: The format of a file, such as `csv`; None detects it.
        encoding: The character encoding of a file; None detects it.
        delimiter: The delimiter of a table; None detects it.
        header: Whether the first row of a table has the names of the columns; None detects it.
        quotes: What quotes in a table mean: `csv` encloses cells, `literal` is text; None detects it.
        sheet: The sheet of a workbook, by its name or number; None takes the first with cells.
        drop_duplicates: Leave out rows with the text and the labels of an earlier row.
        drop_rare: Leave out labels with a single row.
        keep_columns: Further columns to keep, to split or to slice by.
        progress: True shows the steps on stderr; a function receives each as a line of text.

    Returns:
        The corpus.

    Raises:
        ConfigError: The source is of no known kind, or the options do not fit it.
        InputError: The file does not exist or cannot be read, or a column does not exist.
        CorpusError: No model can be trained on the rows; lists every fault.
        ExtraMissing: A package is not installed; says how to install it.

    Example:
        >>> corpus = glossator.read_corpus([("Where is my parcel?", "delivery"), ("I cannot log in", "login")])
        >>> corpus.label_names
        ['delivery', 'login']
    """
    options = ReadingOptions(
        text_column=text_column,
        label_column=label_column,
        second_column=second_column,
        label_separator=label_separator,
        label_names=None if label_names is None else tuple(label_names),
        task=task,
        annotator=annotator,
        dataset_split=split,
        input_format=input_format,
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        quotes=quotes,
        sheet=sheet,
        drop_duplicates=drop_duplicates,
        drop_rare=drop_rare,
        extra_columns=tuple(keep_columns),
    )
    opened = rows_of(source)
    if isinstance(opened, CorpusReading):
        return Corpus(opened)
    return Corpus(read(opened, options, reporter_of(progress)))


def rows_of(source: object) -> Source:
    """Return what the workflows read: the path as text, the rows in memory, or the corpus as it was read."""
    if isinstance(source, Corpus):
        return source.reading
    return str(source) if isinstance(source, str | Path) else RowsInMemory(source)


def texts_of(source: object) -> TextSource:
    """Return what the workflows read texts from: as `rows_of`, but a series or a list of strings are texts too."""
    if isinstance(source, Corpus):
        return source.reading
    return str(source) if isinstance(source, str | Path) else RowsInMemory(source, texts=True)


def reporter_of(progress: Progress) -> Reporter:
    """Return what shows the progress of a workflow."""
    if progress is True:
        from glossator.cli.support.console import reporter

        return reporter()
    return LineReporter(progress or None)
