from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.documents.record import Record
from service.errors import ConfigError
from service.labelling.chunks import chunks


def records_of(lengths: list[int]) -> list[Record]:
    return [Record(line, {"id": line, "text": "x" * length}) for line, length in enumerate(lengths, 1)]


@given(st.lists(st.integers(0, 50)), st.integers(1, 7), st.integers(1, 120))
def test_every_record_is_in_one_chunk_in_order(lengths: list[int], rows: int, characters: int) -> None:
    records = records_of(lengths)
    cut = list(chunks(iter(records), chunk_rows=rows, chunk_characters=characters))
    assert [record for chunk in cut for record in chunk.records] == records
    assert [chunk.index for chunk in cut] == list(range(len(cut)))
    starts = [sum(len(chunk.records) for chunk in cut[:index]) for index in range(len(cut))]
    assert [chunk.first_row for chunk in cut] == starts
    assert all(1 <= len(chunk.records) <= rows for chunk in cut)


def test_chunks_are_cut_by_rows_and_long_documents_end_one_early() -> None:
    cut = chunks(records_of([1, 1, 1, 90, 20, 5, 5]), chunk_rows=3, chunk_characters=100)
    assert [[record.line for record in chunk.records] for chunk in cut] == [[1, 2, 3], [4, 5], [6, 7]]


def test_a_chunk_is_given_before_the_next_one_is_read() -> None:
    taken: list[int] = []

    def stream() -> Iterator[Record]:
        for record in records_of([1] * 10):
            taken.append(record.line)
            yield record

    cut = chunks(stream(), chunk_rows=4)
    next(cut)
    assert taken == [1, 2, 3, 4]


def test_a_chunk_of_no_rows_is_refused() -> None:
    with pytest.raises(ConfigError, match="a chunk needs rows"):
        list(chunks([], chunk_rows=0))
