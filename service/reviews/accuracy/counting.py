"""Which reviews count: rules that need no database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from glossator.service.reviews.records import HistoryRow, Item, Period, Review

Answers = dict[int, list[Review]]
"""By item: the current answer of each reviewer, in the order in which they were stored."""


def current_answers(history: Iterable[HistoryRow]) -> Answers:
    """Return what each reviewer says now. The newest row of a reviewer replaces the older ones, or withdraws them."""
    newest: dict[tuple[int, str, str], Review] = {}
    for row in history:
        key = (row.review.item, row.review.reviewer, row.review.role)
        newest.pop(key, None)  # so that a new row goes to the end
        if not row.undone:
            newest[key] = row.review
    found: Answers = {}
    for review in newest.values():
        found.setdefault(review.item, []).append(review)
    return found


def counting_review(answers: Sequence[Review]) -> Review:
    """Return the review that counts: the newest of an adjudicator, else the newest that is not skipped, else a skip."""
    adjudicated = [each for each in answers if each.role == "adjudicator"]
    decided = [each for each in answers if each.verdict != "skipped"]
    return (adjudicated or decided or answers)[-1]


def disagreements(period: Period, answers: Answers) -> list[int]:
    """Return the items where reviewers differ and no adjudicator has decided, by number.

    Reviewers differ if one says right and another wrong, or if they name different right answers. Skips say nothing.
    """
    return [item for item, found in sorted(answers.items()) if _is_open(period.items[item], found)]


def _is_open(item: Item, answers: Sequence[Review]) -> bool:
    if any(each.role == "adjudicator" for each in answers):
        return False
    decided = [each for each in answers if each.verdict != "skipped"]
    said = {value for each in decided if (value := stated_answer(item, each)) is not None}
    return len({each.verdict for each in decided}) > 1 or len(said) > 1


def stated_answer(item: Item, review: Review) -> str | None:
    """Return the answer that a reviewer holds right, in a canonical form; None if they did not say it."""
    if review.verdict == "skipped" or (review.gold is None and review.verdict == "wrong"):
        return None
    answer = item.served if review.gold is None else review.gold
    return json.dumps(canonical(answer), sort_keys=True)


def canonical(answer: Mapping[str, Any]) -> list[Any]:
    """Return labels as a sorted list, and entities or a span as a sorted list of `[start, end, label]`."""
    for name in ("entities", "span"):
        if name in answer:
            value = answer[name]
            spans: list[Any] = value if isinstance(value, list) else [value] if value else []
            return sorted([each["start"], each["end"], each.get("label", "")] for each in spans)
    return sorted({str(each) for each in answer.get("labels") or ()})


def wanted_twice(period: Period, drawn: Sequence[int], share: float) -> set[int]:
    """Return which of the drawn items want two reviewers: that share, spread evenly over the order of the draws.

    The seed of the period chooses where to begin. More draws change nothing for the items that are drawn already.
    """
    begin = Random(f"{period.id} {period.seed}").random()
    return spread_evenly(list(dict.fromkeys(drawn)), share, begin)


def spread_evenly(items: Sequence[int], share: float, begin: float) -> set[int]:
    """Return this share of the items, evenly over their order; `begin`, from 0 to 1, chooses with which to begin."""
    return {
        item
        for place, item in enumerate(items)
        if math.floor((place + 1) * share + begin) > math.floor(place * share + begin)
    }


def reviews_missing(drawn: Sequence[int], answers: Answers, twice: set[int]) -> dict[int, int]:
    """Return how many reviews each drawn item still wants, in the order of the draws; items that want none are left
    out. An adjudicated item wants none."""
    missing: dict[int, int] = {}
    for item in dict.fromkeys(drawn):
        found = answers.get(item, [])
        if not any(each.role == "adjudicator" for each in found):
            wanted = 2 if item in twice else 1
            if len(found) < wanted:
                missing[item] = wanted - len(found)
    return missing


def next_items(
    missing: Mapping[int, int], answers: Answers, leases: Mapping[int, set[str]], reviewer: str, count: int
) -> list[int]:
    """Return the next items for a reviewer, in the order of the draws.

    Not those that they have answered, and not those that enough other reviewers are looking at. Asking again before
    answering returns the same items.
    """
    found = []
    for item, wanted in missing.items():
        others = leases.get(item, set()) - {reviewer}
        if any(each.reviewer == reviewer for each in answers.get(item, ())) or len(others) >= wanted:
            continue
        found.append(item)
        if len(found) == count:
            break
    return found
