"""Reads rows into a corpus of entities, pairs or questions. `corpus_reader.py` does this for texts with labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.errors import Fault, shorten
from glossator.training.corpus.cleaning.deduplicate import drop_exact_duplicates
from glossator.training.corpus.corpus import Corpus, Reject, UnusableCorpus
from glossator.training.corpus.corpus_reader import HEAD_ROWS
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.findings.checks import check_corpus
from glossator.training.corpus.findings.corpus_faults import row_faults
from glossator.training.corpus.findings.suspicious import check_suspicious
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.entity_rows import EntityRows
from glossator.training.corpus.reading.labels.cell_values import as_list
from glossator.training.corpus.reading.labels.label_forms import LabelNames
from glossator.training.corpus.reading.pair_rows import PairRows
from glossator.training.corpus.reading.parsed_row import ParsedRow, RowReader
from glossator.training.corpus.reading.question_rows import QuestionRows
from glossator.training.corpus.reading.score_rows import ScoreRows
from glossator.training.corpus.row import Row, RowFault, raw_text, reject_reason

_RELATIONS = "relations"
"""The column in which doccano and Prodigy write relations between entities."""


@dataclass(slots=True)
class _ParsedRows:
    """The rows of a source: those that were parsed with their lines, and the rejects."""

    rows: list[ParsedRow] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows_in: int = 0
    related: list[int] = field(default_factory=list)
    """The lines of rows with relations between spans, which are not read."""


def read_task_corpus(
    rows: Iterable[Row],
    task: TaskName,
    *,
    source_name: str,
    roles: ColumnRoles | None = None,
    known_labels: Sequence[str] | None = None,
    problem_type: ProblemType | None = None,
    label_names: LabelNames | None = None,
    keep_unknown_labels: bool = False,
    drop_duplicates: bool | None = None,
) -> Corpus:
    """The corpus of a task in `rows`, read once. A row that cannot be used becomes a reject.

    Args:
        rows: The rows of a source.
        task: Any task; text classification only with scores, by `problem_type`.
        source_name: What reports and errors call the source.
        roles: The columns that the caller named; all others are detected.
        known_labels: The labels of a model, for a validation or test file: rows with other labels are rejects.
        problem_type: The problem type of a model; None: detected.
        keep_unknown_labels: Keep rows with other labels than `known_labels`: a model is always wrong on them.
        label_names: Names for tags that are numbers.
        drop_duplicates: Drop repeated rows; None: yes.

    Raises:
        UnknownColumn: The columns cannot be detected, or a named one does not exist.
        UnusableCorpus: No model can be trained on the corpus; has every fault.
    """
    stream = iter(rows)
    head = list(islice(stream, HEAD_ROWS))
    reader = _row_reader(
        task, head, roles or ColumnRoles(), known_labels, problem_type, label_names, keep_unknown=keep_unknown_labels
    )
    parsed = _parse(chain(head, stream), reader)
    if known_labels is None:
        known_labels = sorted({name for row in parsed.rows for name in row.labels})
    problem_type = problem_type or reader.problem_type
    scored = problem_type == "regression"
    has_spans = task in ("token-classification", "question-answering")
    corpus = Corpus(
        texts=[row.text for row in parsed.rows],
        labels=[row.labels for row in parsed.rows],
        label_names=["score"] if scored else list(known_labels),
        problem_type=problem_type,
        lines=parsed.lines,
        source_name=source_name,
        rows_in=parsed.rows_in,
        columns=reader.columns,
        rejects=parsed.rejects,
        decisions=list(reader.decisions),
        task=task,
        seconds=None if reader.columns.second is None else [row.second or "" for row in parsed.rows],
        spans=[row.spans or () for row in parsed.rows] if has_spans else None,
        scores=[row.score or 0.0 for row in parsed.rows] if scored else None,
    )
    suspicious = check_suspicious(corpus)
    if drop_duplicates is None or drop_duplicates:
        corpus = drop_exact_duplicates(corpus)
    faults = row_faults(corpus)
    if not faults and task == "token-classification" and not any(corpus.spans or ()):
        faults = [Fault("no-entities", "no row has an entity; name the column of spans or tags (--label-column)")]
    corpus = replace(corpus, findings=[*suspicious, *corpus.findings, *_span_findings(parsed), *check_corpus(corpus)])
    if faults:
        raise UnusableCorpus(corpus, faults)
    return corpus


def _row_reader(
    task: TaskName,
    head: Sequence[Row],
    roles: ColumnRoles,
    known_labels: Sequence[str] | None,
    problem_type: ProblemType | None,
    label_names: LabelNames | None,
    *,
    keep_unknown: bool,
) -> RowReader:
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    if task == "token-classification":
        return EntityRows(names, head, roles, known_labels, label_names=label_names, keep_unknown=keep_unknown)
    if task == "question-answering":
        return QuestionRows(names)
    if task == "text-classification":
        return ScoreRows(names, roles)
    return PairRows(
        names, head, roles, task, known_labels, problem_type, label_names=label_names, keep_unknown=keep_unknown
    )


def _parse(rows: Iterable[Row], reader: RowReader) -> _ParsedRows:
    """Every row, either parsed or rejected."""
    parsed = _ParsedRows()
    for row in rows:
        parsed.rows_in += 1
        if row.error is not None:
            parsed.rejects.append(Reject(row.line, *reject_reason(row.error), raw_text(row)))
            continue
        try:
            parsed.rows.append(reader.read(row.fields))
        except RowFault as fault:
            parsed.rejects.append(Reject(row.line, fault.reason, fault.message, raw_text(row)))
            continue
        parsed.lines.append(row.line)
        if parsed.rows[-1].spans is not None and as_list(row.fields.get(_RELATIONS)):
            parsed.related.append(row.line)
    return parsed


def _span_findings(parsed: _ParsedRows) -> list[Finding]:
    """Findings about spans that were changed or left out."""
    trimmed = "the white space was removed. Hint: check whether the offsets are shifted"
    repaired = "the offsets were repaired: only one place has the text of the span"
    count = sum(len(row.overlapping_spans) for row in parsed.rows)
    overlapping = f"{count:,} left out: of overlapping spans the longest is kept, because a token has only one tag"
    return [
        *_span_finding(parsed, "overlapping-spans", [row.overlapping_spans for row in parsed.rows], overlapping),
        *_span_finding(parsed, "spans-with-space", [_quoted(row.trimmed_spans) for row in parsed.rows], trimmed),
        *_span_finding(parsed, "repaired-offsets", [_quoted(row.repaired_spans) for row in parsed.rows], repaired),
        *_relation_findings(parsed),
    ]


def _quoted(texts: Sequence[str]) -> list[str]:
    return [f"'{shorten(text, 80)}'" for text in texts]


def _relation_findings(parsed: _ParsedRows) -> list[Finding]:
    if not parsed.related:
        return []
    count = len(parsed.related)
    examples = tuple(f"line {line}: column '{_RELATIONS}'" for line in parsed.related[:EXAMPLES])
    done = "left out: only entities are read, no relations"
    return [Finding("annotations-left-out", count, count / len(parsed.rows), examples, done, tuple(parsed.related))]


def _span_finding(parsed: _ParsedRows, name: str, texts: Sequence[Sequence[str]], done: str) -> list[Finding]:
    hit = [(line, spans) for line, spans in zip(parsed.lines, texts, strict=True) if spans]
    if not hit:
        return []
    examples = tuple(f"line {line}: {spans[0]}" for line, spans in hit[:EXAMPLES])
    share = len(hit) / len(parsed.rows)
    return [Finding(name, len(hit), share, examples, done, tuple(line for line, _ in hit))]
