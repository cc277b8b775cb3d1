"""Periods of logged tickets for tests of reviews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glossator.service.reviews.accuracy.periods import draw_items, open_period
from glossator.service.reviews.records import Period
from glossator.service.reviews.store import ReviewStore

TICKET_LABELS = ("billing", "delivery", "login")


def ticket(number: int, **more: Any) -> dict[str, Any]:
    fields = {
        "time": f"2026-01-02T03:{number // 60 % 60:02d}:{number % 60:02d}.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": "a" * 64,
        "sha256": f"{number:064x}",
        "text": f"text {number}",
        "labels": [TICKET_LABELS[number % 3]],
        "scores": [
            {"label": TICKET_LABELS[number % 3], "score": 0.8},
            {"label": TICKET_LABELS[(number + 1) % 3], "score": 0.2},
        ],
        "confidence": 0.8,
    }
    return fields | more


def make_period(
    store: ReviewStore, log: Path, records: list[dict[str, Any]] | None = None, *, draws: int = 20
) -> Period:
    """A period of these records, by default 60 tickets, with that many draws."""
    lines = [ticket(number) for number in range(60)] if records is None else records
    (log / "2026-01-02T030000Z-1-a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    period = open_period(store, log, "tickets", since=None, until="2026-02-01T00:00:00.000000Z", planned_labels=draws)
    draw_items(store, period, draws)
    return period
