from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError
from glossator.service.labelling.chunks import chosen, chunks


def records_of(lengths: list[int]) -> list[Record]:
    return [Record(line, {"id": line, "text": "x" * length}) for line, length in enumerate(lengths, 1)]


@given(st.lists(st.integers(0, 50)), st.integers(1, 7), st.integers(1, 120))
def test_every_record_is_in_one_chunk_in_order(lengths: list[int], rows: int, characters: int) -> None:
    records = records_of(lengths)
    cut = list(chunks(enumerate(records), chunk_rows=rows, chunk_characters=characters))
    assert [record for chunk in cut for record in chunk.records] == records
    assert [chunk.index for chunk in cut] == list(range(len(cut)))
    starts = [sum(len(chunk.records) for chunk in cut[:index]) for index in range(len(cut))]
    assert [chunk.row_ids[0] for chunk in cut] == starts
    assert all(1 <= len(chunk.records) <= rows for chunk in cut)


def test_chunks_are_cut_by_rows_and_long_documents_end_one_early() -> None:
    cut = chunks(enumerate(records_of([1, 1, 1, 90, 20, 5, 5])), chunk_rows=3, chunk_characters=100)
    assert [[record.line for record in chunk.records] for chunk in cut] == [[1, 2, 3], [4, 5], [6, 7]]


def test_a_chunk_is_given_before_the_next_one_is_read() -> None:
    taken: list[int] = []

    def stream() -> Iterator[Record]:
        for record in records_of([1] * 10):
            taken.append(record.line)
            yield record

    cut = chunks(enumerate(stream()), chunk_rows=4)
    next(cut)
    assert taken == [1, 2, 3, 4]


def test_a_chunk_of_no_rows_is_refused() -> None:
    with pytest.raises(ConfigError, match="a chunk needs rows"):
        list(chunks([], chunk_rows=0))


@given(st.integers(0, 40), st.none() | st.integers(1, 50), st.none() | st.floats(0.0, 1.0), st.integers(0, 3))
def test_what_is_chosen_depends_on_places_and_seed_alone(
    rows: int, limit: int | None, share: float | None, seed: int
) -> None:
    records = records_of([1] * rows)
    taken = list(chosen(iter(records), limit=limit, share=share, seed=seed))
    assert taken == list(chosen(records, limit=limit, share=share, seed=seed))
    assert all(records[row_id] is record for row_id, record in taken)
    assert len(taken) <= (rows if limit is None else limit)
    everything = list(chosen(records_of([1] * (rows + 20)), limit=None, share=share, seed=seed))
    assert [row_id for row_id, _ in everything][: len(taken)] == [row_id for row_id, _ in taken]


def test_a_share_is_about_that_share() -> None:
    assert 450 < len(list(chosen(records_of([1] * 5_000), share=0.1, seed=7))) < 550
