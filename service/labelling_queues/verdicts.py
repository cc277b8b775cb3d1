"""What a reviewer says about a row of a queue, checked against the queue and the row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from glossator.service.labelling_queues.records import GOLD, LabellingQueue, Row, plain_answer, same_answer
from glossator.service.reviews.records import Review, Role
from glossator.service.reviews.review_rows import check_comment, read_gold


def read_answer(
    queue: LabellingQueue,
    row: Row,
    verdict: Mapping[str, Any],
    reviewer: str,
    *,
    comment: str | None = None,
    seconds: float | None = None,
    role: Role = "reviewer",
) -> Review:
    """Return the review that a verdict is.

    Args:
        queue: The queue.
        row: The row, with what was suggested.
        verdict: One key: `correct` (true: the suggestion is right), `skip` (true), `labels`, `entities`, `span` or
            `score`.
        reviewer: Who says it.
        comment: The note of the reviewer.
        seconds: How long it took.
        role: The role of the reviewer.

    Raises:
        ValueError: The verdict does not fit the queue or the row. The message says why.
    """
    if row.error is not None:
        raise ValueError(f"this row has no text to label: {row.error}")
    if len(verdict) != 1:
        raise ValueError(
            f"it says {', '.join(verdict) or 'nothing'}, expected one of correct, {GOLD[queue.kind]}, skip"
        )
    comment = None if comment is None else check_comment(comment)
    ((name, value),) = verdict.items()
    if name == "skip":
        return Review(row.number, "skipped", reviewer, None, comment, seconds=seconds, role=role)
    if name == "correct":
        if value is not True:
            raise ValueError(f"say what is right: {GOLD[queue.kind]}")
        if row.suggestion is None:
            raise ValueError("nothing was suggested for this row that could be right")
        gold = plain_answer(row.suggestion)
        value = gold[GOLD[queue.kind]]
    gold = {GOLD[queue.kind]: _checked(queue, row, name, value)}
    is_right = row.suggestion is not None and same_answer(gold, row.suggestion)
    return Review(row.number, "right" if is_right else "wrong", reviewer, gold, comment, seconds=seconds, role=role)


def _checked(queue: LabellingQueue, row: Row, name: str, value: Any) -> Any:
    expected = GOLD[queue.kind]
    if name not in ("correct", expected):
        raise ValueError(f"{name} does not fit this queue, expected {expected}")
    if expected == "score":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("score is no number")
        return float(value)
    texts = {"text": row.text} | ({} if row.second is None else {"second": row.second})
    known = None if queue.new_labels else queue.labels
    return read_gold(expected, value, texts, single=queue.kind == "single_label", labels=known)
