"""Rows to a corpus of entities, pairs or questions: what `read_corpus` does for labels, for the other tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from glossator.modeling.labelled_rows import GoldSpan, Spans
from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.documents.column_names import PAIR_COLUMNS, TEXT_COLUMNS
from glossator.service.errors import Fault, UnknownColumn, shorten
from glossator.training.corpus.cleaning import deduplicate
from glossator.training.corpus.corpus import Corpus, CorpusColumns, Reject, UnusableCorpus
from glossator.training.corpus.corpus_reader import HEAD_ROWS
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings import checks
from glossator.training.corpus.findings.corpus_faults import row_faults
from glossator.training.corpus.reading.annotated_documents import ANSWERS, CONTEXT, QUESTION
from glossator.training.corpus.reading.column_detection import LABEL_COLUMNS
from glossator.training.corpus.reading.conll import SPANS, TEXT, spans_of
from glossator.training.corpus.reading.label_reader import LabelReader, as_list
from glossator.training.corpus.reading.span_reader import read_spans
from glossator.training.corpus.row import Row, RowFault, is_nan, raw_of, read_text, reason_of

SPAN_NAMES = (SPANS, "entities", "entity", "ents", "ner", "annotations")
TAG_NAMES = ("tags", "ner_tags", "slots", "labels", "label")
PAIR_LABEL_COLUMNS = (*LABEL_COLUMNS, "entailment", "gold_label", "score", "similarity", "relatedness", "relevance")
SCORE_VALUES = 10
"""Numbers with more different values than this, or with a fraction, are scores; fewer whole ones are classes."""
ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which columns hold what, None for "told from the names"."""

    text: str | None = None
    label: str | None = None
    second: str | None = None


@dataclass(slots=True)
class _Read:
    """What was read of one row."""

    text: str
    second: str | None = None
    labels: tuple[str, ...] = ()
    spans: Spans | None = None
    score: float | None = None
    spaced: tuple[str, ...] = ()
    """Spans that had white space at their edges."""


@dataclass(slots=True)
class _Gathered:
    rows: list[_Read] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows_in: int = 0


def detect_task(head: Sequence[Row], roles: ColumnRoles) -> tuple[TaskName, str]:
    """The task that the first rows pose, and why."""
    fields = [row.fields for row in head if row.fields]
    names = list(dict.fromkeys(name for each in fields for name in each))
    if {QUESTION, CONTEXT, ANSWERS} <= set(names):
        return "question-answering", "the rows have a question, a context and answers"
    for name in names:
        holds = _holds_spans if name in SPAN_NAMES else _holds_triples if name in TAG_NAMES else None
        if holds is not None and name != roles.label and holds(fields, name):
            return "token-classification", f"column {name!r} holds spans"
    if "tokens" in names and any(name in TAG_NAMES for name in names):
        return "token-classification", "the rows have tokens and tags"
    if roles.second is not None:
        return "text-pair", "a second text column is given"
    pair = _pair_of(names)
    if pair is not None:
        return "text-pair", f"columns {pair[0]!r} and {pair[1]!r} hold two texts"
    return "text-classification", "each row has one text and its label"


def read_task_corpus(
    rows: Iterable[Row],
    task: TaskName,
    *,
    source_name: str,
    roles: ColumnRoles = ColumnRoles(),
    known_labels: Sequence[str] | None = None,
    problem_type: ProblemType | None = None,
    drop_duplicates: bool | None = None,
) -> Corpus:
    """The corpus of a task in `rows`, read once: a bad row is set aside as a reject and never stops the reading.

    `known_labels` and `problem_type` hold the rows against a model (a validation or test file). Raises UnknownColumn
    where columns cannot be told, and UnusableCorpus with every fault.
    """
    stream = iter(rows)
    head = list(islice(stream, HEAD_ROWS))
    names = list(dict.fromkeys(name for row in head for name in row.fields))
    if task == "token-classification":
        columns, reader = _entity_reader(names, head, roles, known_labels)
    elif task == "question-answering":
        columns, reader = _question_reader(names)
    else:
        columns, reader, problem_type = _pair_reader(names, head, roles, known_labels, problem_type, task)
    gathered = _gather(chain(head, stream), reader)
    if known_labels is None:
        known_labels = sorted({name for row in gathered.rows for name in row.labels})
    if problem_type is None:
        problem_type = "multi_label_classification"
    if problem_type == "regression":
        known_labels = ["score"]
    corpus = Corpus(
        texts=[row.text for row in gathered.rows],
        labels=[row.labels for row in gathered.rows],
        label_names=list(known_labels),
        problem_type=problem_type,
        lines=gathered.lines,
        source_name=source_name,
        rows_in=gathered.rows_in,
        columns=columns,
        rejects=gathered.rejects,
        task=task,
        seconds=None if columns.second is None else [row.second or "" for row in gathered.rows],
        spans=[row.spans or () for row in gathered.rows]
        if task in ("token-classification", "question-answering")
        else None,
        scores=[row.score or 0.0 for row in gathered.rows] if problem_type == "regression" else None,
    )
    training = drop_duplicates if drop_duplicates is not None else True
    if training:
        corpus = deduplicate.drop_exact_duplicates(corpus)
    found = row_faults(corpus)
    if not found and task == "token-classification" and not any(corpus.spans or ()):
        found = [Fault("no-entities", "no row has an entity; name the column of spans or tags (--label-column)")]
    corpus = replace(corpus, findings=corpus.findings + _spaced(gathered) + checks.findings(corpus))
    if found:
        raise UnusableCorpus(corpus, found)
    return corpus


def _spaced(gathered: _Gathered) -> list[Finding]:
    """Rows with spans that had white space at their edges."""
    hit = [(line, row.spaced) for line, row in zip(gathered.lines, gathered.rows, strict=True) if row.spaced]
    if not hit:
        return []
    shown = tuple(f"line {line}: {spaced[0]!r}" for line, spaced in hit[: deduplicate.EXAMPLES])
    done = "the white space was left out; check whether spans are shifted"
    share = len(hit) / len(gathered.rows)
    return [Finding("spans-with-space", len(hit), share, shown, done, tuple(line for line, _ in hit))]


def _gather(rows: Iterable[Row], reader: Callable[[Mapping[str, object]], _Read]) -> _Gathered:
    gathered = _Gathered()
    for row in rows:
        gathered.rows_in += 1
        if row.error is not None:
            reason, what = reason_of(row.error)
            gathered.rejects.append(Reject(row.line, reason, what, raw_of(row)))
            continue
        try:
            gathered.rows.append(reader(row.fields))
        except RowFault as fault:
            gathered.rejects.append(Reject(row.line, fault.reason, fault.message, raw_of(row)))
            continue
        gathered.lines.append(row.line)
    return gathered


# Entities


def _entity_reader(
    names: Sequence[str], head: Sequence[Row], roles: ColumnRoles, known: Sequence[str] | None
) -> tuple[CorpusColumns, Callable[[Mapping[str, object]], _Read]]:
    fields = [row.fields for row in head if row.fields]
    tokens = "tokens" if "tokens" in names else None
    label = roles.label or next((name for name in SPAN_NAMES if name in names and _holds_spans(fields, name)), None)
    label = label or next((name for name in TAG_NAMES if name in names and _holds_triples(fields, name)), None)
    label = label or next((name for name in TAG_NAMES if name in names), None)
    text = roles.text or next((name for name in TEXT_COLUMNS if name in names and name != label), None) or tokens
    if names and (label not in names or text not in names):
        raise UnknownColumn(
            "the columns of text and entities cannot be told from their names",
            found=f"columns {', '.join(map(repr, names))}",
            hint="Name them: --text-column NAME --label-column NAME.",
        )
    text, label = text or TEXT, label or SPANS

    def read(row: Mapping[str, object]) -> _Read:
        words, value = _names(row.get("tokens")), row.get(label)
        spaced: list[str] = []
        tags = _names(value)
        if words is not None and tags is not None and (text == tokens or text not in row):
            content, spans = _tagged(words, tags)
        else:
            content = read_text(row.get(text))
            if isinstance(value, str) and not value.lstrip().startswith("["):
                spans = _tags_of_text(content, value.split())
            else:
                spans = read_spans([] if value is None or is_nan(value) else value, content, spaced=spaced)
        for span in spans:
            if known is not None and span.label not in known:
                raise RowFault("unknown-label", f"the model has no type {shorten(span.label, 60)!r}")
        types = tuple(sorted({span.label for span in spans}))
        return _Read(read_text(content), spans=spans, labels=types, spaced=tuple(spaced))

    why = "as given" if roles.label else "by its name"
    return CorpusColumns(text, label, tuple(names), "as given" if roles.text else "by its name", why), read


def _names(value: object) -> list[str] | None:
    """The strings of a list of strings; None for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        return None
    return list(value)


def _holds_spans(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    values = [row[name] for row in fields if row.get(name)]
    return any(isinstance(value, (list, tuple)) or str(value).lstrip().startswith("[") for value in values)


def _holds_triples(fields: Sequence[Mapping[str, object]], name: str) -> bool:
    """Whether a column that is named like labels holds `[start, end, label]`, as doccano writes spans."""
    values = [as_list(row[name]) for row in fields if row.get(name)]
    spans = [value[0] for value in values if value]
    return bool(spans) and all(
        isinstance(each, (list, tuple)) and [type(part) for part in each] == [int, int, str] for each in spans
    )


def _tagged(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, Spans]:
    if len(tokens) != len(tags):
        raise RowFault("tag-count", f"{len(tags)} tags for {len(tokens)} tokens")
    offsets, at = [], 0
    for token in tokens:
        offsets.append((at, at + len(token)))
        at += len(token) + 1
    return " ".join(tokens), tuple(spans_of(tags, offsets))


def _tags_of_text(text: str, tags: Sequence[str]) -> Spans:
    """The entities of a text with a tag for each of its words, parted by white space."""
    offsets = [word.span() for word in re.finditer(r"\S+", text)]
    if len(offsets) != len(tags):
        raise RowFault("tag-count", f"{len(tags)} tags for {len(offsets)} words")
    return tuple(spans_of(tags, offsets))


# Questions


def _question_reader(names: Sequence[str]) -> tuple[CorpusColumns, Callable[[Mapping[str, object]], _Read]]:
    if names and not {QUESTION, CONTEXT} <= set(names):
        raise UnknownColumn(
            "questions need a question, a context and answers",
            found=f"columns {', '.join(map(repr, names))}",
            expected="SQuAD JSON, or rows of question, context and answers",
        )

    def read(row: Mapping[str, object]) -> _Read:
        question, context = _side(row, QUESTION), _side(row, CONTEXT)
        answers = row.get(ANSWERS)
        if isinstance(answers, Mapping):  # as datasets stores SQuAD: columns of lists
            starts, texts = answers.get("answer_start", ()), answers.get("text", ())
            answers = [{"start": start, "text": text} for start, text in zip(starts, texts, strict=False)]
        if answers is not None and not isinstance(answers, Sequence):
            raise RowFault("answers-not-a-list", f"the answers are of type {type(answers).__name__}")
        spans = tuple(dict.fromkeys(_answer(each, context) for each in answers or ()))
        return _Read(question, second=context, spans=spans, labels=(ANSWER,) if spans else ())

    return CorpusColumns(QUESTION, ANSWERS, tuple(names), "by its name", "by its name", second=CONTEXT), read


def _answer(value: object, context: str) -> GoldSpan:
    if not isinstance(value, Mapping):
        raise RowFault("answer-unreadable", f"not an answer: {shorten(value, 60)}")
    start = value.get("start", value.get("answer_start"))
    text = value.get("text")
    if not isinstance(start, int) or not isinstance(text, str) or not text.strip():
        raise RowFault("answer-unreadable", f"an answer has a start and a text: {shorten(value, 60)}")
    if context[start : start + len(text)] == text:
        return GoldSpan(start, start + len(text), ANSWER)
    raw = context.encode()[start : start + len(text.encode())]
    hint = ": it stands there if bytes of UTF-8 are counted" if raw == text.encode() else ""
    found = shorten(context[start : start + len(text)], 40)
    raise RowFault("answer-not-there", f"at {start} stands {found!r}, not {shorten(text, 40)!r}{hint}")


# Pairs


def _pair_reader(
    names: Sequence[str],
    head: Sequence[Row],
    roles: ColumnRoles,
    known: Sequence[str] | None,
    problem_type: ProblemType | None,
    task: TaskName,
) -> tuple[CorpusColumns, Callable[[Mapping[str, object]], _Read], ProblemType]:
    given = (roles.text, roles.second) if roles.text and roles.second else None
    pair = given or _pair_of(names) or (roles.text or "", roles.second or "")
    label = roles.label or next((name for name in PAIR_LABEL_COLUMNS if name in names and name not in pair), None)
    if names and (not set(pair) <= set(names) or (label is None and task == "text-pair")):
        raise UnknownColumn(
            "the columns of the two texts and their label cannot be told from their names",
            found=f"columns {', '.join(map(repr, names))}",
            hint="Name them: --text-column NAME --second-column NAME --label-column NAME.",
        )
    if label is not None and label not in names and names:
        raise UnknownColumn("there is no such label column", found=label, expected=", ".join(map(repr, names)))
    values = [row.fields.get(label) for row in head if row.fields] if label else []
    if problem_type is None:
        problem_type = "regression" if _are_scores(values) else "single_label_classification"
    labels = LabelReader("single_label_classification", known=known)

    def read(row: Mapping[str, object]) -> _Read:
        first, second = (_side(row, name) for name in pair)
        if label is None:
            return _Read(first, second=second)
        if problem_type == "regression":
            return _Read(first, second=second, score=_number(row.get(label)))
        return _Read(first, second=second, labels=labels.read(row.get(label)))

    why = "as given" if given else "by their names"
    told = "numbers: a score" if problem_type == "regression" else "names: classes"
    columns = CorpusColumns(pair[0], label or "", tuple(names), why, "by its name", told, second=pair[1])
    return columns, read, problem_type


def _pair_of(names: Sequence[str]) -> tuple[str, str] | None:
    return next((pair for pair in PAIR_COLUMNS if set(pair) <= set(names)), None)


def _side(row: Mapping[str, object], name: str) -> str:
    try:
        return read_text(row.get(name))
    except RowFault as fault:
        raise RowFault(fault.reason, f"{name}: {fault.message}") from None


def _number(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RowFault("score-not-a-number", f"the score is {shorten(value, 40)!r}") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise RowFault("score-not-a-number", f"the score is {number}")
    return number


def _are_scores(values: Sequence[object]) -> bool:
    numbers = []
    for value in values:
        try:
            numbers.append(float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False
    return bool(numbers) and (len(set(numbers)) > SCORE_VALUES or any(number % 1 for number in numbers))
