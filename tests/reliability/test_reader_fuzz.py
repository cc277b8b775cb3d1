"""worker <- damaged files: a slice of `benchmarks/reliability/reader_fuzz.py`."""

from __future__ import annotations

from benchmarks.reliability.reader_fuzz import mutants, read_in_one_process, read_through

COUNT, THROUGH = 300, 10
SEED = 7


def test_damaged_files_of_every_format_give_rows_or_errors_and_never_hang() -> None:
    found = read_in_one_process(mutants(COUNT, SEED))
    assert sum(found.outcomes.values()) == COUNT
    assert found.outcomes["rows"] > 0
    assert found.outcomes["undecodable-file"] > 0
    assert found.hangs == []
    assert sum(found.ended.values()) + len(found.unexpected) < COUNT / 20
    assert all("arrow" in kind for kind in found.ended), found.ended


def test_what_ends_a_reader_never_reaches_the_process_that_asked() -> None:
    """Whatever a mutant does, `open_source` gives rows or an error of Glossator."""
    found = read_through(mutants(THROUGH, SEED + 1))
    assert sum(found.outcomes.values()) == THROUGH
