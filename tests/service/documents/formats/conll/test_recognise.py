from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.documents.formats.conll.recognise import looks_like_conll
from glossator.service.documents.sources.open_reader import open_reader

TOKENS = "Anna\tB-PER\nleft\tO\n\nEva\tB-PER\nstays\tO\n"


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.tsv", "a.csv", "a.iob", "a.bmes", "a.testa", "a.train", "a"])
def test_conll_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TOKENS)
    with open_reader(tmp_path / name) as source:
        assert source.format == "conll"
        assert [record.fields["text"] for record in source.records()] == ["Anna left", "Eva stays"]


@pytest.mark.parametrize("separator", ["\t", " "])
def test_one_sentence_without_blank_lines_is_conll(tmp_path: Path, separator: str) -> None:
    tokens = [("Anna", "B-PER"), ("went", "O"), ("to", "O"), ("Rome", "B-LOC")]
    (tmp_path / "a.txt").write_text("".join(f"{word}{separator}{tag}\n" for word, tag in tokens))
    with open_reader(tmp_path / "a.txt") as source:
        assert source.format == "conll"
        assert [record.fields["text"] for record in source.records()] == ["Anna went to Rome"]


def test_an_option_of_tables_keeps_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Anna,B-PER\nleft,O\n\nEva,B-PER\n")
    with open_reader(tmp_path / "a.csv", delimiter=",") as source:
        assert source.format == "csv"


@pytest.mark.parametrize(
    "text",
    [
        "text\tlabel\nwhere is it\tO\nI want it\tB\n",
        "a great day\tpositive\n\na bad day\tnegative\n",
        "O Canada\n\nO Captain my Captain\n",
        "Sentence #,Word,Tag\n1,Anna,B-PER\n1,left,O\n2,Eva,B-PER\n",
        "grade,O\nB,A\n",
        "Word,Tag\nAnna,B-PER\nwent,O\nto,O\nRome,B-LOC\n",
        "text\tlabel\na day\tO\nb day\tA\nc day\tB\nd day\tO\n",
        "",
    ],
)
def test_other_texts_and_tables_are_not_taken_for_conll(text: str) -> None:
    assert not looks_like_conll(text.split("\n"))
