"""Reads the rows of Label Studio's JSON_MIN and CSV exports: one row per annotation, a column per control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.annotated.annotators import Annotation, AnnotatorRule, name_annotator
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions
from glossator.training.corpus.reading.labels.cell_values import as_mapping
from glossator.training.corpus.row import Row, SourceRow

_NO_ANSWER = frozenset({"id", "annotation_id", "annotator", "lead_time", "created_at", "updated_at"})
_CHOICES = "choices"


def is_exported_row(fields: Mapping[str, object]) -> bool:
    """True for a row of JSON_MIN or CSV: it says which annotation of which task it is."""
    return {"id", "annotation_id"} <= fields.keys() and bool({"annotator", "lead_time", "updated_at"} & fields.keys())


def read_exported_rows(rows: Sequence[Row], options: AnnotationOptions) -> AnnotatedRows:
    """The rows, one per task, with `{"choices": [...]}` as a list."""
    rule = AnnotatorRule(options.annotator)
    by_task: defaultdict[str, list[SourceRow]] = defaultdict(list)
    for number, row in enumerate(rows):
        unreadable = row.error is not None
        by_task[f"row {number}" if unreadable else str(row.fields.get("id"))].append(
            SourceRow(row.line, {name: _plain(value) for name, value in row.fields.items()}, row.error, row.raw)
        )
    read = [group[0] if group[0].error is not None else _choose(group, rule) for group in by_task.values()]
    return AnnotatedRows(read, "rows of Label Studio", rule.decisions(), rule.finding(len(read)))


def _choose(group: Sequence[SourceRow], rule: AnnotatorRule) -> SourceRow:
    annotations = [
        Annotation(
            {name: value for name, value in row.fields.items() if name not in _NO_ANSWER},
            name_annotator(row.fields.get("annotator")),
        )
        for row in group
    ]
    chosen = rule.choose(group[0].line, annotations)
    if chosen is None:
        return SourceRow(group[0].line, {}, CorpusError(f"not-annotated: not by {rule.wanted}"))
    return group[next(place for place, each in enumerate(annotations) if each is chosen)]


def _plain(value: object) -> object:
    choices = as_mapping(value) if isinstance(value, Mapping) or str(value).startswith('{"choices"') else None
    return choices[_CHOICES] if choices is not None and set(choices) == {_CHOICES} else value
