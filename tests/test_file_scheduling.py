"""What each of the parallel test processes gets."""

from __future__ import annotations

from pathlib import Path

from file_scheduling import LONGEST, TOGETHER, longest_first, unit

TESTS = Path(__file__).resolve().parent


def test_a_file_stays_together_and_a_folder_where_it_says_so() -> None:
    assert unit("tests/cli/test_app.py::TestOptions::test_help") == "tests/cli/test_app.py"
    assert unit("tests/browser/test_jobs.py::test_a[light-390]") == "tests/browser"


def test_the_longest_come_first_then_the_files_with_the_most_tests() -> None:
    some = [
        "tests/a.py::test_1",
        "tests/b.py::test_1",
        "tests/a.py::test_2",
        f"{LONGEST[1]}::test",
        "tests/b.py::test_2",
    ]
    some += ["tests/b.py::test_3", "tests/browser/test_jobs.py::test"]
    ordered = [some[place] for place in longest_first(some)]
    assert ordered == [some[6], some[3], some[1], some[4], some[5], some[0], some[2]]


def test_every_named_file_exists() -> None:
    assert [name for name in (*LONGEST, *TOGETHER) if not (TESTS.parent / name).exists()] == []
