from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.modeling.labelled_rows import LabelledRows, indicator, read_rows, write_rows
from glossator.service.errors import CorpusError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(rows=st.lists(st.tuples(TEXT, st.lists(TEXT).map(tuple))))
def test_rows_read_back_as_written(
    rows: list[tuple[str, tuple[str, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    extra = {"source": [text[::-1] for text, _ in rows]} if rows else {}
    written = LabelledRows([text for text, _ in rows], [labels for _, labels in rows], extra=extra)
    write_rows(path, written)
    assert read_rows(path) == written


@pytest.mark.parametrize("damage", [b"{", b'{"text": "a"}\n', b"[]\n", b"\xff\n"])
def test_rows_refuse_a_damaged_file(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "validation.jsonl"
    path.write_bytes(damage)
    with pytest.raises(CorpusError, match=r"validation\.jsonl cannot be read"):
        read_rows(path)


def test_rows_refuse_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot be read"):
        read_rows(tmp_path / "absent.jsonl")


def test_rows_indicator_by_hand() -> None:
    result = indicator([("b",), (), ("c", "a")], ["a", "b", "c"])
    np.testing.assert_array_equal(result, [[0, 1, 0], [0, 0, 0], [1, 0, 1]])


def test_rows_indicator_names_every_unknown_label_and_how_often() -> None:
    with pytest.raises(CorpusError, match="2 unknown labels, 3 times") as caught:
        indicator([("a", "x"), ("y",), ("x",)], ["a", "b"])
    assert [(fault.where, fault.message) for fault in caught.value.faults] == [("x", "2 times"), ("y", "1 times")]
