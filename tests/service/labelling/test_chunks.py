from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError
from glossator.service.labelling.chunks import select_rows, split_into_chunks


def records_of(lengths: list[int]) -> list[Record]:
    return [Record(line, {"id": line, "text": "x" * length}) for line, length in enumerate(lengths, 1)]


@given(st.lists(st.integers(0, 50)), st.integers(1, 7), st.integers(1, 120))
def test_every_record_is_in_one_chunk_in_order(lengths: list[int], rows: int, characters: int) -> None:
    records = records_of(lengths)
    chunks = list(split_into_chunks(enumerate(records), chunk_rows=rows, chunk_characters=characters))
    assert [record for chunk in chunks for record in chunk.records] == records
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    starts = [sum(len(chunk.records) for chunk in chunks[:index]) for index in range(len(chunks))]
    assert [chunk.row_ids[0] for chunk in chunks] == starts
    assert all(1 <= len(chunk.records) <= rows for chunk in chunks)


def test_chunks_end_after_a_number_of_rows_or_characters() -> None:
    chunks = split_into_chunks(enumerate(records_of([1, 1, 1, 90, 20, 5, 5])), chunk_rows=3, chunk_characters=100)
    assert [[record.line for record in chunk.records] for chunk in chunks] == [[1, 2, 3], [4, 5], [6, 7]]


def test_a_chunk_is_yielded_before_the_next_one_is_read() -> None:
    taken: list[int] = []

    def stream() -> Iterator[Record]:
        for record in records_of([1] * 10):
            taken.append(record.line)
            yield record

    chunks = split_into_chunks(enumerate(stream()), chunk_rows=4)
    next(chunks)
    assert taken == [1, 2, 3, 4]


def test_chunk_rows_must_be_at_least_one() -> None:
    with pytest.raises(ConfigError, match="chunk_rows is too small"):
        list(split_into_chunks([], chunk_rows=0))


@given(st.integers(0, 40), st.none() | st.integers(1, 50), st.none() | st.floats(0.0, 1.0), st.integers(0, 3))
def test_the_selection_depends_only_on_row_numbers_and_seed(
    rows: int, limit: int | None, share: float | None, seed: int
) -> None:
    records = records_of([1] * rows)
    taken = list(select_rows(iter(records), limit=limit, share=share, seed=seed))
    assert taken == list(select_rows(records, limit=limit, share=share, seed=seed))
    assert all(records[row_id] is record for row_id, record in taken)
    assert len(taken) <= (rows if limit is None else limit)
    everything = list(select_rows(records_of([1] * (rows + 20)), limit=None, share=share, seed=seed))
    assert [row_id for row_id, _ in everything][: len(taken)] == [row_id for row_id, _ in taken]


def test_a_random_share_has_about_the_requested_size() -> None:
    assert 450 < len(list(select_rows(records_of([1] * 5_000), share=0.1, seed=7))) < 550
