"""Labelled rows from feedback have the texts of their own answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_manifest
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.promotion.store import PromotionStore
from glossator.service.reviews.feedback import FeedbackStore, new_feedback
from glossator.service.reviews.store import ReviewStore, open_review_database
from glossator.workflows.loop.gold_rows import gold_rows, read_statements


def record(text: str, label: str) -> dict[str, Any]:
    return {
        "time": "2026-01-01T00:00:00.000000Z", "request": "job_1", "place": 0, "model": "tickets", "digest": "d" * 64,
        "sha256": hash_text(text), "route": "/v1/jobs", "text": text, "labels": [label], "confidence": 0.9,
    }  # fmt: skip


def test_answers_of_a_job_with_the_same_place_keep_their_texts(tmp_path: Path) -> None:
    """Places repeat in each chunk of a job."""
    lines = [json.dumps(record(text, label)) for text, label in (("money", "refund"), ("parcel", "delivery"))]
    (tmp_path / "2026-01-01T000000Z-1-a.jsonl").write_text("".join(line + "\n" for line in lines))
    database = open_review_database(tmp_path)
    store = FeedbackStore(database)
    for text, correct, gold in (("money", True, None), ("parcel", False, {"labels": ["complaint"]})):
        store.add(
            new_feedback(
                model="tickets",
                digest="d" * 64,
                request="job_1",
                place=0,
                sha256=hash_text(text),
                reviewer="ana",
                correct=correct,
                gold=gold,
            )
        )
    unusable: Counter[str] = Counter()
    statements = read_statements("tickets", ReviewStore(database), store, PromotionStore(database), unusable)
    task = read_manifest(vote_bundle(tmp_path / "bundle", "single_label_classification")).task
    rows = gold_rows(statements, tmp_path, "tickets", task).rows
    database.close()
    assert [(row.text, row.labels) for row in rows] == [("money", ("refund",)), ("parcel", ("complaint",))]
    assert not unusable
