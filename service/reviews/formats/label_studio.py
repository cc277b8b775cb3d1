"""Tasks for Label Studio, and the annotations in its exports (JSON and JSON-MIN).

Its page counts UTF-16 code units. Offsets are converted here, and checked against the words that an export repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from glossator.service.documents.annotation_shapes import (
    ANSWER,
    LABEL,
    TEXT,
    label_studio_choices,
    label_studio_span,
)
from glossator.service.reviews.records import Period, Scheme
from glossator.service.tasks.offsets import offset_converter

Fields = Mapping[str, Any]
_TASK_FIELDS = ("text", "second", "period", "item", "sha256", "reviews")
_COMMENT = "comment"


def labelling_config(scheme: Scheme, *, pairs: bool = False, adjudication: bool = False) -> str:
    """Return the labelling interface of a project for the tasks of a period.

    Args:
        scheme: What an answer is made of.
        pairs: The tasks have two texts.
        adjudication: The tasks have what the reviewers say.
    """
    lines = ["<View>"]
    if scheme.kind == "span":
        lines += ['  <Text name="question" value="$text"/>', '  <Text name="text" value="$second"/>']
    else:
        lines += ['  <Text name="text" value="$text"/>']
        lines += ['  <Text name="second" value="$second"/>'] if pairs else []
    if adjudication:
        lines += ['  <Text name="reviews" value="$reviews"/>']
    if scheme.kind in ("label", "labels"):
        choice = 'choice="single" required="true"' if scheme.kind == "label" else 'choice="multiple"'
        lines += [f'  <Choices name="{LABEL}" toName="{TEXT}" {choice}>']
        lines += [f"    <Choice value={quoteattr(each)}/>" for each in scheme.labels]
        lines += ["  </Choices>"]
    else:
        names = scheme.labels if scheme.kind == "entities" else (ANSWER,)
        lines += [f'  <Labels name="{LABEL}" toName="{TEXT}">']
        lines += [f"    <Label value={quoteattr(each)}/>" for each in names]
        lines += ["  </Labels>"]
    lines += [f'  <TextArea name="{_COMMENT}" toName="{TEXT}" placeholder="Comment" rows="1"/>', "</View>"]
    return "\n".join(lines) + "\n"


def label_studio_task(task: Fields, period: Period) -> dict[str, Any] | None:
    """Return a review task as a task of Label Studio; None without its text, which the page shows."""
    if "text" not in task:
        return None
    data = {name: task[name] for name in _TASK_FIELDS if name in task}
    if "reviews" in task:
        data["reviews"] = "\n".join(map(_sentence, task["reviews"]))
    results = _results(task)
    prediction = {
        "model_version": f"{period.model}@{period.digest[:12]}",
        "score": period.items[task["item"]].confidence,
        "result": results,
    }
    return {"data": data, "predictions": [prediction] if results else []}


def is_label_studio(row: Fields) -> bool:
    """Return whether a row is a task of Label Studio, or a row of its JSON-MIN export."""
    return isinstance(row.get("data"), Mapping) or "annotation_id" in row


def read_annotations(row: Fields, period: Period) -> Iterator[Fields | ValueError]:
    """Yield what each annotation of a task says, as a row of reviews, or the reason why it cannot be used."""
    if "annotation_id" in row:
        yield _attempt(_exported_row, row, period)
        return
    annotations = row.get("annotations", row.get("completions"))
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, Mapping):
            yield _attempt(_annotation, row["data"], period, annotation)
        else:
            yield ValueError("an annotation is not an object")


def _attempt(read: Any, *arguments: Any) -> Fields | ValueError:
    try:
        found: Fields = read(*arguments)
    except ValueError as error:
        return error
    except (TypeError, KeyError, AttributeError):
        return ValueError("an annotation is not in the form of Label Studio")
    return found


def _annotation(data: Fields, period: Period, annotation: Fields) -> Fields:
    row = _base(data) | {
        "reviewer": _annotator(annotation.get("completed_by")),
        "seconds": annotation.get("lead_time"),
        "made": annotation.get("updated_at") or annotation.get("created_at"),
    }
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        return row | {"skip": True}
    labels: list[str] = []
    spans: list[dict[str, Any]] = []
    for result in annotation.get("result") or ():
        value = result["value"]
        if result.get("from_name") == _COMMENT or result.get("type") == "textarea":
            row["comment"] = "\n".join(map(str, value["text"])) if isinstance(value["text"], list) else value["text"]
        elif "choices" in value:
            labels += value["choices"]
        elif "labels" in value:
            spans += [_gold_span(value, label, data, period) for label in value["labels"]]
    return row | _gold(period, labels, spans)


def _exported_row(data: Fields, period: Period) -> Fields:
    row = _base(data) | {
        "reviewer": _annotator(data.get("annotator")),
        "seconds": data.get("lead_time"),
        "made": data.get("updated_at") or data.get("created_at"),
    }
    if isinstance(data.get(_COMMENT), str):
        row["comment"] = data[_COMMENT]
    value = data.get(LABEL)
    if period.scheme.kind in ("label", "labels"):
        chosen = value["choices"] if isinstance(value, Mapping) else [] if value is None else [value]
        return row | _gold(period, list(chosen), [])
    spans = [_gold_span(each, label, data, period) for each in value or () for label in each["labels"]]
    return row | _gold(period, [], spans)


def _base(data: Fields) -> dict[str, Any]:
    return {name: data.get(name) for name in ("period", "item", "text", "second")}


def _gold(period: Period, labels: list[str], spans: list[dict[str, Any]]) -> dict[str, Any]:
    kind = period.scheme.kind
    if kind == "entities":
        return {"gold_entities": spans}
    if kind == "span":
        if len(spans) > 1:
            raise ValueError(f"{len(spans)} spans are marked, expected one at most")
        return {"gold_span": {name: spans[0][name] for name in ("start", "end")} if spans else {}}
    if kind == "label" and not labels:
        raise ValueError("no label was chosen")
    return {"gold_labels": labels}


def _gold_span(value: Fields, label: str, data: Fields, period: Period) -> dict[str, Any]:
    """Return a span in code points. The text of the span, if it is there, decides what its offsets count."""
    text = _span_text(data, period.scheme.kind == "span")
    start, end = value["start"], value["end"]
    if not isinstance(start, int) or not isinstance(end, int):
        raise ValueError("a region is not a span of a text")
    covered = value.get("text")
    if isinstance(text, str):
        convert = offset_converter(text, "utf16")
        points = {convert(place): place for place in range(len(text) + 1)}
        places = [(points.get(start, -1), points.get(end, -1)), (start, end)]
        fitting = [
            (first, last)
            for first, last in places
            if 0 <= first < last <= len(text) and (not isinstance(covered, str) or text[first:last] == covered)
        ]
        if not fitting:
            raise ValueError(f"the text from {start} to {end} is not what the annotation says")
        start, end = fitting[0]
    return {"start": start, "end": end, "label": label}


def _span_text(data: Fields, answers: bool) -> Any:
    return data.get("second") if answers and "second" in data else data.get("text")


def _results(task: Fields) -> list[dict[str, Any]]:
    if "entities" in task or "span" in task:
        text = _span_text(task, "span" in task)
        convert = offset_converter(text, "utf16")
        spans = task["entities"] if "entities" in task else [task["span"]] if task["span"] else []
        return [
            label_studio_span(
                convert(each["start"]),
                convert(each["end"]),
                text[each["start"] : each["end"]],
                each.get("label", ANSWER),
                each.get("score"),
            )
            for each in spans
            if each["end"] <= len(text)
        ]
    return label_studio_choices(task.get("labels") or ())


def _annotator(value: object) -> str | None:
    """Return the name of an annotator: an e-mail address, else the number of the account."""
    if isinstance(value, Mapping):
        value = value.get("email") or value.get("username") or value.get("id")
    return None if value is None else str(value)


def _sentence(said: Fields) -> str:
    gold = [value for name, value in said.items() if name.startswith("gold_")]
    comment = f" ({said['comment']})" if "comment" in said else ""
    return f"{said['reviewer']}: {said['verdict']}{f', {gold[0]}' if gold else ''}{comment}"
