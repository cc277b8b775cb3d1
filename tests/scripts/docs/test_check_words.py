"""The search for retired words finds them in prose, in identifiers and across lines, and nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "docs" / "check_words.py"
_spec = importlib.util.spec_from_file_location("check_words", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
check_words = importlib.util.module_from_spec(_spec)
sys.modules["check_words"] = check_words
_spec.loader.exec_module(check_words)

LIST = "# a comment\nold word\tnew word\nso_and_so(s|es)?\tN\n"


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    file = tmp_path / "words.txt"
    file.write_text(LIST)
    found: list[object] = check_words.read_words(file)
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("An old word here.", [(1, "old word")]),
        ("first line\nAn Old\nword", [(2, "Old word")]),
        ("rows_old_word = 1", [(1, "old_word")]),
        ("so_and_sos", [(1, "so_and_sos")]),
        ("old words, boldold word", []),
        ("", []),
    ],
)
def test_uses_are_found_with_their_line(words: list[object], text: str, found: list[tuple[int, str]]) -> None:
    assert [(use.line, use.found) for use in check_words.uses(text, words)] == found


def test_a_use_names_the_replacement(words: list[object]) -> None:
    (use,) = check_words.uses("the old word", words)
    assert use.replacement == "new word"


@pytest.mark.parametrize("line", ["no tab at all", "word\t", "wo(rd\treplacement"])
def test_a_broken_list_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "words.txt"
    file.write_text(line + "\n")
    with pytest.raises((ValueError, check_words.re.error)):
        check_words.read_words(file)


def test_the_list_of_the_repository_is_valid_and_finds_each_word_once() -> None:
    words = check_words.read_words()
    assert len({word.pattern.pattern for word in words}) == len(words) > 20


def test_files_leave_out_results_and_third_party_code() -> None:
    names = [str(path.relative_to(check_words.ROOT)) for path in check_words.files(["."])]
    assert "README.md" in names
    assert "service/errors.py" in names
    assert not any(name.startswith("benchmarks/results/") or "vendor/" in name for name in names)
