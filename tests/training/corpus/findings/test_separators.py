from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.separators import probable_separator

ReadPairs = Callable[..., Corpus]


@pytest.mark.parametrize(
    ("names", "separator"),
    [
        (["late|urgent", "late", "damaged", "damaged|urgent"], "|"),
        (["late; urgent", "late", "damaged; urgent"], ";"),
        (["late, urgent", "late", "urgent", "damaged, late"], ","),
        (["[late, urgent]", "[late]", "[damaged, urgent]"], ","),
        (["1,4", "1", "4", "4,7", "7"], ","),
        (["1 4", "1", "4 7", "4", "7"], " "),
        (["A/B", "A", "B", "B/C", "C"], "/"),
        (["Money transfer, virtual currency, or money service", "Checking, savings", "Credit card"], None),
        (["very good", "good", "very bad", "bad", "neutral"], None),
        (["R&D", "Q&A", "sales"], None),
        (["Payroll/Tax", "Sales"], None),
        (["late", "damaged"], None),
        (["0|2", "0", "1", "2"], "|"),
        (["[a, b]", "[a]", "[b]"], ","),
        (["a|b", "c"], None),
        (["2,5", "3,5", "4"], None),
        (["0,7", "0", "1", "0,3", "1,0"], None),
        (["0,7", "0,3", "1,7", "1,3"], None),
        (["late|urgent", "damaged|urgent"], "|"),
        (["late;urgent", "damaged;urgent", "late;lost"], ";"),
        (["late|urgent"], None),
        (["north|1", "south|2"], None),
    ],
)
def test_probable_separator(names: list[str], separator: str | None) -> None:
    assert probable_separator(dict.fromkeys(names, 3)) == separator


def test_a_probable_separator_is_a_finding_with_the_option(read_pairs: ReadPairs) -> None:
    labels = ["late|urgent", "damaged", "late", "damaged|urgent"] * 3
    pairs = [(f"parcel {number}", label) for number, label in enumerate(labels)]
    findings = {finding.name: finding for finding in read_pairs(pairs).findings}
    finding = findings["probable-separator"]
    assert finding.count == 6
    assert finding.what_was_done == (
        "read as one label each: 4 labels. Hint: with --label-separator '|' they are 3 labels, several for a text"
    )
    assert set(read_pairs(pairs, label_separator="|").label_names) == {"late", "damaged", "urgent"}


def test_brackets_around_labels_are_no_part_of_them(read_pairs: ReadPairs) -> None:
    labels = ["[late, urgent]", "[damaged]", "[late]", "[damaged, urgent]"] * 3
    pairs = [(f"parcel {number}", label) for number, label in enumerate(labels)]
    assert "probable-separator" in {finding.name for finding in read_pairs(pairs).findings}
    assert read_pairs(pairs, label_separator=",").labels[:2] == [("late", "urgent"), ("damaged",)]
