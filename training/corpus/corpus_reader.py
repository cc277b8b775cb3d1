"""Reads rows of texts with labels into a clean corpus; all faults are reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import get_args

from glossator.service.bundle.task import ProblemType
from glossator.service.documents.decision import Decision
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import ConfigError, CorpusError, Fault
from glossator.training.corpus.cleaning.deduplicate import drop_exact_duplicates
from glossator.training.corpus.cleaning.label_names import drop_rare_labels, report_respelled, unify_label_names
from glossator.training.corpus.corpus import Corpus, CorpusColumns, Reject, UnusableCorpus
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.findings.checks import check_corpus
from glossator.training.corpus.findings.corpus_faults import class_faults, label_faults, row_faults
from glossator.training.corpus.findings.suspicious import ColumnLinks, check_suspicious
from glossator.training.corpus.reading.column_detection import (
    ChosenColumns,
    check_columns,
    choose_columns,
    choose_problem_type,
)
from glossator.training.corpus.reading.labels.label_form_detection import detect_label_form
from glossator.training.corpus.reading.labels.label_forms import LabelForm, LabelNames
from glossator.training.corpus.reading.labels.label_reader import ABSENT, LabelReader
from glossator.training.corpus.row import Row, RowFault, raw_text, read_text, reject_reason

HEAD_ROWS = 1_000
"""Columns and problem type are detected from this many first rows."""
_MIN_SINGLE_ROWS = 10
"""In a smaller corpus of lists, rows with exactly one label each are no evidence for one label a row."""

_NO_ROWS = "the source has no rows"
"""Why no column was found."""


def read_corpus(
    rows: Iterable[Row],
    *,
    source_name: str,
    text_column: str | None = None,
    label_column: str | None = None,
    label_separator: str | None = None,
    label_names: LabelNames | None = None,
    problem_type: ProblemType | None = None,
    fix_label_names: bool = True,
    known_labels: Sequence[str] | None = None,
    keep_unknown_labels: bool = False,
    drop_duplicates: bool | None = None,
    drop_rare: bool = False,
) -> Corpus:
    """The corpus in `rows`, read once. A row that cannot be used becomes a reject.

    Args:
        rows: The rows of a source.
        source_name: What reports and errors call the source.
        text_column: The column of texts, by name or 1-based number; None: detected.
        label_column: The column of labels, by name or 1-based number, or names of label columns with commas between
            them; None: detected.
        label_separator: What separates several labels in a cell. Makes the problem multi-label.
        label_names: Names for labels that are numbers, vectors or columns.
        problem_type: None: detected.
        fix_label_names: Write each label in its most frequent spelling.
        known_labels: The labels of a model, for a validation or test file. Rows with other labels are rejects, and no
            label needs a row.
        keep_unknown_labels: Keep rows with other labels than `known_labels`: a model is always wrong on them.
        drop_duplicates: Drop repeated rows; None: only if `known_labels` is None.
        drop_rare: Drop labels that only one row has.

    Raises:
        UnknownColumn: The columns cannot be detected, or a named one does not exist.
        ConfigError: Options contradict each other.
        CorpusError: The labels are vectors without names, or scores.
        UnusableCorpus: No model can be trained on the corpus; has every fault.
    """
    _check_options(source_name, text_column, label_column, label_separator, problem_type)
    stream = iter(rows)
    head: list[Row] = []
    _extend_head(head, stream, lambda row: bool(row.fields))
    label_names = label_names or LabelNames()
    chosen = _columns(head, text_column, label_column, label_names)
    columns, form, decisions = chosen.columns, chosen.form, chosen.decisions
    if form.kind == "names" and all(is_missing(row.fields.get(columns.label)) for row in head):  # labels start late
        _extend_head(head, stream, lambda row: not is_missing(row.fields.get(columns.label)))
        if columns.existing:
            form, more = detect_label_form(columns.label, head, label_names)
            decisions = [*decisions, *more]
    cells = (row.fields.get(columns.label) for row in head)
    label_values = [value for value in cells if not is_missing(value)]
    problem, why = choose_problem_type(label_values, given=problem_type, label_separator=label_separator, form=form)
    columns = replace(columns, problem_type_why=why, form=form)
    reader = LabelReader(
        problem,
        separator=label_separator,
        known=known_labels,
        keep_unknown=keep_unknown_labels,
        fix_names=fix_label_names,
    )
    corpus = _read_rows(chain(head, stream), columns, form, problem, reader, source_name, known_labels)
    corpus = replace(corpus, decisions=decisions)
    if problem_type is None and label_separator is None:
        corpus = _as_yes_or_no(_as_single_label(corpus))
    training = known_labels is None
    if training:
        corpus = unify_label_names(corpus, fix=fix_label_names)
    elif reader.respelled:
        corpus = report_respelled(corpus, reader.respelled, "read as the model's label")
    suspicious = check_suspicious(corpus)
    if training if drop_duplicates is None else drop_duplicates:
        corpus = drop_exact_duplicates(corpus)
    faults = row_faults(corpus)
    if training:
        faults += label_faults(corpus)
        corpus = drop_rare_labels(corpus) if drop_rare else corpus
        faults += class_faults(corpus)
    corpus = replace(corpus, findings=[*suspicious, *corpus.findings, *check_corpus(corpus)])
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
        faults.append(Fault("problem-type", f"'{problem_type}' is none of {', '.join(get_args(ProblemType))}"))
    if label_separator is not None and not label_separator.strip(" "):
        faults.append(Fault("label-separator", f"'{label_separator}' separates nothing; give a character such as ';'"))
    if label_separator is not None and problem_type == "single_label_classification":
        faults.append(Fault("label-separator", "a separator gives several labels, but single-label has one per row"))
    if faults:
        raise ConfigError(
            "the corpus cannot be read with these options", faults=faults, hint="Omit it, or give another value."
        )
    if text_column is not None and text_column == label_column:
        fault = Fault("same-column", f"text and label are both column '{text_column}'; name two different columns")
        raise CorpusError(f"{source_name} cannot be used as a corpus: 1 fault", faults=[fault])


def _columns(
    head: Sequence[Row], text_column: str | None, label_column: str | None, label_names: LabelNames
) -> ChosenColumns:
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    if not names:  # no readable rows: the rejects say why
        text_why, label_why = ("as given" if given else _NO_ROWS for given in (text_column, label_column))
        columns = CorpusColumns(text_column or "", label_column or "", (), text_why, label_why)
        return ChosenColumns(columns, LabelForm("names", label_column or ""), [])
    return choose_columns(names, head, text_column=text_column, label_column=label_column, label_names=label_names)


def _as_single_label(corpus: Corpus) -> Corpus:
    """The corpus as a single-label one if its rows are lists and each of them has exactly one label."""
    if corpus.problem_type != "multi_label_classification" or not all(len(names) == 1 for names in corpus.labels):
        return corpus
    if len(corpus) < _MIN_SINGLE_ROWS:
        return corpus
    why = f"each of {len(corpus):,} rows has exactly one label"
    decision = Decision("labels per row", "one", why, "any number of labels", "--label-separator")
    return replace(
        corpus,
        problem_type="single_label_classification",
        columns=replace(corpus.columns, problem_type_why=why),
        decisions=[*corpus.decisions, decision],
    )


def _as_yes_or_no(corpus: Corpus) -> Corpus:
    """The corpus with the labels `NAME` and `not NAME` if its rows have one label or none, and all the same one."""
    if corpus.problem_type != "multi_label_classification" or len(corpus.label_names) != 1:
        return corpus
    name = corpus.label_names[0]
    absent = f"{ABSENT}{name}"
    without = sum(not names for names in corpus.labels)
    if not without or without == len(corpus):
        return corpus
    why = f"{name} is the only label, and {without:,} of {len(corpus):,} rows are without it"
    return replace(
        corpus,
        labels=[names or (absent,) for names in corpus.labels],
        label_names=sorted((name, absent)),
        problem_type="single_label_classification",
        columns=replace(corpus.columns, problem_type_why=why),
        decisions=[*corpus.decisions, Decision("labels", f"{name}, {absent}", why)],
    )


def _extend_head(head: list[Row], stream: Iterator[Row], is_enough: Callable[[Row], bool]) -> None:
    """Add `HEAD_ROWS` rows to the head at a time, until one of them is enough or the stream ends."""
    while more := list(islice(stream, HEAD_ROWS)):
        head.extend(more)
        if any(map(is_enough, more)):
            return


def _read_rows(
    rows: Iterable[Row],
    columns: CorpusColumns,
    form: LabelForm,
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
    links = ColumnLinks(frozenset({columns.text, *columns.label_columns}))
    for row in rows:
        rows_in += 1
        if row.error is not None:
            rejects.append(Reject(row.line, *reject_reason(row.error), raw_text(row)))
            continue
        if not row.fields.keys() <= existing.keys():
            existing |= dict.fromkeys(row.fields)
        try:
            text = read_text(row.fields.get(columns.text))
            names = reader.read(form.cell(row.fields))
        except RowFault as fault:
            several = problem_type == "multi_label_classification" and form.kind in ("names", "numbers")
            more = "; write [] if no label applies" if several and fault.reason == "missing-label" else ""
            rejects.append(Reject(row.line, fault.reason, fault.message + more, raw_text(row)))
            continue
        texts.append(text)
        labels.append(names)
        lines.append(row.line)
        links.collect(row.fields, names)
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
    absent = [name for name in form.names if name not in corpus.label_names]
    if absent:
        done = "left out: no model can learn them"
        found = Finding(
            "labels-without-rows", len(absent), len(absent) / len(form.names), tuple(absent[:EXAMPLES]), done
        )
        corpus = replace(corpus, findings=[*corpus.findings, found])
    mixed = sorted(reader.from_text & reader.from_values.keys())
    if mixed:
        count = sum(reader.from_values[name] for name in mixed)
        done = "read as one label each"
        corpus = corpus.add_finding("mixed-label-types", count, [f"'{name}'" for name in mixed], done)
    if reader.repeated:
        corpus = corpus.add_finding("repeated-labels", reader.repeated, (), "each label was counted once per row")
    return replace(corpus, findings=[*links.findings(corpus), *corpus.findings])
