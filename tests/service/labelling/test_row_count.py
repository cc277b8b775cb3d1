from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
from glossator.service.labelling.row_count import estimate_rows
from glossator.service.labelling.row_labelling import RowSelection


def estimate(path: Path, options: InputOptions | None = None, selection: RowSelection | None = None) -> int | None:
    return estimate_rows(
        FileLabelling(
            source=str(path),
            output="-",
            input_options=options or InputOptions(),
            selection=selection or RowSelection(),
        )
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "text\na\nb\n", 2),
        ("a.csv", "text\na\nb", 2),
        ("a.CSV", "text\na\n", 1),
        ("a.csv", "", 0),
        ("a.jsonl", '{"text": "a"}\n{"text": "b"}\n', 2),
        ("a.txt", "a\nb\nc\n", 3),
        ("a.html", "<p>a</p>\n", None),
        ("a.csv.gz", "compressed", None),
    ],
)
def test_rows_are_the_lines_without_the_header(tmp_path: Path, name: str, content: str, expected: int | None) -> None:
    (tmp_path / name).write_text(content)
    assert estimate(tmp_path / name) == expected


CONLL = "-DOCSTART- O\n\nAnna B-PER\nleft O\n\n\nShe O\nstays O\n. O\n\nBo B-PER\ncame O"


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.tsv", "a.iob2", "a.ner", "a"])
def test_rows_of_conll_are_its_sentences_under_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CONLL.replace(" ", "\t"))
    assert estimate(tmp_path / name) == 3


def test_comments_of_conllu_are_no_sentences(tmp_path: Path) -> None:
    line = "\t".join(["1", "Anna", *"_" * 7, "NER=B-PER"])
    (tmp_path / "a.conllu").write_text(f"# newdoc\n\n# sent_id = 1\n# text = Anna\n{line}\n\n# text = Anna\n{line}\n\n")
    assert estimate(tmp_path / "a.conllu") == 2


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "text\tlabel\n" + "a b\tone\n" * 4, 4),
        ("a.txt", '[\n{"text": "a"},\n{"text": "b"}\n]\n', None),
        ("a.txt", '{"text": "a"}\n' * 4, 4),
        ("a.csv", "__label__x a b\n__label__y c\n", 2),
        ("a.log", "a\nb\n", 2),
    ],
)
def test_the_content_decides_where_the_name_promises_something_else(
    tmp_path: Path, name: str, content: str, expected: int | None
) -> None:
    (tmp_path / name).write_text(content)
    assert estimate(tmp_path / name) == expected


def test_rows_of_parquet_are_exact(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b\nc", "d"]}), tmp_path / "a.parquet")
    assert estimate(tmp_path / "a.parquet") == 3
    (tmp_path / "b.parquet").write_text("no parquet")
    assert estimate(tmp_path / "b.parquet") is None


def test_options_and_selection_count(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("a\n" * 100)
    assert estimate(path, InputOptions(whole_file=True)) is None
    assert estimate(path, InputOptions(format="csv")) == 99
    assert estimate(path, InputOptions(format="csv", header=False)) == 100
    assert estimate(path, selection=RowSelection(limit=30)) == 30
    assert estimate(path, selection=RowSelection(share=0.5)) == 50
    assert estimate(tmp_path) is None
    assert estimate(Path("-")) is None
