from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from glossator.service.documents.formats.json_shapes import SPLIT_COLUMN, find_rows
from glossator.service.errors import ConfigError, InputError

ROWS = [
    {"text": "the parcel is late", "label": "delivery"},
    {"text": "the lamp is broken", "label": "damage"},
    {"text": "no parcel came", "label": "delivery"},
]
PAIRS = [[row["text"], row["label"]] for row in ROWS]
UNNAMED = [{"column_1": text, "column_2": label} for text, label in PAIRS]


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        ({"rows": ROWS}, "the list at rows"),
        ({"meta": {"version": 1}, "result": {"page": {"items": ROWS}}}, "the list at result.page.items"),
        ({"description": "Tickets of a shop", "data": ROWS}, "the list at data"),
        ({"schema": {"fields": [{"name": "text"}, {"name": "label"}]}, "data": ROWS}, "data"),
        ({"columns": ["text", "label"], "index": [0, 1, 2], "data": PAIRS}, "columns and data"),
        ({str(number): row for number, row in enumerate(ROWS)}, "one object per row"),
        (dict(zip("abc", ROWS, strict=True)), "one object per row"),
        (
            {name: {str(number): row[name] for number, row in enumerate(ROWS)} for name in ROWS[0]},
            "one object per column",
        ),
        ({name: [row[name] for row in ROWS] for name in ROWS[0]}, "one list per column"),
        ([["text", "label"], *PAIRS], "lists of 2 cells, the first one is the header"),
    ],
)
def test_records_are_found_in_each_shape(value: Any, chosen: str) -> None:
    found = find_rows(value, "a.json")
    assert found.rows == ROWS
    assert [(decision.subject, decision.chosen) for decision in found.decisions] == [("JSON", chosen)]


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "table"])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_what_pandas_writes_is_read_in_every_orientation(orient: Any, rows: int) -> None:
    text = pd.DataFrame(ROWS[:rows]).to_json(orient=orient)
    found = find_rows(json.loads(text), "a.json").rows
    assert [{name: row[name] for name in ("text", "label")} for row in found] == ROWS[:rows]


def test_lists_of_cells_without_a_header_keep_every_row() -> None:
    for value in (PAIRS, {"data": PAIRS}, json.loads(pd.DataFrame(ROWS).to_json(orient="values"))):
        assert find_rows(value, "a.json").rows == UNNAMED


def test_the_header_of_lists_can_be_named() -> None:
    lists = [["Kommentar", "Art"], *PAIRS]
    assert find_rows(lists, "a.json", header=True).rows[0] == {"Kommentar": PAIRS[0][0], "Art": "delivery"}
    without = find_rows([["text", "label"], *PAIRS], "a.json", header=False)
    assert without.rows == [{"column_1": "text", "column_2": "label"}, *UNNAMED]


def test_several_lists_are_refused_with_their_names() -> None:
    with pytest.raises(InputError, match="several lists of objects") as caught:
        find_rows({"errors": ROWS[:1], "result": {"rows": ROWS}}, "a.json")
    assert caught.value.found == "result.rows (3 objects), errors (1 object)"


def test_of_several_lists_the_only_one_with_texts_is_read() -> None:
    value = {"nlu": {"common_examples": ROWS, "synonyms": [{"value": "late", "synonyms": ["tardy"]}]}}
    found = find_rows(value, "a.json")
    assert found.rows == ROWS
    assert found.decisions[0].message == (
        "JSON: the list at nlu.common_examples (the only list of objects with a usual column of texts); "
        "runner-up: nlu.synonyms (1 object)"
    )


SPLITS = {
    "oos_val": [["qwerty", "oos"]],
    "val": [["renew my card", "renew"]],
    "oos_train": [["is it raining", "oos"]],
    "train": [["block my card", "block"], ["renew it", "renew"]],
    "oos_test": [["tell me a joke", "oos"]],
    "test": [["please block it", "block"]],
}


@pytest.mark.parametrize(("preferred", "chosen"), [("train", "train"), ("validation", "val"), ("test", "test")])
def test_the_split_with_the_plain_name_is_chosen(preferred: str, chosen: str) -> None:
    found = find_rows(SPLITS, "a.json", preferred_split=preferred)
    assert [list(row.values()) for row in found.rows] == SPLITS[chosen]
    assert (found.decisions[0].subject, found.decisions[0].chosen) == ("split", chosen)
    assert found.decisions[0].option == "--dataset-split"


def test_a_named_split_is_read() -> None:
    assert find_rows(SPLITS, "a.json", split="oos_test").rows == [{"column_1": "tell me a joke", "column_2": "oos"}]
    with pytest.raises(ConfigError, match="no such split") as caught:
        find_rows(SPLITS, "a.json", split="dev")
    assert caught.value.expected == f"one of {', '.join(SPLITS)}"
    with pytest.raises(ConfigError, match="has no splits"):
        find_rows({"rows": ROWS}, "a.json", split="dev")


def test_all_splits_are_read_if_no_purpose_is_named() -> None:
    rows = find_rows(SPLITS, "a.json").rows
    assert [row[SPLIT_COLUMN] for row in rows] == [name for name, lists in SPLITS.items() for _ in lists]
    assert [row["column_1"] for row in rows] == [text for lists in SPLITS.values() for text, _ in lists]
    objects = find_rows({"train": ROWS[:1], "test": ROWS[1:]}, "a.json").rows
    assert objects == [{**ROWS[0], "_split": "train"}, *({**row, "_split": "test"} for row in ROWS[1:])]


@pytest.mark.parametrize(
    "value",
    [
        {"text": "late", "label": "delivery"},
        {"text": "late", "meta": {"id": 7}},
        {"text": "Ann called", "entities": [{"start": 0, "end": 3, "label": "person"}]},
    ],
)
def test_an_object_with_a_text_is_one_row(value: dict[str, Any]) -> None:
    assert find_rows(value, "a.json").rows == [value]


def test_strings_are_texts() -> None:
    assert find_rows(["one", "two"], "a.json").rows == [{"text": "one"}, {"text": "two"}]


def test_items_that_are_no_objects_are_kept_for_their_errors() -> None:
    assert find_rows({"rows": [ROWS[0], None, 3]}, "a.json").rows == [ROWS[0], None, 3]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": {"b": 1}, "c": 2}, "an object with the keys a, c"),
        ({}, "an empty object"),
        ([1, None, "a"], "a list of null and numbers and strings"),
        ([["a", "b"], ["c"]], "a list of lists"),
        (3, "numbers"),
        (None, "null"),
    ],
)
def test_a_value_without_rows_is_refused_with_what_it_is(value: Any, found: str) -> None:
    with pytest.raises(InputError, match="has no rows in a form that can be read") as caught:
        find_rows(value, "a.json")
    assert caught.value.found == found
    assert caught.value.hint is not None


def test_objects_that_may_be_rows_or_columns_are_refused() -> None:
    with pytest.raises(InputError, match="rows or columns"):
        find_rows({"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}, "a.json")


def test_columns_of_different_lengths_are_refused_with_their_lengths() -> None:
    with pytest.raises(InputError, match="different lengths") as caught:
        find_rows({"text": ["a", "b"], "label": ["x"]}, "a.json")
    assert caught.value.found == "text: 2, label: 1"
