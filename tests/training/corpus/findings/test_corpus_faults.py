from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.training.corpus.corpus import Corpus, UnusableCorpus

ReadPairs = Callable[..., Corpus]


def faults_of(read_pairs: ReadPairs, labels: list[object]) -> list[str]:
    try:
        read_pairs([(f"text {i}", label) for i, label in enumerate(labels)])
    except UnusableCorpus as unusable:
        return [fault.name for fault in unusable.faults]
    return []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "a", "b", "b"], []),
        (["a", "a"], ["one-class"]),
        (["a"], ["one-class", "class-with-one-row"]),
        (["a", "a", "b"], ["class-with-one-row"]),
        ([[], []], ["one-class"]),
        ([f"class {i % 50}" for i in range(101)], []),  # 50 of 101: under half
        ([f"class {i % 51}" for i in range(101)] + ["class 50"], []),  # exactly half
        ([f"about {i // 2}" for i in range(100)], []),  # too few rows to decide
        ([str(i % 77) for i in range(300)], []),  # class numbers
        ([f"{i % 10 / 2}" for i in range(100)], []),  # ten half stars
        ([f"{i % 11 / 2}" for i in range(100)], ["label-is-a-number"]),
        ([i % 11 / 2 for i in range(100)], ["label-is-a-number"]),
        ([["3.5", "4", "x", "y"][i % 4] for i in range(100)], []),
    ],
)
def test_faults_of_labels(read_pairs: ReadPairs, labels: list[object], expected: list[str]) -> None:
    assert faults_of(read_pairs, labels) == expected


def test_free_text_needs_more_than_half_of_more_than_a_hundred_rows(read_pairs: ReadPairs) -> None:
    assert "label-is-free-text" in faults_of(read_pairs, [f"says {i}" for i in range(101)])
    assert "label-is-free-text" not in faults_of(read_pairs, [f"says {i}" for i in range(100)])


def test_each_fault_has_a_hint(read_pairs: ReadPairs) -> None:
    with pytest.raises(UnusableCorpus) as caught:
        read_pairs([(f"text {i}", f"label {i}") for i in range(120)])
    message = str(caught.value)
    assert "120 different labels in 120 rows; name the column of classes (--label-column)" in message
    assert "'label 0' (line 2)" in message
    assert "and 115 more" in message
    assert "--drop-rare" in message
    assert "pairs.csv cannot be used as a corpus: 2 faults" in message
