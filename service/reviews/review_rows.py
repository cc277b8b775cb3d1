"""What a reviewer says about an item, from a row of a file or a request."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from glossator.service.errors import shorten
from glossator.service.reviews.accuracy.counting import canonical
from glossator.service.reviews.records import SERVED, Period, Review, Role, Verdict

MOST_NAME_CHARACTERS = 200
MOST_COMMENT_CHARACTERS = 10_000
_EXPECTED = {
    "labels": "a list of labels",
    "entities": "a list of objects with start, end and label",
    "span": "an object with start and end",
}


def read_review(
    row: Mapping[str, Any],
    period: Period,
    drawn: Collection[int],
    reviewer: str,
    *,
    role: Role = "reviewer",
    labels: Collection[str] | None = None,
) -> Review | None:
    """Return the review in a row; None if the row says nothing yet.

    Args:
        row: A task with one of these added: `correct` (true or false), `gold_labels`, `gold_entities` or `gold_span`
            (an empty object: there is no answer), `skip` (true); perhaps `comment`, `reviewer`, `seconds` and `made`.
        period: The period.
        drawn: The items that may be reviewed.
        reviewer: Who reviewed, if the row does not say it.
        role: The role of the reviewer.
        labels: The labels that a right answer may have; None allows all.

    Raises:
        ValueError: The row is not a review of this period. The message says why.
    """
    if row.get("period") != period.id:
        raise ValueError(f"it belongs to another period ({row.get('period')})")
    number = row.get("item")
    if not isinstance(number, int) or isinstance(number, bool) or number not in drawn:
        raise ValueError(f"item {shorten(number)} was not drawn")
    gold, item = _gold(row), period.items[number]
    said = [name for name in ("correct", "skip") if row.get(name) is not None and row.get(name) != ""]
    if len(said) + len(gold) > 1:
        raise ValueError(f"it says more than one thing: {', '.join([*said, *(f'gold_{name}' for name in gold)])}")
    if not said and not gold:
        return None
    verdict: Verdict
    if gold:
        ((name, value),) = gold.items()
        if name not in item.served:
            raise ValueError(f"gold_{name} does not fit an answer with {', '.join(item.served)}")
        gold = {name: read_gold(name, value, row, single=period.scheme.kind == "label", labels=labels)}
        verdict = "right" if canonical(gold) == canonical({name: item.served[name]}) else "wrong"
    else:
        value = row[said[0]]
        if not isinstance(value, bool):
            raise ValueError(f"{said[0]} is {json.dumps(value, default=str)}, expected true or false")
        if said[0] == "skip" and not value:
            return None
        verdict = "skipped" if said[0] == "skip" else "right" if value else "wrong"
    comment = row.get("comment")
    return Review(
        item=number,
        verdict=verdict,
        reviewer=_text("reviewer", row.get("reviewer") or reviewer, MOST_NAME_CHARACTERS),
        gold=gold or None,
        comment=None if comment is None else check_comment(str(comment)),
        made=_time(row.get("made")),
        seconds=_seconds(row.get("seconds")),
        role=role,
    )


def check_name(name: str) -> str:
    """Return the name of a reviewer; raises ValueError if it cannot be stored."""
    return _text("reviewer", name, MOST_NAME_CHARACTERS)


def check_comment(comment: str) -> str:
    """Return a comment; raises ValueError if it cannot be stored."""
    return _text("comment", comment, MOST_COMMENT_CHARACTERS)


def _gold(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[f"gold_{name}"] for name in SERVED if row.get(f"gold_{name}") is not None}


def read_gold(
    name: str, value: Any, row: Mapping[str, Any], *, single: bool = False, labels: Collection[str] | None = None
) -> Sequence[Any] | Mapping[str, Any] | None:
    """Return a right answer in the form in which it is stored.

    Args:
        name: "labels", "entities" or "span".
        value: What was given.
        row: The row with its `text`, and `second` for pairs: spans must be inside, if it has them.
        single: There may be one label at most.
        labels: The labels that it may have; None allows all.

    Raises:
        ValueError: The value is no such answer. The message says why.
    """
    try:
        if name == "labels":
            found = [value] if isinstance(value, str) else list(dict.fromkeys(_strings(value)))
            if single and len(found) > 1:
                raise ValueError(f"gold_labels has {len(found)} labels, expected one")
            _check_labels(found, labels)
            return found
        text = row.get("second" if name == "span" and isinstance(row.get("second"), str) else "text")
        length = len(text) if isinstance(text, str) else None
        if name == "span":
            return _span(value, length) if value else None
        entities = [_span(each, length) | {"label": _strings([each["label"]])[0]} for each in value]
        _check_labels([each["label"] for each in entities], labels)
        return sorted(entities, key=lambda each: (each["start"], each["end"], each["label"]))
    except (TypeError, KeyError, AttributeError):
        raise ValueError(
            f"gold_{name} is {shorten(json.dumps(value, default=str))}, expected {_EXPECTED[name]}"
        ) from None


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise TypeError
    return [_text("label", each, MOST_NAME_CHARACTERS) for each in values]


def _check_labels(found: Collection[str], known: Collection[str] | None) -> None:
    unknown = [] if known is None else sorted(set(found) - set(known))
    if unknown:
        raise ValueError(
            f"unknown label {', '.join(map(shorten, unknown))}; known: {shorten(', '.join(sorted(known or ())), 200)}"
        )


def _span(value: Any, length: int | None) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    start, end = value["start"], value["end"]
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (start, end)):
        raise TypeError
    if not 0 <= start < end or (length is not None and end > length):
        inside = "" if length is None else f" of {length:,} characters"
        raise ValueError(f"there is no span from {start} to {end} in a text{inside}")
    return {"start": start, "end": end}


def _text(name: str, value: object, most: int) -> str:
    text = str(value)
    if len(text) > most:
        raise ValueError(f"{name} has {len(text):,} characters, expected at most {most:,}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} has characters that cannot be stored (NUL, or half of a surrogate pair)")
    return text


def _seconds(value: object) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"seconds is {shorten(value)}, expected a number of at least 0")
    return float(value)


def _time(value: object) -> float:
    """Return seconds since 1970; 0 if no time is given."""
    if value is None or value == "":
        return 0.0
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).timestamp()
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"made is {shorten(value)}, expected a time in ISO 8601") from None
