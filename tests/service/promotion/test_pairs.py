"""Which texts both versions answered, and the order in which their disagreements are reviewed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from two_versions import CHALLENGER, CHAMPION, write_two_versions

from glossator.service.errors import ConfigError, FileMissing, TextTooLong
from glossator.service.promotion import pairs as pairs_module
from glossator.service.promotion.pairs import Pair, freeze, read_pairs, texts_of
from glossator.service.promotion.records import Challenge

END = "2026-02-01T00:00:00.000000Z"
CHALLENGE = Challenge(
    "challenge_1", "tickets", "promote", CHALLENGER, CHAMPION, 0.005, 0.05, 0.03, 1, 7, None, "open", 0.0, None
)


def test_texts_are_paired_with_their_shadows(tmp_path: Path) -> None:
    write_two_versions(tmp_path / "log", 200)
    found = read_pairs(tmp_path / "log", CHALLENGE, since=None, until=END)
    assert len(found) == 200
    assert 8 < sum(pair.disagrees for pair in found) < 40
    swapped = replace(CHALLENGE, direction="roll back", candidate=CHAMPION, baseline=CHALLENGER)
    again = read_pairs(tmp_path / "log", swapped, since=None, until=END)
    assert [(pair.candidate, pair.baseline) for pair in again] == [(pair.baseline, pair.candidate) for pair in found]
    noon = "2026-01-01T03:01:00"
    early, late = (read_pairs(tmp_path / "log", CHALLENGE, since=a, until=b) for a, b in ((None, noon), (noon, END)))
    assert (len(early), len(late)) == (60, 140)


def test_records_of_other_versions_and_repeated_ones_do_not_count(tmp_path: Path) -> None:
    write_two_versions(tmp_path / "log", 40)
    file = next((tmp_path / "log").glob("*.jsonl"))
    lines = file.read_text().splitlines()
    other = json.loads(lines[1]) | {"digest": "c" * 64}
    changed = json.loads(lines[3]) | {"sha256": "0" * 64, "request": "day1-0", "place": 2}
    file.write_text("\n".join([*lines[:4], *lines, *lines[:2], json.dumps(other), json.dumps(changed)]) + "\n")
    assert len(read_pairs(tmp_path / "log", CHALLENGE, since=None, until=END)) == 40
    none = replace(CHALLENGE, candidate="d" * 64)
    assert read_pairs(tmp_path / "log", none, since=None, until=END) == []
    with pytest.raises(FileMissing):
        read_pairs(tmp_path / "nothing", CHALLENGE, since=None, until=END)


def test_scores_cannot_be_right_or_wrong(tmp_path: Path) -> None:
    write_two_versions(tmp_path / "log", 2)
    file = next((tmp_path / "log").glob("*.jsonl"))
    file.write_text(file.read_text().replace('"labels"', '"other"'))
    with pytest.raises(ConfigError, match="cannot be right or wrong"):
        read_pairs(tmp_path / "log", CHALLENGE, since=None, until=END)


def some_pairs(texts: int, disagreements: int) -> list[Pair]:
    return [
        Pair(f"r{number}", 0, f"{number:064x}", {"labels": ["x"]}, {"labels": ["y" if number < disagreements else "x"]})
        for number in range(texts)
    ]


def test_the_order_is_random_and_the_same_again() -> None:
    pairs = some_pairs(100, 10)
    batch = freeze(pairs, CHALLENGE, 0, since=None, until=END)
    assert batch == freeze(pairs, CHALLENGE, 0, since=None, until=END)
    assert (batch.texts, batch.disagreements, batch.next_position) == (100, 10, 100)
    positions = [each.position for each in batch.kept]
    assert positions == sorted(set(positions))
    firsts = Counter(
        freeze(pairs, replace(CHALLENGE, seed=seed), 0, since=None, until=END).kept[0].request for seed in range(400)
    )
    assert len(firsts) == 10
    assert max(firsts.values()) < 75  # 40 are expected


def test_a_batch_keeps_a_limited_number_and_counts_all() -> None:
    pairs = some_pairs(3_000, 2_500)
    batch = freeze(pairs, CHALLENGE, 1, since=None, until=END)
    assert (batch.disagreements, len(batch.kept)) == (2_500, pairs_module.MOST_KEPT)
    assert batch.kept[-1].position < batch.next_position < 3_000


def test_texts_come_from_the_log(tmp_path: Path) -> None:
    write_two_versions(tmp_path / "log", 50)
    batch = freeze(read_pairs(tmp_path / "log", CHALLENGE, since=None, until=END), CHALLENGE, 0, since=None, until=END)
    texts = texts_of(tmp_path / "log", CHALLENGE, list(batch.kept[:2]), [batch])
    assert len(texts) == 2
    assert all(text["text"].startswith("ticket ") for text in texts.values())
    assert texts_of(tmp_path / "log", CHALLENGE, [], []) == {}
    with pytest.raises(TextTooLong, match="too long together"):
        texts_of(tmp_path / "log", CHALLENGE, list(batch.kept[:2]), [batch], most_characters=20)
