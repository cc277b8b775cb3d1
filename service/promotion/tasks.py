"""What a reviewer of disagreements gets, and what they say: the rows of files of reviews.

A task shows both answers as `a` and `b`, in random order: the reviewer must not know which version gave which.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator.service.errors import shorten
from glossator.service.monitoring.prediction_log.decisions import decision_of
from glossator.service.promotion.evidence import waiting
from glossator.service.promotion.pairs import texts_of
from glossator.service.promotion.records import Batch, Challenge, Disagreement, DisagreementReview, Verdict

MOST_CHARACTERS = 10_000
"""Of a comment; names of reviewers are shorter."""
MOST_NAME_CHARACTERS = 200
_GOLD = ("labels", "entities", "span")
_SAID = ("a", "b", "both", "neither")
Items = Mapping[str, tuple[int, int, Disagreement]]
"""The number of the batch, the place in it and the disagreement, by the name of the task."""


def tasks_of(
    challenge: Challenge,
    batches: Sequence[Batch],
    reviews: Mapping[tuple[int, int], DisagreementReview],
    log: Path,
    count: int,
    *,
    most_characters: int = sys.maxsize,
) -> Iterator[dict[str, Any]]:
    """Yield a task for each of the next disagreements without a review, with its text if it was logged.

    Raises TextTooLong if their texts have more than `most_characters` together.
    """
    places = waiting(batches, reviews)[:count]
    yield from tasks_at(challenge, batches, places, log, most_characters=most_characters)


def tasks_at(
    challenge: Challenge,
    batches: Sequence[Batch],
    places: Sequence[tuple[int, int]],
    log: Path,
    *,
    most_characters: int = sys.maxsize,
) -> Iterator[dict[str, Any]]:
    """Yield the tasks of disagreements by batch and place. Raises TextTooLong as `tasks_of`."""
    by_number = {batch.number: batch for batch in batches}
    wanted = [(batch, place, by_number[batch].kept[place]) for batch, place in places]
    found, frozen = [each for _, _, each in wanted], [by_number[batch] for batch, _, _ in wanted]
    texts = texts_of(log, challenge, found, frozen, most_characters=most_characters)
    for batch, place, each in wanted:
        shown = {"candidate": _shown(each.candidate), "baseline": _shown(each.baseline)}
        first, second = ("baseline", "candidate") if is_swapped(challenge, batch, place) else ("candidate", "baseline")
        yield {
            "challenge": challenge.id,
            "item": f"{batch}-{place}",
            "sha256": each.sha256,
            **texts.get((each.request, each.place), {}),
            "a": shown[first],
            "b": shown[second],
            "right": None,
        }


def is_swapped(challenge: Challenge, batch: int, place: int) -> bool:
    """Return whether `a` is the answer of the baseline: a fair coin that cannot be guessed from the log."""
    return hashlib.sha256(f"{challenge.id} {challenge.seed} {batch} {place}".encode()).digest()[0] % 2 == 1


def read_answers(
    rows: Iterable[tuple[int, Mapping[str, Any]]], challenge: Challenge, batches: Sequence[Batch], reviewer: str
) -> tuple[list[DisagreementReview], list[str]]:
    """Return the reviews in the numbered rows of a file, and a sentence for each row that cannot be used.

    A row is a task with one of these added: `right` ("a", "b", "both" or "neither"), `gold_labels`, `gold_entities` or
    `gold_span`, `skip` (true). Rows without any are not reviewed yet, and are left out.
    """
    found: list[DisagreementReview] = []
    faults: list[str] = []
    items = items_of(batches)
    for number, row in rows:
        try:
            review = read_answer(row, challenge, items, reviewer)
        except ValueError as error:
            faults.append(f"row {number}: {error}")
        else:
            found += [] if review is None else [review]
    return found, faults


def items_of(batches: Sequence[Batch]) -> Items:
    """Return the disagreements by the names of their tasks."""
    return {
        f"{batch.number}-{place}": (batch.number, place, each)
        for batch in batches
        for place, each in enumerate(batch.kept)
    }


def read_answer(row: Mapping[str, Any], challenge: Challenge, items: Items, reviewer: str) -> DisagreementReview | None:
    """Return the review in a row; None if it says nothing. Raises ValueError if the row cannot be used."""
    if row.get("challenge") != challenge.id:
        raise ValueError(f"it belongs to another challenge ({shorten(row.get('challenge'))})")
    if not isinstance(row.get("item"), str) or row["item"] not in items:
        raise ValueError(f"item {shorten(row.get('item'))} is not in this challenge")
    batch, place, item = items[row["item"]]
    if item.erased:
        raise ValueError("its text was erased")
    return _read_row(row, challenge, item, batch, place, reviewer)


def _read_row(
    row: Mapping[str, Any], challenge: Challenge, item: Disagreement, batch: int, place: int, reviewer: str
) -> DisagreementReview | None:
    gold = {name: row[f"gold_{name}"] for name in _GOLD if row.get(f"gold_{name}") is not None}
    said = [name for name in ("right", "skip") if row.get(name) not in (None, "", False)]
    if len(said) + len(gold) > 1:
        raise ValueError(f"it says more than one thing: {', '.join([*said, *(f'gold_{name}' for name in gold)])}")
    if not said and not gold:
        return None
    verdict: Verdict
    if gold:
        gold, verdict = _compared(gold, item)
    elif said == ["skip"]:
        if row["skip"] is not True:
            raise ValueError(f"skip is {shorten(json.dumps(row['skip'], default=str))}, expected true")
        verdict = "skipped"
    else:
        verdict = _verdict(row["right"], is_swapped(challenge, batch, place))
    comment = row.get("comment")
    return DisagreementReview(
        batch=batch,
        place=place,
        verdict=verdict,
        reviewer=_text("reviewer", row.get("reviewer") or reviewer, MOST_NAME_CHARACTERS),
        gold=gold or None,
        comment=None if comment is None else _text("comment", comment, MOST_CHARACTERS),
    )


def _verdict(right: object, swapped: bool) -> Verdict:
    said = right.strip().lower() if isinstance(right, str) else right
    if said not in _SAID:
        raise ValueError(f"right is {shorten(json.dumps(right, default=str))}, expected {', '.join(_SAID)}")
    if said == "both":
        return "both"
    if said == "neither":
        return "neither"
    return "candidate" if (said == "a") != swapped else "baseline"


def _compared(gold: Mapping[str, Any], item: Disagreement) -> tuple[dict[str, Any], Verdict]:
    """Return the right answer as it is stored, and which answer equals it as a whole."""
    ((name, value),) = gold.items()
    if name not in item.candidate and name not in item.baseline:
        raise ValueError(f"gold_{name} does not fit answers with {', '.join(_shown(item.candidate))}")
    try:
        stored = _stored(name, value)
        right = decision_of(stored)
    except (TypeError, KeyError, ValueError, AttributeError):
        expected = {
            "labels": "a list of labels",
            "entities": "a list of objects with start, end and label",
            "span": "an object with start and end, or {} if there is no answer",
        }
        raise ValueError(
            f"gold_{name} is {shorten(json.dumps(value, default=str))}, expected {expected[name]}"
        ) from None
    candidate, baseline = (decision_of(each) == right for each in (item.candidate, item.baseline))
    # They disagree, so at most one of them equals it.
    return stored, "candidate" if candidate else "baseline" if baseline else "neither"


def _stored(name: str, value: Any) -> dict[str, Any]:
    if name == "labels":
        labels = [value] if isinstance(value, str) else value
        if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
            raise TypeError
        return {"labels": labels}
    if name == "span":
        return {"span": _span(value) if value else None}
    return {"entities": [_span(each) | {"label": str(each["label"])} for each in value]}


def _span(value: Any) -> dict[str, Any]:
    start, end = value["start"], value["end"]
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in (start, end)):
        raise TypeError
    return {"start": start, "end": end}


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reviewer sees of an answer: no scores, which would tell the versions apart."""
    if "entities" in answer:
        names = ("start", "end", "label")
        return {
            "entities": [{name: each[name] for name in names} for each in answer["entities"]],
            "offset_unit": answer.get("offset_unit"),
        }
    if "span" in answer:
        span = answer["span"]
        shown = None if span is None else {"start": span["start"], "end": span["end"]}
        return {"span": shown, "offset_unit": answer.get("offset_unit")}
    return {"labels": sorted(answer["labels"])}


def _text(name: str, value: object, most: int) -> str:
    text = str(value)
    if len(text) > most:
        raise ValueError(f"{name} has {len(text):,} characters, expected at most {most:,}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} has characters that cannot be stored (NUL, or half of a surrogate pair)")
    return text
