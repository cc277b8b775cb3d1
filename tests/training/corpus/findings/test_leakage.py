from __future__ import annotations

import pytest

from glossator.modeling.minhash import normalise_text
from glossator.training.corpus.findings.leakage import check_leakage


@pytest.mark.parametrize("other", ["where is my card?", " Where\tIS my\n\ncard? ", "WHERE\u00a0is my card?"])
def test_normalise_text_ignores_case_and_white_space(other: str) -> None:
    assert normalise_text(other) == normalise_text("Where is my card?")


def test_normalise_text_keeps_other_differences() -> None:
    assert len({normalise_text(text) for text in ("card", "card?", "cards", "c ard", "cárd")}) == 5


def test_check_leakage_counts_test_rows() -> None:
    leakage = check_leakage(["a b", "c"], ["A  B", "a b", "d", "e"])
    assert (leakage.count, leakage.share, leakage.examples) == (2, 0.5, ("A  B", "a b"))


def test_check_leakage_reports_near_duplicates() -> None:
    train = ["how long does a transfer from the bank take", "hello there"]
    leakage = check_leakage(train, ["How long does a transfer from teh bank take?", "hello there", "something else"])
    assert (leakage.count, leakage.near) == (1, 1)


def test_check_leakage_without_rows() -> None:
    leakage = check_leakage(["a"], [])
    assert (leakage.count, leakage.share, leakage.examples) == (0, 0.0, ())
