"""Texts of items come from the log, are kept for a while, and disappear when they are erased."""

from __future__ import annotations

from pathlib import Path

import pytest
from review_periods import make_period, ticket

from glossator.service.errors import FileMissing
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.reviews.store import ReviewStore
from glossator.service.reviews.texts import TextCache, texts_of


def test_the_text_is_that_of_the_same_request_place_and_hash(sqlite_store: ReviewStore, log: Path) -> None:
    records = [ticket(n, request="shared", place=n) for n in range(5)]
    records += [ticket(7, request="mine", text="one"), ticket(8, request="mine", text="two", second="three")]
    period = make_period(sqlite_store, log, records)
    assert texts_of(log, period, [1, 3, 5, 6]) == {
        1: {"text": "text 1"},
        3: {"text": "text 3"},
        5: {"text": "one"},
        6: {"text": "two", "second": "three"},
    }
    with pytest.raises(FileMissing):
        texts_of(log / "none", period, [1])


def test_kept_texts_survive_their_segment_but_not_their_erasure(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log)
    cache = TextCache(log)
    assert cache.texts(period, [1, 2], likely=range(60)) == {1: {"text": "text 1"}, 2: {"text": "text 2"}}
    erase(log, text_hashes=[period.items[2].sha256])
    for segment in log.glob("*.jsonl"):
        segment.unlink()
    assert cache.texts(period, [1, 2, 50]) == {1: {"text": "text 1"}, 2: {}, 50: {"text": "text 50"}}
    assert TextCache(log).texts(period, [1]) == {1: {}}  # the log has no such answer any more
