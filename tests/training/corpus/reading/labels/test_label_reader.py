from __future__ import annotations

import pytest

from glossator.service.bundle.task import ProblemType
from glossator.training.corpus.reading.labels.label_reader import LabelReader, common_spellings, name_key
from glossator.training.corpus.row import RowFault

SINGLE: ProblemType = "single_label_classification"
MULTI: ProblemType = "multi_label_classification"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("spam", "spam"), (" spam ", " spam "), (3, "3"), (0.5, "0.5"), (True, "true"), (["a"], "a"), ("nan", "nan")],
)
def test_single_label_reads_one_name(value: object, expected: str) -> None:
    assert LabelReader(SINGLE).read(value) == (expected,)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing-label"),
        ("", "missing-label"),
        ("  ", "missing-label"),
        (float("nan"), "nan-label"),
        (["a", "b"], "label-is-a-list"),
        ('["a", "b"]', "label-is-a-list"),
        ([], "label-is-a-list"),
        ({"a": 1}, "label-not-a-name"),
        ("\udc80", "undecodable-label"),
        ([None], "bad-label-in-list"),
    ],
)
def test_invalid_single_labels_are_rejected(value: object, reason: str) -> None:
    with pytest.raises(RowFault) as caught:
        LabelReader(SINGLE).read(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["b", "a"], ("a", "b")),
        ('["b", "a", "b"]', ("a", "b")),
        ([], ()),
        ("[]", ()),
        ([2, "a"], ("2", "a")),
    ],
)
def test_multi_label_reads_sorted_distinct_names(value: object, expected: tuple[str, ...]) -> None:
    assert LabelReader(MULTI).read(value) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing-label"),
        ("", "missing-label"),
        (float("nan"), "nan-label"),
        ('["a"', "bad-label-list"),
        ("[" * 100_000, "bad-label-list"),
        ("a", "label-not-a-list"),
        (3, "label-not-a-list"),
        ({"a": 1}, "label-not-a-list"),
        ([None], "bad-label-in-list"),
        (["a", ""], "bad-label-in-list"),
        ([["a"]], "bad-label-in-list"),
        ("[NaN]", "bad-label-in-list"),
        (["\ud800"], "bad-label-in-list"),
    ],
)
def test_invalid_multi_labels_are_rejected(value: object, reason: str) -> None:
    with pytest.raises(RowFault) as caught:
        LabelReader(MULTI).read(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "expected"), [("a; b", ("a", "b")), ("b;;a;", ("a", "b")), ("", ()), (" ; ", ()), (["c"], ("c",))]
)
def test_separator_splits_and_trims(value: object, expected: tuple[str, ...]) -> None:
    assert LabelReader(MULTI, separator=";").read(value) == expected


def test_with_a_separator_a_missing_cell_differs_from_an_empty_one() -> None:
    with pytest.raises(RowFault, match="the label is empty"):
        LabelReader(MULTI, separator=";").read(None)


def test_rows_with_repeated_labels_are_counted() -> None:
    reader = LabelReader(MULTI)
    for value in (["a", "a", "a"], ["a"], ["b", "b"]):
        reader.read(value)
    assert reader.repeated == 2


def test_other_spellings_of_known_labels_are_accepted_and_counted() -> None:
    reader = LabelReader(SINGLE, known=["card arrival", "fee"])
    assert [reader.read(value) for value in ("fee", "Fee", " Card_Arrival", "Fee")] == [
        ("fee",),
        ("fee",),
        ("card arrival",),
        ("fee",),
    ]
    assert reader.respelled == {("Fee", "fee"): 2, (" Card_Arrival", "card arrival"): 1}


def test_unknown_labels_are_rejected() -> None:
    with pytest.raises(RowFault) as caught:
        LabelReader(SINGLE, known=["fee"]).read("fees")
    assert caught.value.reason == "unknown-label"
    with pytest.raises(RowFault):
        LabelReader(SINGLE, known=["fee"], fix_names=False).read("Fee")


def test_known_labels_that_differ_only_by_case_are_not_confused() -> None:
    reader = LabelReader(SINGLE, known=["Fee", "fee"])
    assert reader.read("Fee") == ("Fee",)
    with pytest.raises(RowFault):
        reader.read("FEE")


@pytest.mark.parametrize("other", ["card arrival", "CARD_ARRIVAL", " card  arrival ", "card\tarrival", "card_ arrival"])
def test_name_key_ignores_case_spaces_and_underscores(other: str) -> None:
    assert name_key(other) == name_key("Card_Arrival")


def test_name_key_keeps_other_differences() -> None:
    assert len({name_key(name) for name in ("a-b", "ab", "a b", "á b")}) == 4


def test_common_spellings_follow_the_most_frequent() -> None:
    counts = {"card_arrival": 5, "Card arrival": 3, " card_arrival": 1, "Refund": 1, "fee ": 2}
    assert common_spellings(counts) == {
        "Card arrival": "card_arrival",
        " card_arrival": "card_arrival",
        "fee ": "fee",
    }


def test_of_equally_frequent_spellings_the_first_by_code_point_is_chosen() -> None:
    assert common_spellings({"spam": 2, "Spam": 2}) == {"spam": "Spam"}


def test_whole_numbers_are_one_label_without_a_fraction() -> None:
    assert common_spellings({"0.0": 12, "0": 6, "1.": 3}) == {"0.0": "0", "1.": "1"}
    assert common_spellings({"1.10": 5, "1.1": 4}) == {}


def test_labels_as_numbers_and_as_text_are_counted() -> None:
    reader = LabelReader(SINGLE)
    assert [reader.read(value) for value in (1, "1", True, "true", "2")] == [
        ("1",), ("1",), ("true",), ("true",), ("2",),
    ]  # fmt: skip
    assert reader.from_values == {"1": 1, "true": 1}
    assert reader.from_text == {"1", "true", "2"}
