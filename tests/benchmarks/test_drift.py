"""The benchmark of drift counts what it says."""

from __future__ import annotations

import numpy as np

from benchmarks.loop.drift import (
    AFTER,
    BEFORE,
    CALIBRATED,
    DEFAULT,
    SETTINGS,
    false_alarms,
    make_test,
    median,
    report,
    split,
    stream_rows,
)
from benchmarks.loop.drift_texts import GRADUAL_TEXTS, Answers, with_typos


def answers(count: int, seed: int) -> Answers:
    random = np.random.default_rng(seed)
    summaries = {"tokens": random.poisson(12, count).astype(float), "confidence": random.beta(5, 1, count)}
    labels = random.choice(["a", "b", "c"], count).tolist()
    return Answers([f"text {number}" for number in range(count)], labels, summaries)


def test_no_alarm_in_a_slice_of_unshifted_texts() -> None:
    found = false_alarms(answers(4_000, 1), 40_000)
    assert (found["texts"], found["alarms"]) == (40_000, 0)


def test_both_settings_watch_the_same_reference() -> None:
    held_out = answers(2_500, 1)
    reference, others = split(held_out, 3)
    assert sorted(reference + others) == list(range(2_500))
    thresholds = [make_test(held_out, reference, each).threshold for each in SETTINGS.values()]
    assert thresholds[1] == thresholds[2]
    assert thresholds[0] / thresholds[1] == (1e6 / CALIBRATED) / SETTINGS[DEFAULT].false_alarms


def test_streams_are_shifted_from_the_stated_place() -> None:
    for shift, after in (("typos", AFTER), ("new topic", AFTER), ("gradual", GRADUAL_TEXTS)):
        rows = stream_rows(shift, [7, 8], 5, 1)
        is_shifted = np.array([each for each, _ in rows])
        assert len(rows) == BEFORE + after
        assert not is_shifted[:BEFORE].any()
        assert {row for shifted, row in rows if not shifted} <= {7, 8}
        assert is_shifted[BEFORE:].all() == (shift == "typos")
        half = BEFORE + after // 2
        if shift == "gradual":
            assert is_shifted[BEFORE:half].mean() < 0.5 * is_shifted[half:].mean()


def test_typos_change_some_letters() -> None:
    text = "the quick brown fox jumps over the lazy dog " * 20
    changed = with_typos(text, np.random.default_rng(1))
    assert changed != text
    assert abs(len(changed) - len(text)) < 0.1 * len(text)


def test_medians_count_streams_without_an_alarm() -> None:
    assert median([3, None, 5]) == "5"
    assert median([3, None, None]) == "-"


def test_the_report_has_a_row_for_each_shift() -> None:
    kinds = {kind: {"delays": [64, None, 96], "summary": "tokens"} for kind in SETTINGS}
    rivals = {"other": {"version": "1", "microseconds": 5.0, "delays": {"typos": [500]}}}
    cost = {"answer_microseconds": 900.0, "summaries_microseconds": 6.0, "test_microseconds": 12.0}
    each = {"false_alarms": {"texts": 10, "alarms": 0}, "delays": {"typos": kinds}, "rivals": rivals, "cost": cost}
    text = report({"machine": "a machine", "repetitions": 3, "corpora": {"toy": each}})
    assert "| typos" in text
    assert "2.0%" in text
