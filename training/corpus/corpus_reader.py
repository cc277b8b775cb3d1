"""Reads rows of texts with labels into a clean corpus; all faults are reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import get_args

from glossator.service.bundle.task import ProblemType
from glossator.service.errors import ConfigError, CorpusError, Fault
from glossator.training.corpus.cleaning.deduplicate import drop_exact_duplicates
from glossator.training.corpus.cleaning.label_names import drop_rare_labels, report_respelled, unify_label_names
from glossator.training.corpus.corpus import Corpus, CorpusColumns, Reject, UnusableCorpus
from glossator.training.corpus.findings.checks import check_corpus
from glossator.training.corpus.findings.corpus_faults import class_faults, label_faults, row_faults
from glossator.training.corpus.reading.column_detection import (
    check_columns,
    choose_columns,
    choose_problem_type,
    is_missing,
)
from glossator.training.corpus.reading.label_reader import LabelReader
from glossator.training.corpus.row import Row, RowFault, raw_text, read_text, reject_reason

HEAD_ROWS = 1_000
"""Columns and problem type are detected from this many first rows."""


def read_corpus(
    rows: Iterable[Row],
    *,
    source_name: str,
    text_column: str | None = None,
    label_column: str | None = None,
    label_separator: str | None = None,
    problem_type: ProblemType | None = None,
    fix_label_names: bool = True,
    known_labels: Sequence[str] | None = None,
    drop_duplicates: bool | None = None,
    drop_rare: bool = False,
) -> Corpus:
    """The corpus in `rows`, read once. A row that cannot be used becomes a reject.

    Args:
        rows: The rows of a source.
        source_name: What reports and errors call the source.
        text_column: The column of texts; None: detected.
        label_column: The column of labels; None: detected.
        label_separator: What separates several labels in a cell. Makes the problem multi-label.
        problem_type: None: detected.
        fix_label_names: Write each label in its most frequent spelling.
        known_labels: The labels of a model, for a validation or test file. Rows with other labels are rejects, and no
            label needs a row.
        drop_duplicates: Drop repeated rows; None: only if `known_labels` is None.
        drop_rare: Drop labels that only one row has.

    Raises:
        UnknownColumn: The columns cannot be detected, or a named one does not exist.
        ConfigError: Options contradict each other.
        UnusableCorpus: No model can be trained on the corpus; has every fault.
    """
    _check_options(source_name, text_column, label_column, label_separator, problem_type)
    stream = iter(rows)
    head: list[Row] = []
    _extend_head(head, stream, lambda row: bool(row.fields))
    columns = _columns(head, text_column, label_column)
    if all(is_missing(row.fields.get(columns.label)) for row in head):  # labels may start late
        _extend_head(head, stream, lambda row: not is_missing(row.fields.get(columns.label)))
    cells = (row.fields.get(columns.label) for row in head)
    label_values = [value for value in cells if not is_missing(value)]
    problem, why = choose_problem_type(label_values, given=problem_type, label_separator=label_separator)
    columns = replace(columns, problem_type_why=why)
    reader = LabelReader(problem, separator=label_separator, known=known_labels, fix_names=fix_label_names)
    corpus = _read_rows(chain(head, stream), columns, problem, reader, source_name, known_labels)
    training = known_labels is None
    if training:
        corpus = unify_label_names(corpus, fix=fix_label_names)
    elif reader.respelled:
        corpus = report_respelled(corpus, reader.respelled, "read as the model's label")
    if training if drop_duplicates is None else drop_duplicates:
        corpus = drop_exact_duplicates(corpus)
    faults = row_faults(corpus)
    if training:
        faults += label_faults(corpus)
        corpus = drop_rare_labels(corpus) if drop_rare else corpus
        faults += class_faults(corpus)
    corpus = replace(corpus, findings=corpus.findings + check_corpus(corpus))
    if faults:
        raise UnusableCorpus(corpus, faults)
    return corpus


def _check_options(
    source_name: str,
    text_column: str | None,
    label_column: str | None,
    label_separator: str | None,
    problem_type: ProblemType | None,
) -> None:
    """Raise ConfigError for options that contradict each other, CorpusError if text and label are the same column."""
    faults = []
    if problem_type is not None and problem_type not in get_args(ProblemType):
        faults.append(Fault("problem-type", f"{problem_type!r} is none of {', '.join(get_args(ProblemType))}"))
    if label_separator is not None and not label_separator.strip(" "):
        faults.append(Fault("label-separator", f"{label_separator!r} separates nothing; give a character such as ';'"))
    if label_separator is not None and problem_type == "single_label_classification":
        faults.append(Fault("label-separator", "a separator gives several labels, but single-label has one per row"))
    if faults:
        raise ConfigError(
            "the corpus cannot be read with these options", faults=faults, hint="Omit it, or give another value."
        )
    if text_column is not None and text_column == label_column:
        fault = Fault("same-column", f"text and label are both column {text_column!r}; name two different columns")
        raise CorpusError(f"{source_name} cannot be used as a corpus: 1 fault", faults=[fault])


def _columns(head: Sequence[Row], text_column: str | None, label_column: str | None) -> CorpusColumns:
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    if not names:  # no readable rows: the rejects say why
        return CorpusColumns(text_column or "", label_column or "", (), "as given", "as given")
    return choose_columns(names, head, text_column=text_column, label_column=label_column)


def _extend_head(head: list[Row], stream: Iterator[Row], is_enough: Callable[[Row], bool]) -> None:
    """Add `HEAD_ROWS` rows to the head at a time, until one of them is enough or the stream ends."""
    while more := list(islice(stream, HEAD_ROWS)):
        head.extend(more)
        if any(map(is_enough, more)):
            return


def _read_rows(
    rows: Iterable[Row],
    columns: CorpusColumns,
    problem_type: ProblemType,
    reader: LabelReader,
    source_name: str,
    known_labels: Sequence[str] | None,
) -> Corpus:
    """Every row, either kept or rejected."""
    texts: list[str] = []
    labels: list[tuple[str, ...]] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    existing: dict[str, None] = {}
    rows_in = 0
    for row in rows:
        rows_in += 1
        if row.error is not None:
            rejects.append(Reject(row.line, *reject_reason(row.error), raw_text(row)))
            continue
        if not row.fields.keys() <= existing.keys():
            existing |= dict.fromkeys(row.fields)
        try:
            text = read_text(row.fields.get(columns.text))
            names = reader.read(row.fields.get(columns.label))
        except RowFault as fault:
            rejects.append(Reject(row.line, fault.reason, fault.message, raw_text(row)))
            continue
        texts.append(text)
        labels.append(names)
        lines.append(row.line)
    if existing:
        check_columns(columns, list(existing))
    if known_labels is None:
        known_labels = sorted({name for names in set(labels) for name in names})
    corpus = Corpus(
        texts=texts,
        labels=labels,
        label_names=list(known_labels),
        problem_type=problem_type,
        lines=lines,
        source_name=source_name,
        rows_in=rows_in,
        columns=replace(columns, existing=tuple(existing)),
        rejects=rejects,
    )
    if reader.repeated:
        corpus = corpus.add_finding("repeated-labels", reader.repeated, (), "each label was counted once per row")
    return corpus
