"""Reads the decisions of Prodigy's annotators: accepted and rejected labels, chosen options, spans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from glossator.service.documents.decision import Decision
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.annotated.annotators import Annotation, AnnotatorRule, name_annotator
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions, Counted
from glossator.training.corpus.row import Row, SourceRow

ACCEPT, REJECT, IGNORE = "accept", "reject", "ignore"
_MARKS = frozenset(
    {"_input_hash", "_task_hash", "options", "spans", "label", "_view_id", "_annotator_id", "_session_id"}
)
_TEXT, _LABEL = "text", "label"


def is_prodigy_row(fields: Mapping[str, object]) -> bool:
    """True for a row of Prodigy: an answer, and a field that its interfaces write."""
    return fields.get("answer") in (ACCEPT, REJECT, IGNORE) and bool(_MARKS & fields.keys())


def read_prodigy_rows(rows: Sequence[Row], options: AnnotationOptions) -> AnnotatedRows:
    """The rows with the annotators' decisions applied, one per text.

    - A text with options gets the chosen ones as `label`: as lists if any row has several or none.
    - A text with one label and accept or reject has that label or is without it. If texts were asked about several
      labels, the accepted ones are the labels of the text. If each text was asked about one of several labels, a reject
      does not say what the label is: the row is left out.
    - Spans count where they were accepted. Ignored rows are left out.
    """
    rule = AnnotatorRule(options.annotator)
    ignored = Counted()
    answered: list[Row] = []
    read: list[SourceRow] = []
    for row in rows:
        if row.error is not None or not is_prodigy_row(row.fields):
            read.append(SourceRow(row.line, row.fields, row.error, row.raw))
        elif row.fields["answer"] == IGNORE:
            ignored.add(row.line, "ignored")
            read.append(_left_out(row, "ignored-by-annotator: the annotator ignored the text"))
        else:
            answered.append(row)
    binary = [row for row in answered if _is_binary(row)]
    decisions: list[Decision] = []
    read += _read_choices([row for row in answered if not _is_binary(row)], rule)
    if binary:
        read += _read_binary(binary, rule, decisions)
    read.sort(key=lambda row: row.line)
    done = "left out: the annotator did not decide"
    findings = [*ignored.finding("ignored-by-annotators", len(rows), done), *rule.finding(len(rows))]
    return AnnotatedRows(read, "Prodigy's annotations", [*decisions, *rule.decisions()], findings)


def _is_binary(row: Row) -> bool:
    return isinstance(row.fields.get(_LABEL), str) and "options" not in row.fields and not row.fields.get("spans")


def _read_choices(rows: Sequence[Row], rule: AnnotatorRule) -> list[SourceRow]:
    """Rows with options or spans, one per text."""
    found: list[SourceRow] = []
    several = any(_allows_several(row) for row in rows)
    for group in _by_text(rows) if any(map(_annotator, rows)) else [[row] for row in rows]:
        annotations = [Annotation(_answer(row), _annotator(row)) for row in group]
        chosen = rule.choose(group[0].line, annotations)
        if chosen is None:
            found.append(_left_out(group[0], f"not-annotated: not by {rule.wanted}"))
            continue
        row = group[next(place for place, each in enumerate(annotations) if each is chosen)]
        if chosen.answer == REJECT:
            found.append(_left_out(row, "not-accepted: the annotator rejected the annotation"))
            continue
        fields, options = dict(row.fields), row.fields.get(ACCEPT)
        if isinstance(options, list):
            fields[_LABEL] = options if several or len(options) != 1 else options[0]
        found.append(SourceRow(row.line, fields))
    return found


def _read_binary(rows: Sequence[Row], rule: AnnotatorRule, decisions: list[Decision]) -> list[SourceRow]:
    """Rows with one label each that was accepted or rejected, one per text."""
    names = sorted({str(row.fields[_LABEL]) for row in rows})
    groups = _by_text(rows)
    rejects = sum(row.fields["answer"] == REJECT for row in rows)
    asked = max(len({row.fields[_LABEL] for row in group}) for group in groups)
    if not rejects and asked == 1:
        kind, why = "one", "no label was rejected"
    elif len(names) == 1:
        kind, why = "yes or no", f"{names[0]} is the only label; rejected texts are without it"
    elif asked > 1:
        kind, why = "any number", "texts were asked about several labels; those that were accepted count"
    else:
        kind, why = "one", f"each text was asked about one label; {rejects:,} rejected texts are left out"
    decisions.append(Decision("labels per text", kind, why))
    return [_binary_row(group, rule, kind) for group in groups]


def _binary_row(group: Sequence[Row], rule: AnnotatorRule, kind: str) -> SourceRow:
    """One text: the accepted labels, after several annotators were reduced to one decision per label."""
    by_label: defaultdict[str, list[Row]] = defaultdict(list)
    for row in group:
        by_label[str(row.fields[_LABEL])].append(row)
    accepted, decided = [], 0
    for name, rows in by_label.items():
        annotations = [Annotation(f"{name}: {row.fields['answer']}", _annotator(row)) for row in rows]
        chosen = rule.choose(rows[0].line, annotations)
        decided += chosen is not None
        if chosen is not None and chosen.answer == f"{name}: {ACCEPT}":
            accepted.append(name)
    if not decided:
        return _left_out(group[0], f"not-annotated: not by {rule.wanted}")
    if kind != "one":
        return SourceRow(group[0].line, {**group[0].fields, _LABEL: accepted})
    if not accepted:
        return _left_out(group[0], f"label-rejected: the text is not {next(iter(by_label))}; its label is not known")
    return SourceRow(group[0].line, {**group[0].fields, _LABEL: accepted[0]})


def _by_text(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each text, in their order; rows without a text stay alone."""
    groups: defaultdict[object, list[Row]] = defaultdict(list)
    for row in rows:
        text = row.fields.get(_TEXT)
        groups[text if isinstance(text, str) and text else row.line].append(row)
    return list(groups.values())


def _answer(row: Row) -> object:
    """What the annotator said, without what differs in each session, such as the numbers of tokens."""
    if row.fields["answer"] == REJECT:
        return REJECT
    answer = {name: row.fields[name] for name in (ACCEPT, _LABEL) if name in row.fields}
    spans = row.fields.get("spans")
    if isinstance(spans, list):
        keys = ("start", "end", "label")
        answer["spans"] = sorted(str([each.get(key) for key in keys]) for each in spans if isinstance(each, Mapping))
    return answer


def _allows_several(row: Row) -> bool:
    chosen, config = row.fields.get(ACCEPT), row.fields.get("config")
    multiple = isinstance(config, Mapping) and config.get("choice_style") == "multiple"
    return row.fields["answer"] == ACCEPT and isinstance(chosen, list) and (multiple or len(chosen) != 1)


def _annotator(row: Row) -> tuple[str, ...]:
    return name_annotator(row.fields.get("_annotator_id")) + name_annotator(row.fields.get("_session_id"))


def _left_out(row: Row, why: str) -> SourceRow:
    return SourceRow(row.line, row.fields, CorpusError(why), row.raw)
