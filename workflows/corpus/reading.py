"""Reads a labelled source into a corpus, and reports its columns, rows and findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.documents.many_files.multi_file import FILE_COLUMN
from glossator.workflows.corpus.reading_options import ExpectedLabels, ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.corpus.corpus import Corpus, UnusableCorpus
    from glossator.training.corpus.finding import Finding
    from glossator.training.corpus.row import Row
    from glossator.workflows.corpus.rows_in_memory import RowsInMemory


@dataclass(frozen=True, slots=True)
class CorpusReading:
    """A corpus as it was read, one line that describes its source, and, if it cannot be trained on, the error."""

    corpus: Corpus
    description: str
    error: UnusableCorpus | None

    def __str__(self) -> str:
        return self.corpus.source_name

    def with_findings(self, findings: list[Finding]) -> CorpusReading:
        """Return the same reading with further findings."""
        return replace(self, corpus=replace(self.corpus, findings=[*self.corpus.findings, *findings]))

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready fields."""
        from glossator.training.corpus.reports.corpus_report import to_dict

        return to_dict(self.corpus, described=self.description, faults=self.error.faults if self.error else ())

    def report_lines(self) -> list[str]:
        """Return the report as lines of Markdown."""
        from glossator.training.corpus.reports.corpus_report import report_lines

        return report_lines(self.corpus, described=self.description, faults=self.error.faults if self.error else ())


def inspect_corpus(
    source: str | RowsInMemory,
    options: ReadingOptions,
    reporter: Reporter,
    *,
    rejects: Path | None = None,
    expected: ExpectedLabels | None = None,
) -> CorpusReading:
    """Read a source without raising an error if it cannot be trained on; the reading then carries the error.

    Args:
        source: A file, `-` for standard input, a dataset folder, the name of a hub dataset, or rows in memory.
        options: Columns, format and cleaning.
        reporter: Receives what was detected.
        rejects: A JSON Lines file for the rows that cannot be used.
        expected: The task and labels that the rows must have; detected if not given.
    """
    require_extra("evaluation")
    from glossator.service.files.paths import refuse_same_file
    from glossator.training.corpus.corpus import UnusableCorpus
    from glossator.training.corpus.reading.extra_columns import ExtraColumns
    from glossator.workflows.corpus.sources import open_rows

    if rejects is not None:
        refuse_same_file(str(rejects), [str(source)])
    error = None
    for_task = options if expected is None or options.task else replace(options, task=expected.task)
    with open_rows(source, for_task, reporter) as opened:
        reporter.stage(opened.description)
        for decision in opened.decisions:
            reporter.detail(decision.message)
        if opened.label_column_is_read:
            options = replace(options, label_column=None)
        extra = ExtraColumns(options.extra_columns, optional=(DOCUMENT_COLUMN, FILE_COLUMN))
        try:
            corpus = _read(
                extra.collect(opened.rows), opened.source or str(source), str(source), options, reporter, expected
            )
        except UnusableCorpus as unusable:
            corpus, error = unusable.corpus, unusable
        later = [decision for decision in opened.later_decisions() if decision not in opened.decisions]
        for decision in [*later, *corpus.decisions]:
            reporter.detail(decision.message)
        corpus = _with_documents(extra.add_to(corpus), options)
        corpus = replace(
            corpus,
            decisions=[*opened.decisions, *later, *corpus.decisions],
            findings=[*opened.findings, *corpus.findings],
        )
    _write_rejects(corpus, rejects, reporter)
    return CorpusReading(corpus, opened.description, error)


def _with_documents(corpus: Corpus, options: ReadingOptions) -> Corpus:
    """Return the corpus with documents that differ between files, and file names only if they were asked for."""
    extra = dict(corpus.extra)
    files = extra.get(FILE_COLUMN)
    if files is not None and DOCUMENT_COLUMN in extra:
        extra[DOCUMENT_COLUMN] = [
            f"{file} {document}" if document else ""
            for file, document in zip(files, extra[DOCUMENT_COLUMN], strict=True)
        ]
    if FILE_COLUMN not in options.extra_columns:
        extra.pop(FILE_COLUMN, None)
    return replace(corpus, extra=extra)


def read_corpus(
    source: str | RowsInMemory,
    options: ReadingOptions,
    reporter: Reporter,
    *,
    rejects: Path | None = None,
    expected: ExpectedLabels | None = None,
) -> CorpusReading:
    """Read a source and report what was found; raises CorpusError if it cannot be used. Arguments: `inspect_corpus`."""
    reading = inspect_corpus(source, options, reporter, rejects=rejects, expected=expected)
    _report(reading.corpus, reporter)
    if reading.error is not None:
        raise reading.error
    return reading


def _read(
    rows: Iterator[Row],
    file: str,
    source: str,
    options: ReadingOptions,
    reporter: Reporter,
    expected: ExpectedLabels | None,
) -> Corpus:
    """Return the corpus of the given task, else of the model's, else of the one detected from the first rows."""
    from glossator.training.corpus import corpus_reader
    from glossator.training.corpus.reading.column_detection import ColumnRoles, column_of_number
    from glossator.training.corpus.reading.task_detection import detect_task
    from glossator.training.corpus.reading.token_rows import find_token_rows, join_tokens
    from glossator.training.corpus.task_corpus_reader import read_task_corpus
    from glossator.workflows.corpus.label_names import find_label_names

    label_names = find_label_names(file, options.label_names)
    head = list(islice(rows, corpus_reader.HEAD_ROWS))
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    given = (options.text_column, options.label_column, options.second_column)
    roles = ColumnRoles(*(column_of_number(column, names) for column in given))
    wanted = options.task or (None if expected is None else expected.task)
    tokens = find_token_rows(head, roles) if wanted in (None, "token-classification") else None
    decisions = []
    if tokens is not None:
        decisions, roles = [tokens.decision], tokens.roles
        rows = join_tokens(chain(head, rows), tokens)
        head = list(islice(rows, corpus_reader.HEAD_ROWS))
    task, why = (expected.task, "the model's") if expected is not None else detect_task(head, roles)
    if options.task is not None:
        task, why = options.task, "as given"
    scored = expected is not None and expected.problem_type == "regression"
    has_labels = (task == "text-classification" and not scored) or (
        task == "text-embedding" and detect_task(head, roles)[0] != "text-pair"
    )
    if not has_labels or why == "as given":
        reporter.stage(f"task {task}: {why}")
    known = None if expected is None or not expected.names else expected.names
    if not has_labels:
        corpus = read_task_corpus(
            chain(head, rows),
            task,
            source_name=source,
            roles=roles,
            known_labels=known,
            problem_type=None if expected is None else expected.problem_type,
            keep_unknown_labels=expected is not None and expected.keep_unknown,
            label_names=label_names,
            drop_duplicates=options.drop_duplicates,
        )
        return replace(corpus, decisions=[*decisions, *corpus.decisions])
    corpus = corpus_reader.read_corpus(
        chain(head, rows),
        source_name=source,
        text_column=options.text_column,
        label_column=options.label_column,
        label_separator=options.label_separator,
        label_names=label_names,
        problem_type=None if expected is None else expected.problem_type,
        known_labels=known,
        keep_unknown_labels=expected is not None and expected.keep_unknown,
        drop_duplicates=options.drop_duplicates,
        drop_rare=options.drop_rare,
        fix_label_names=options.fix_label_names,
    )
    return replace(corpus, task=task)


def _write_rejects(corpus: Corpus, path: Path | None, reporter: Reporter) -> None:
    if path is None or not (corpus.rejects or path.is_file()):  # replaces the file of an earlier run even if empty
        return
    from glossator.training.corpus.reports.rejects import write_rejects

    count = write_rejects(corpus, path)
    reporter.detail(f"wrote {count:,} rejected rows to {path}")


def _report(corpus: Corpus, reporter: Reporter) -> None:
    """Report the columns, the rows, and every finding with its count."""
    columns = corpus.columns
    if columns.text or columns.label:
        reporter.detail(f"text: '{columns.text}' ({columns.text_why}), label: '{columns.label}' ({columns.label_why})")
    kept, rejected, dropped = len(corpus), len(corpus.rejects), len(corpus.dropped)
    reporter.detail(f"{corpus.rows_in:,} rows = {kept:,} kept + {rejected:,} rejected + {dropped:,} dropped")
    reporter.detail(_label_summary(corpus))
    reasons = Counter(reject.reason for reject in corpus.rejects)
    for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        reporter.detail(f"rejected: {reason} {count:,}")
    for finding in corpus.findings:
        reporter.detail(f"found: {finding.message}")


def _label_summary(corpus: Corpus) -> str:
    if corpus.spans is None:
        return corpus.describe_problem()
    total = sum(map(len, corpus.spans))
    if corpus.task == "question-answering":
        return f"{total:,} accepted answers, {sum(not spans for spans in corpus.spans):,} questions without one"
    return f"{total:,} entities of {len(corpus.label_names)} types: {', '.join(corpus.label_names)}"
