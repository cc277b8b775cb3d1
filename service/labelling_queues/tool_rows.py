"""Rows of files that were written for a labelling tool: suspects of `glossator wrangle --review`, and texts that
`glossator suggest` chose, as tasks of Label Studio, examples of Prodigy, or a table.

Each shape becomes the same thing: a text, what is suggested, and why a reviewer gets it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glossator.service.labelling_queues.records import Suggestion
from glossator.service.tasks.offsets import offset_converter

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolRow:
    """What a row of such a file says. `labels`: those that it names, which a reviewer can choose from."""

    text: object
    fields: Fields
    suggestion: Suggestion | None = None
    note: str | None = None
    labels: Sequence[str] = field(default_factory=tuple)


def is_label_studio(fields: Fields) -> bool:
    """Return whether the fields of a row are a task of Label Studio."""
    return isinstance(fields.get("data"), Mapping) and not isinstance(fields.get("text"), str)


def is_prodigy(fields: Fields) -> bool:
    """Return whether the fields of a row are an example of Prodigy."""
    return isinstance(fields.get("meta"), Mapping) and ("options" in fields or "spans" in fields)


def is_suggested(columns: Sequence[str]) -> bool:
    """Return whether these are the columns of a table of `glossator suggest`."""
    return {"text", "likeliest", "uncertainty"} <= set(columns)


def read_label_studio(task: Fields) -> ToolRow:
    """Read a task: its newest annotation, or else its prediction, is what is suggested."""
    data = task["data"]
    text = data.get("text")
    done = [each for each in task.get("annotations") or () if not each.get("was_cancelled")]
    chosen = (done or task.get("predictions") or [{}])[-1]
    suggestion: Suggestion | None = None
    results = chosen.get("result") or ()
    choices = [name for each in results for name in each.get("value", {}).get("choices", ())]
    spans = [each["value"] for each in results if "labels" in each.get("value", {})]
    if choices:
        suggestion = {"labels": [{"label": str(name), "score": chosen.get("score")} for name in choices]}
    elif spans or any(each.get("type") == "labels" for each in results) or "doubt" in data:
        suggestion = {"entities": _entities(str(text), spans)}
    return ToolRow(text, _rest(data), suggestion, _note(data, choices), _known(data, choices))


def read_prodigy(example: Fields) -> ToolRow:
    """Read an example: what is accepted already is what is suggested, or else its likeliest label."""
    meta = example["meta"]
    fields = {**_rest(meta), **{name: example[name] for name in example if name not in _PRODIGY}}
    if "spans" in example:
        spans = [{name: each[name] for name in ("start", "end", "label")} for each in example["spans"] or ()]
        return ToolRow(example.get("text"), fields, {"entities": spans}, _note(meta, ()), ())
    options = [str(each["id"]) for each in example.get("options") or ()]
    chosen = [str(each) for each in example.get("accept") or ()] or [
        str(meta[name]) for name in ("likeliest",) if meta.get(name)
    ]
    suggestion = {"labels": [{"label": name, "score": None} for name in chosen]} if chosen else None
    return ToolRow(example.get("text"), fields, suggestion, _note(meta, chosen), _known(meta, (*options, *chosen)))


def read_suggested(row: Fields) -> ToolRow:
    """Read a row of a table of `glossator suggest`."""
    likeliest = row.get("likeliest")
    chosen = [str(likeliest)] if likeliest else []
    suggestion = {"labels": [{"label": name, "score": _number(row.get("probability"))} for name in chosen]}
    return ToolRow(row.get("text"), _rest(row), suggestion if chosen else None, _note(row, chosen), chosen)


_PRODIGY = ("text", "meta", "options", "accept", "spans", "answer", "tokens")


def _rest(fields: Fields) -> dict[str, Any]:
    return {str(name): value for name, value in fields.items() if name != "text"}


def _known(data: Fields, more: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*more, *([str(data["label"])] if data.get("label") else [])]))


def _note(data: Fields, suggested: Sequence[str]) -> str | None:
    """Return why a reviewer gets the row, as far as the file says it."""
    if data.get("doubt"):
        return f"Doubtful words: {data['doubt']}"
    if data.get("label") and suggested:
        return f"The file says {data['label']}; {', '.join(suggested)} is more probable."
    uncertainty = _number(data.get("uncertainty"))
    return None if uncertainty is None else f"The model is unsure of this text (uncertainty {uncertainty:.2f})."


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _entities(text: str, spans: Sequence[Fields]) -> list[dict[str, Any]]:
    """Return spans with offsets in code points. Those of Label Studio count UTF-16 code units if they were annotated.

    `glossator wrangle` writes code points: an offset that does not fit the text of the span is converted.
    """
    convert = offset_converter(text, "utf16")
    points = {convert(place): place for place in range(len(text) + 1)}
    found = []
    for each in spans:
        start, end = int(each["start"]), int(each["end"])
        if "text" in each and text[start:end] != each["text"]:
            start, end = points.get(start, start), points.get(end, end)
        found += [{"start": start, "end": end, "label": str(label)} for label in each["labels"]]
    return found
