"""Rows to a clean corpus, with every fault found on the way in one report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import get_args

from glossator.service.bundle.task import ProblemType
from glossator.service.errors import ConfigError, CorpusError, Fault
from glossator.training.corpus.cleaning import deduplicate
from glossator.training.corpus.corpus import Corpus, CorpusColumns, Reject, UnusableCorpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings import checks, corpus_faults
from glossator.training.corpus.reading.column_detection import (
    check_columns,
    choose_columns,
    choose_problem_type,
    is_missing,
)
from glossator.training.corpus.reading.label_reader import LabelReader
from glossator.training.corpus.row import Row, RowFault, raw_of, read_text, reason_of

HEAD_ROWS = 1_000
"""Columns and problem type are told from this many first rows."""


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
    """The corpus in `rows`, read once: bad rows are set aside as rejects and never stop the reading.

    `known_labels` holds the rows against a model's labels (a validation or test file): another label is a row's fault,
    no class needs rows, and duplicates are kept unless `drop_duplicates` is set (it is by default for training).
    Raises UnknownColumn, ConfigError for options that contradict each other, and UnusableCorpus with every fault.
    """
    _check_options(source_name, text_column, label_column, label_separator, problem_type)
    stream = iter(rows)
    head: list[Row] = []
    _grow(head, stream, lambda row: bool(row.fields))
    columns = _columns(head, text_column, label_column)
    if all(is_missing(row.fields.get(columns.label)) for row in head):  # labels may start late
        _grow(head, stream, lambda row: not is_missing(row.fields.get(columns.label)))
    cells = (row.fields.get(columns.label) for row in head)
    label_values = [value for value in cells if not is_missing(value)]
    problem, why = choose_problem_type(label_values, given=problem_type, label_separator=label_separator)
    columns = replace(columns, problem_type_why=why)
    reader = LabelReader(problem, separator=label_separator, known=known_labels, fix_names=fix_label_names)
    corpus = _read_rows(chain(head, stream), columns, problem, reader, source_name, known_labels)
    training = known_labels is None
    if training:
        corpus = deduplicate.unify_label_names(corpus, fix=fix_label_names)
    elif reader.respelled:
        corpus = deduplicate.note_respelled(corpus, reader.respelled, "taken for the model's label")
    if training if drop_duplicates is None else drop_duplicates:
        corpus = deduplicate.drop_exact_duplicates(corpus)
    found = corpus_faults.row_faults(corpus)
    if training:
        found += corpus_faults.label_faults(corpus)
        corpus = deduplicate.drop_rare_labels(corpus) if drop_rare else corpus
        found += corpus_faults.class_faults(corpus)
    corpus = replace(corpus, findings=corpus.findings + checks.findings(corpus))
    if found:
        raise UnusableCorpus(corpus, found)
    return corpus


def _check_options(
    source_name: str,
    text_column: str | None,
    label_column: str | None,
    label_separator: str | None,
    problem_type: ProblemType | None,
) -> None:
    """Raises ConfigError, or CorpusError where text and label are to be one column."""
    found = []
    if problem_type is not None and problem_type not in get_args(ProblemType):
        found.append(Fault("problem-type", f"{problem_type!r} is none of {', '.join(get_args(ProblemType))}"))
    if label_separator is not None and not label_separator.strip(" "):
        found.append(Fault("label-separator", f"{label_separator!r} separates nothing; give a character such as ';'"))
    if label_separator is not None and problem_type == "single_label_classification":
        found.append(Fault("label-separator", "a separator makes several labels where single-label has one"))
    if found:
        raise ConfigError(
            "the corpus cannot be read with these options", faults=found, hint="Leave it out, or give another value."
        )
    if text_column is not None and text_column == label_column:
        fault = Fault("same-column", f"text and label are both column {text_column!r}; name two columns")
        raise CorpusError(f"{source_name} cannot be used as a corpus: 1 fault", faults=[fault])


def _columns(head: Sequence[Row], text_column: str | None, label_column: str | None) -> CorpusColumns:
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    if not names:  # no rows, or none that can be read: the rejects say why
        return CorpusColumns(text_column or "", label_column or "", (), "as given", "as given")
    return choose_columns(names, head, text_column=text_column, label_column=label_column)


def _grow(head: list[Row], stream: Iterator[Row], tells: Callable[[Row], bool]) -> None:
    """Adds `HEAD_ROWS` rows to the head at a time, until one of them tells what is asked or there are no more."""
    while more := list(islice(stream, HEAD_ROWS)):
        head.extend(more)
        if any(map(tells, more)):
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
            rejects.append(Reject(row.line, *reason_of(row.error), raw_of(row)))
            continue
        if not row.fields.keys() <= existing.keys():
            existing |= dict.fromkeys(row.fields)
        try:
            text = read_text(row.fields.get(columns.text))
            names = reader.read(row.fields.get(columns.label))
        except RowFault as fault:
            rejects.append(Reject(row.line, fault.reason, fault.message, raw_of(row)))
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
        share = reader.repeated / max(1, len(texts))
        corpus.findings.append(Finding("repeated-labels", reader.repeated, share, (), "each label counted once a row"))
    return corpus
