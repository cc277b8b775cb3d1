"""Reads tasks of Label Studio: the annotations of one control become the column `label` or `spans`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from glossator.service.documents.column_names import TEXT_COLUMNS
from glossator.service.documents.decision import Decision
from glossator.service.errors import CorpusError, UnknownColumn
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.reading.annotated.annotators import Annotation, AnnotatorRule, name_annotator
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions, Counted
from glossator.training.corpus.reading.entity_rows import SPANS, TEXT
from glossator.training.corpus.row import Row, SourceRow

LABEL = "label"
_SPAN_TYPES, _LABEL_TYPES = ("labels",), ("choices",)


class _Control(NamedTuple):
    """A control of the labelling interface, and what it gives: `spans` or `label`."""

    name: str
    gives: str


@dataclass(slots=True)
class _Task:
    """One task: its data, and the results of each annotation by control."""

    row: Row
    data: dict[str, object]
    annotations: list[tuple[Mapping[str, object], dict[_Control, list[dict[str, object]]]]] = field(
        default_factory=list
    )
    skipped: int = 0
    predictions: int = 0


def is_task(fields: Mapping[str, object]) -> bool:
    """True for a task: `data`, with annotations or predictions next to it."""
    kinds = ("annotations", "completions", "predictions")
    return isinstance(fields.get("data"), Mapping) and any(isinstance(fields.get(kind), list) for kind in kinds)


def read_tasks(rows: Sequence[Row], options: AnnotationOptions) -> AnnotatedRows:
    """The annotations of the control that the caller named, else of the one with the most annotations.

    Raises UnknownColumn for a control or an annotator that does not exist, CorpusError if nothing can be read.
    """
    left_out: defaultdict[str, Counted] = defaultdict(Counted)
    tasks = [_read_task(row, left_out) for row in rows]
    counts = Counter(control for task in tasks for _, results in task.annotations for control in results)
    control, is_named = _choose_control(counts, options, tasks)
    if control is None:
        raise _nothing_error(tasks, left_out)
    text = _text_field(tasks, control, options)
    single = control.gives == LABEL and _has_one_choice(tasks, control)
    rule = AnnotatorRule(options.annotator)
    keep_name = options.text_column is not None
    read = [_read_row(task, control, text, rule, single=single, keep_name=keep_name) for task in tasks]
    findings = [*rule.finding(len(rows)), *_left_out_findings(left_out, len(rows))]
    decisions = [*_control_decisions(counts, control, is_named), *_text_decision(text, tasks), *rule.decisions()]
    description = f"Label Studio tasks, {control.gives} of control '{control.name}'"
    return AnnotatedRows(read, description, decisions, findings, label_column_is_read=is_named)


def _read_task(row: Row, left_out: defaultdict[str, Counted]) -> _Task:
    data = row.fields.get("data")
    task = _Task(row, {str(key): value for key, value in data.items()} if isinstance(data, Mapping) else {})
    annotations = row.fields.get("annotations", row.fields.get("completions"))
    predictions = row.fields.get("predictions")
    task.predictions = len(predictions) if isinstance(predictions, list) else 0
    for annotation in annotations if isinstance(annotations, list) else ():
        if not isinstance(annotation, Mapping):
            continue
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            task.skipped += 1
            continue
        results: defaultdict[_Control, list[dict[str, object]]] = defaultdict(list)
        items = annotation.get("result")
        for item in items if isinstance(items, list) else ():
            _read_result(item, results, row.line, left_out)
        task.annotations.append((annotation, dict(results)))
    return task


def _read_result(
    item: object, results: dict[_Control, list[dict[str, object]]], line: int, left_out: defaultdict[str, Counted]
) -> None:
    value = item.get("value") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping):
        left_out["unreadable result"].add(line, "a result that is not an object")
        return
    kind = str(item.get("type") or next(iter(value if isinstance(value, Mapping) else ()), "result"))
    if not isinstance(value, Mapping):
        left_out[kind].add(line, kind)
        return
    if item.get("type") is None:
        kind = next((each for each in (*_SPAN_TYPES, *_LABEL_TYPES) if each in value), kind)
    name = str(item.get("from_name") or kind)
    found = value.get(kind)
    if kind in _SPAN_TYPES and isinstance(value.get("start"), int) and isinstance(found, list):
        place = {"start": value["start"], "end": value.get("end")}
        covered = {TEXT: value["text"]} if isinstance(value.get("text"), str) else {}
        results[_Control(name, SPANS)] += [{**place, "label": label, **covered} for label in found]
        if not found:
            left_out["regions without a label"].add(line, str(value.get("text", place)))
    elif kind in _LABEL_TYPES and isinstance(found, list) and "start" not in value:
        results[_Control(name, LABEL)] += [{"label": label} for label in found]
    else:
        left_out["choices per region" if kind in _LABEL_TYPES and isinstance(found, list) else kind].add(line, name)


def _choose_control(
    counts: Counter[_Control], options: AnnotationOptions, tasks: Sequence[_Task]
) -> tuple[_Control | None, bool]:
    """The control, and whether the caller named it."""
    wanted = options.label_column
    if wanted is not None:
        named = [control for control in counts if wanted in (control.name, control.gives)]
        if named:
            return max(named, key=lambda control: counts[control]), True
        if not any(wanted in task.data for task in tasks):
            raise UnknownColumn(
                "the tasks have no such control",
                found=wanted,
                expected=f"one of {', '.join(sorted({control.name for control in counts}))}" if counts else None,
                hint="Name the control that was annotated: --label-column NAME.",
            )
    by_task = {"token-classification": SPANS, "text-classification": LABEL}.get(options.task or "")
    fitting = [control for control in counts if by_task in (None, control.gives)] or list(counts)
    return max(fitting, key=lambda control: (counts[control], control.gives == SPANS), default=None), False


def _text_field(tasks: Sequence[_Task], control: _Control, options: AnnotationOptions) -> str:
    """The field of `data` with the annotated text: a named one, one of a known name, else the one that spans fit."""
    if options.text_column is not None:
        return options.text_column
    fields = list(dict.fromkeys(name for task in tasks for name, value in task.data.items() if isinstance(value, str)))
    fits: Counter[str] = Counter()
    for task in tasks if control.gives == SPANS else ():
        spans = [span for _, results in task.annotations for span in results.get(control, ())]
        fits.update(name for span in spans for name in fields if _fits(span, task.data.get(name)))
    known = [name for name in TEXT_COLUMNS if name in fields]
    if fits:
        return max(fields, key=lambda name: (fits[name], name in known, -fields.index(name)))
    lengths = {name: sum(len(str(task.data.get(name, ""))) for task in tasks) for name in fields}
    return known[0] if known else max(fields, key=lambda name: lengths[name], default=TEXT)


def _fits(span: Mapping[str, object], text: object) -> bool:
    """True if the text has the words of the span where the span says."""
    start, end, covered = span["start"], span["end"], span.get(TEXT)
    if not isinstance(text, str) or not isinstance(start, int) or not isinstance(end, int):
        return False
    return bool(covered) and text[start:end] == covered


def _has_one_choice(tasks: Sequence[_Task], control: _Control) -> bool:
    return all(len(results.get(control, [0])) == 1 for task in tasks for _, results in task.annotations)


def _read_row(
    task: _Task, control: _Control, text: str, rule: AnnotatorRule, *, single: bool, keep_name: bool
) -> SourceRow:
    row = task.row
    if row.error is not None:
        return SourceRow(row.line, row.fields, row.error, row.raw)
    raw = json.dumps(dict(row.fields), ensure_ascii=False, default=str)
    if not task.annotations:
        reason = (
            "skipped-by-annotator: the task was skipped"
            if task.skipped
            else "not-annotated: the task has no annotation"
        )
        more = " (it has predictions, which are not labels)" if task.predictions else ""
        return SourceRow(row.line, {}, CorpusError(reason + more), raw)
    annotations = [
        Annotation(
            _answer(results.get(control, []), control),
            name_annotator(annotation.get("completed_by")),
            bool(annotation.get("ground_truth")),
        )
        for annotation, results in task.annotations
    ]
    chosen = rule.choose(row.line, annotations)
    if chosen is None:
        return SourceRow(row.line, {}, CorpusError(f"not-annotated: not by {rule.wanted}"), raw)
    fields = dict(task.data)
    if not keep_name and text not in TEXT_COLUMNS and text in fields and TEXT not in fields:
        fields = {TEXT: fields.pop(text), **fields}
    answer: object = chosen.answer
    if single:
        if not chosen.answer:
            return SourceRow(row.line, {}, CorpusError(f"no-choice: nothing was chosen for '{control.name}'"), raw)
        answer = chosen.answer[0] if isinstance(chosen.answer, list) else chosen.answer
    fields.pop(SPANS if control.gives == LABEL else LABEL, None)
    return SourceRow(row.line, {**fields, control.gives: answer})


def _answer(results: Sequence[Mapping[str, object]], control: _Control) -> Sequence[object]:
    if control.gives == SPANS:
        return sorted(results, key=lambda span: (str(span["start"]).zfill(9), str(span["label"])))
    return sorted({str(result["label"]) for result in results})


def _control_decisions(counts: Counter[_Control], chosen: _Control, named: bool) -> list[Decision]:
    others = [control for control in counts if control != chosen]
    if not others:
        return []
    tie = any(counts[each] == counts[chosen] for each in others)
    why = "as given" if named else f"{counts[chosen]:,} annotations use it"
    shown = ", ".join(f"{each.gives} of '{each.name}' ({counts[each]:,})" for each in others)
    chosen_text = f"{chosen.gives} of '{chosen.name}'"
    return [Decision("annotations", chosen_text, why, shown, "--label-column", guessed=tie and not named)]


def _text_decision(text: str, tasks: Sequence[_Task]) -> list[Decision]:
    fields = {name for task in tasks for name, value in task.data.items() if isinstance(value, str)}
    if text == TEXT or len(fields) < 2:
        return []
    return [
        Decision("text column", text, "a field of the tasks' data", ", ".join(sorted(fields - {text})), "--text-column")
    ]


def _left_out_findings(left_out: Mapping[str, Counted], rows: int) -> list[Finding]:
    if not left_out:
        return []
    every = Counted()
    for kind, counted in left_out.items():
        every.lines += [line for line in counted.lines if line not in set(every.lines)]
        every.examples.append(f"{counted.total:,} of type '{kind}'")
        every.total += counted.total
    every.lines.sort()
    done = "left out: only spans (labels) and choices of whole texts are read"
    return every.finding("annotations-left-out", rows, done)


def _nothing_error(tasks: Sequence[_Task], left_out: Mapping[str, Counted]) -> CorpusError:
    if left_out:
        kinds = ", ".join(f"'{kind}' ({counted.total:,})" for kind, counted in sorted(left_out.items()))
        return CorpusError(
            "the tasks of Label Studio have no annotation that can be read",
            found=f"results of type {kinds}",
            expected="results of type 'labels' with start and end in a text, or 'choices' of a text",
            hint="Other annotations are not supported. Export the control of labels or choices.",
        )
    skipped = sum(task.skipped > 0 for task in tasks)
    predicted = sum(task.predictions > 0 for task in tasks)
    found = f"{len(tasks):,} tasks, {skipped:,} skipped, {predicted:,} with predictions only"
    return CorpusError(
        "no task of Label Studio has an annotation",
        found=found,
        expected="annotations with results",
        hint="Predictions are not labels: submit the tasks first. To label the texts, use glossator label.",
    )
