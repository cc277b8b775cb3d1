from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.reading.labels.cell_values import as_flag, as_list, as_mapping, as_whole_number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", 1], ["a", 1]),
        (("a",), ["a"]),
        ({"b", "a"}, ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        (" []\n", []),
        ("['late', 'urgent']", ["late", "urgent"]),
        ("('late', 'urgent')", ["late", "urgent"]),
        ("{'b', 'a'}", ["a", "b"]),
        ("set()", []),
        ("[\"it's\", 'b']", ["it's", "b"]),
        ("['late' 'urgent']", ["late", "urgent"]),
        ("['late'\n 'urgent']", ["late", "urgent"]),
        ("array(['a', 'b'], dtype=object)", ["a", "b"]),
        ("[0 1 1]", [0, 1, 1]),
        ("[0. 1. 1.]", [0, 1, 1]),
        ("[ True False]", [True, False]),
        ("a", None),
        ('{"a": 1}', None),
        ('["a"', None),
        ("[sic]", None),
        ("[late, urgent]", None),
        ("[" * 100_000, None),
        ("[__import__('os').getcwd()]", None),
        ("['a', 'b' 'c']", None),
        (None, None),
    ],
)
def test_as_list(value: object, expected: list[object] | None) -> None:
    assert as_list(value) == expected


def test_the_result_of_as_list_may_be_changed() -> None:
    found = as_list("[1, 2]")
    assert found is not None
    found.append(3)
    assert as_list("[1, 2]") == [1, 2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": true}', {"a": True}),
        ("{'a': True, 'b': False}", {"a": True, "b": False}),
        ("[1]", None),
        ("joy", None),
    ],
)
def test_as_mapping(value: object, expected: dict[object, object] | None) -> None:
    assert as_mapping(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True), (0, False), (1.0, True), ("1", True), ("TRUE", True), ("x", True), (" no ", False),
        ("", None), (None, None), (-1, None), (0.4, None), ("late", None), (float("nan"), None),
    ],
)  # fmt: skip
def test_as_flag(value: object, expected: bool | None) -> None:
    assert as_flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.0, 3), ("3", 3), ("3.0", 3), ("-1", -1), ("3.5", None), (True, None), ("three", None), (None, None)],
)
def test_as_whole_number(value: object, expected: int | None) -> None:
    assert as_whole_number(value) == expected


@given(st.lists(st.one_of(st.text(), st.integers(), st.booleans())))
def test_a_list_that_python_prints_is_read_back(members: list[object]) -> None:
    assert as_list(str(members)) == members


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    as_list(f"[{text}")
    as_mapping("{" + text)
