"""Tasks for Prodigy (JSON Lines with options or spans), and the answers that `prodigy db-out` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glossator.service.documents.annotation_shapes import ANSWER, prodigy_options
from glossator.service.reviews.records import Period

Fields = Mapping[str, Any]
_ANSWERS = ("accept", "reject", "ignore")


def prodigy_task(task: Fields, period: Period) -> dict[str, Any] | None:
    """Return a review task as a task of Prodigy; None without its text.

    The answer to a question is a span in its context; the question is in `meta`, as is the first text of a pair.
    """
    if "text" not in task:
        return None
    meta = {name: task[name] for name in ("period", "item") if name in task}
    if "second" in task:
        meta["first"] = task["text"]
    if "reviews" in task:
        meta["reviews"] = task["reviews"]
    found: dict[str, Any] = {"text": task.get("second", task["text"])}
    if period.scheme.kind in ("label", "labels"):
        found["options"] = prodigy_options(period.scheme.labels)
        found["accept"] = list(task.get("labels") or ())
        found["config"] = {"choice_style": "single" if period.scheme.kind == "label" else "multiple"}
    elif period.scheme.kind == "entities":
        found["spans"] = [{name: each[name] for name in ("start", "end", "label")} for each in task.get("entities", ())]
    else:
        span = task.get("span")
        found["spans"] = [{"start": span["start"], "end": span["end"], "label": ANSWER}] if span else []
    return found | {"meta": meta}


def is_prodigy(row: Fields) -> bool:
    """Return whether a row is a task of Prodigy, with or without an answer."""
    return row.get("answer") in _ANSWERS or ("item" not in row and isinstance(row.get("meta"), Mapping))


def read_answer(row: Fields, period: Period) -> Fields | ValueError:
    """Return what the annotator says, as a row of reviews, or the reason why it cannot be used."""
    meta = row.get("meta")
    if not isinstance(meta, Mapping):
        return ValueError("it has no meta with the period and the item")
    answer = row.get("answer")
    found: dict[str, Any] = {
        "period": meta.get("period"),
        "item": meta.get("item"),
        "text": row.get("text"),
        "reviewer": row.get("_annotator_id") or row.get("_session_id"),
        "made": row.get("_timestamp"),
    }
    if isinstance(row.get("comment"), str):
        found["comment"] = row["comment"]
    if answer == "ignore":
        return found | {"skip": True}
    if answer == "reject":
        return found | {"correct": False}
    if answer != "accept":
        return found  # not reviewed yet
    if period.scheme.kind in ("label", "labels"):
        chosen = row.get("accept")
        if not isinstance(chosen, list):
            return ValueError("it is accepted, but has no list of accepted options")
        if period.scheme.kind == "label" and not chosen:
            return ValueError("no label was chosen")
        return found | {"gold_labels": chosen}
    try:
        spans = [{name: each[name] for name in ("start", "end", "label")} for each in row.get("spans") or ()]
    except (TypeError, KeyError):
        return ValueError("its spans are not objects with start, end and label")
    if period.scheme.kind == "entities":
        return found | {"gold_entities": spans}
    if len(spans) > 1:
        return ValueError(f"{len(spans)} spans are marked, expected one at most")
    return found | {"gold_span": {name: spans[0][name] for name in ("start", "end")} if spans else {}}
