"""Cuts at any place keep every line exactly once."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.formats.tables.csv_dialect import CsvDialect
from glossator.service.errors import ConfigError
from glossator.service.labelling.partitions.cuts import check_one_line_rows, cut_lines

LINES = st.lists(st.sampled_from(["", "a", "é", "日本語", "😀" * 9, '{"text": "x"}', "\u2028", "\x85"]), max_size=30)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 60), st.integers(0, 3))
def test_every_line_is_in_one_range_at_any_size(
    lines: list[str], end: str, ended: bool, size: int, skipped: int
) -> None:
    data = end.join(lines).encode() + (end.encode() if ended and lines else b"")
    first = len(b"".join(data.splitlines(keepends=True)[:0])) if not skipped else data.find(b"\n") + 1
    ranges = cut_lines(lambda start, stop: data[start:stop], len(data), size, first=first)
    pieces = [data[start:stop] for start, stop in ranges]
    assert b"".join(pieces) == data[first:]
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
    assert [line for piece in pieces for line in piece.decode().split("\n") if line] == [
        line for line in data[first:].decode().split("\n") if line
    ]
    longest = max((len(line) + 1 for line in data.split(b"\n")), default=0)
    assert all(len(piece) <= size + longest for piece in pieces)


def test_a_line_longer_than_the_window_is_not_cut() -> None:
    data = b"x" * 200_000 + b"\n" + b"y" * 10
    assert cut_lines(lambda start, stop: data[start:stop], len(data), 10) == [(0, 200_001), (200_001, 200_011)]


@pytest.mark.parametrize("row", ['1,"a ""b"", c",d', '"a",b,c', "no quotes,b,c", '1,a "literal" b,c'])
def test_rows_of_one_line_may_be_cut(row: str) -> None:
    check_one_line_rows(io.BytesIO(f"n,text,x\n{row}\r\n{row}\n".encode()), "a.csv", CsvDialect(",", True, 3))


@pytest.mark.parametrize("rows", ['1,"a\nb",c', 'a"b,"c\n"d,e', '1,"open,c', '1,"a"b,c'])
def test_a_quote_that_does_not_end_on_its_line_is_refused(rows: str) -> None:
    with pytest.raises(ConfigError, match="line 2 has a quote that does not end"):
        check_one_line_rows(io.BytesIO(f"n,text,x\n{rows}\n".encode()), "a.csv", CsvDialect(",", True, 3))


def test_quotes_that_are_text_may_be_anywhere() -> None:
    check_one_line_rows(io.BytesIO(b'n,text\n1,"open\n'), "a.csv", CsvDialect(",", False, 2))
