"""Training, validation and test rows: separate sources if given, else shares of one corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.errors import ConfigError, CorpusError, UnknownColumn
from glossator.workflows.corpus.out_of_scope_texts import TextSource, is_label, leave_out_known, read_texts, take_label
from glossator.workflows.corpus.reading import CorpusReading, read_corpus
from glossator.workflows.corpus.reading_options import ExpectedLabels, ReadingOptions
from glossator.workflows.corpus.rows_in_memory import RowsInMemory
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.corpus import Corpus
    from glossator.training.corpus.splitting.split import Split


Source = str | RowsInMemory | CorpusReading
"""Rows to read, or rows that are read already."""
MIN_DOCUMENTS = 5
"""Fewer documents cannot be divided into three sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSources:
    """Where the rows come from and how they are split."""

    source: Source
    validation: Source | None = None
    test: Source | None = None
    validation_share: float = 0.1
    """Share of the source, unless `validation` is given."""
    test_share: float = 0.1
    """Share of the source, unless `test` is given."""
    group_column: str | None = None
    """Rows with the same value in this column stay on the same side of the split."""
    time_column: str | None = None
    """The earliest rows are trained on, later ones are for validation, the latest for the test."""
    seed: int = 13
    out_of_scope: TextSource | None = None
    """A label of the source, a file or rows: texts that no label fits, to measure on, never trained on."""

    def check(self) -> None:
        """Raise ConfigError if rows should be split both by groups and by time."""
        if self.group_column is not None and self.time_column is not None:
            raise ConfigError(
                "rows can be split by groups or by time, not both",
                found=f"--group-column {self.group_column} and --time-column {self.time_column}",
                hint="Leave one out.",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the split needs."""
        return tuple(name for name in (self.group_column, self.time_column) if name is not None)


def read_splits(
    sources: DataSources,
    options: ReadingOptions,
    reporter: Reporter,
    *,
    rejects: Path | None = None,
    task: str | None = None,
    command: str = "train",
) -> tuple[CorpusReading, Splits]:
    """Read the rows and split them; leakage between the sides is reported.

    With `task`, raises ConfigError if the source is for another task; `command` appears in that message.
    """
    sources.check()
    options = replace(options, extra_columns=sources.columns)
    reading = _read(sources.source, options, reporter, rejects=rejects)
    corpus = reading.corpus
    label: str | None = None
    outside: list[str] = []
    further = sources.validation is not None or sources.test is not None
    if sources.out_of_scope is not None and is_label(sources.out_of_scope, corpus.label_names, elsewhere=further):
        label = str(sources.out_of_scope)
        corpus, outside = take_label(corpus, label)
        reading = replace(reading, corpus=corpus)
        if len(corpus.label_names) < 2 and corpus.task == "text-classification":
            raise CorpusError(
                "without the out-of-scope label, fewer than two labels are left",
                found=", ".join(corpus.label_names) or "none",
                hint="Give rows with more labels, or leave --out-of-scope out.",
            )
    if task is not None and corpus.task != task:
        raise ConfigError(f"{command} needs rows for {task}", found=corpus.task, hint="Use glossator train.")
    indices = split_corpus(corpus, sources, reporter)
    splits = _splits(corpus, indices, sources, options, reporter, label)
    splits = replace(splits, groups=indices.groups.to_dict())
    if sources.out_of_scope is None:
        return reading, splits
    if label is None:
        outside = read_texts(sources.out_of_scope, options.text_column, reporter)
    outside = leave_out_known([*outside, *splits.out_of_scope], corpus.texts, reporter)
    reporter.stage(f"{len(outside):,} out-of-scope texts to measure on")
    return reading, replace(splits, out_of_scope=outside)


def split_corpus(corpus: Corpus, sources: DataSources, reporter: Reporter) -> Split:
    """Return which rows are on which side, as `sources` says: by shares and seed, groups or times.

    Raises UnknownColumn if the corpus was read without a column that this needs.
    """
    from glossator.training.corpus.splitting.groups import describe_groups
    from glossator.training.corpus.splitting.split import split

    sources.check()
    absent = [name for name in sources.columns if name not in corpus.extra]
    if absent:
        raise UnknownColumn(
            "the corpus was read without a column that its split needs",
            found=", ".join(absent),
            expected=f"one of {', '.join(corpus.extra) or '(none was kept)'}",
            hint="Read it with `keep_columns`.",
        )
    indices = split(
        corpus,
        validation_share=0.0 if sources.validation else sources.validation_share,
        test_share=0.0 if sources.test else sources.test_share,
        seed=sources.seed,
        group_by=sources.group_column or _document_column(corpus, sources, reporter),
        order_by=sources.time_column,
    )
    reporter.stage(describe_groups(indices.groups, corpus))
    return indices


def _read(
    source: Source,
    options: ReadingOptions,
    reporter: Reporter,
    *,
    rejects: Path | None = None,
    expected: ExpectedLabels | None = None,
) -> CorpusReading:
    """Read a source, or check that a corpus which is read already has the expected task and labels."""
    if not isinstance(source, CorpusReading):
        return read_corpus(source, options, reporter, rejects=rejects, expected=expected)
    corpus = source.corpus
    if expected is None:
        return source
    if (corpus.task, corpus.problem_type) != (expected.task, expected.problem_type):
        raise ConfigError(
            f"{source} is for another task",
            found=corpus.describe_problem(),
            expected=f"the task of the training rows, {expected.task}",
        )
    unknown = [name for name in corpus.label_names if name not in expected.names]
    if unknown and expected.names and not expected.keep_unknown:
        raise CorpusError(f"{source} has labels that the training rows do not have", found=", ".join(unknown))
    names = [*expected.names, *unknown] if expected.names else corpus.label_names
    return replace(source, corpus=replace(corpus, label_names=names))


def _document_column(corpus: Corpus, sources: DataSources, reporter: Reporter) -> str | None:
    """Return the column of documents if the rows have one and should be split by it."""
    documents = set(corpus.extra.get(DOCUMENT_COLUMN, ())) - {""}
    if not documents or sources.time_column is not None:
        return None
    if len(documents) < MIN_DOCUMENTS:
        reporter.stage(
            f"only {len(documents)} documents: their rows are divided, so validation and test rows are from documents "
            "of training rows. Hint: give --validation and --test files for an honest measurement"
        )
        return None
    return DOCUMENT_COLUMN


def _splits(
    corpus: Corpus,
    indices: Split,
    sources: DataSources,
    options: ReadingOptions,
    reporter: Reporter,
    label: str | None,
) -> Splits:
    """Return the three sides. `label`: the out-of-scope label, which further files may have too."""
    from glossator.training.algorithms.algorithm import Splits

    options = replace(options, extra_columns=()).for_evaluation()
    training_rows = corpus.subset(indices.train)
    names = () if corpus.task == "question-answering" else tuple(corpus.label_names)
    expected = ExpectedLabels(corpus.task, corpus.problem_type, names)
    validation_rows, test_rows = corpus.subset(indices.validation), corpus.subset(indices.test)
    if sources.validation:
        reading = replace(options, preferred_split="validation")
        known = expected if label is None else replace(expected, names=(*names, label))
        validation_rows = _read(sources.validation, reading, reporter, expected=known).corpus
    if sources.test:
        test_rows = _read(sources.test, options, reporter, expected=replace(expected, keep_unknown=True)).corpus
    outside: list[str] = []
    if label is not None:
        validation_rows, further = take_label(validation_rows, label)
        test_rows, outside = take_label(test_rows, label)
        outside += further
    _report_leakage(training_rows, {"validation": validation_rows, "test": test_rows}, reporter)
    reporter.stage(
        f"{len(training_rows):,} rows to train on, {len(validation_rows):,} for validation, "
        f"{len(test_rows):,} for the test"
    )
    return Splits(training_rows, validation_rows, test_rows.rows(), out_of_scope=outside)


def _report_leakage(training_rows: Corpus, others: dict[str, Corpus], reporter: Reporter) -> None:
    from glossator.training.corpus.findings.leakage import check_leakage

    for name, rows in others.items():
        leakage = check_leakage(training_rows.input_keys(), rows.input_keys())
        if leakage.count:
            reporter.detail(f"found: {leakage.count:,} {name} texts are also training texts ({leakage.share:.1%})")
        if leakage.near:
            reporter.detail(f"found: {leakage.near:,} {name} texts are near-duplicates of training texts")
