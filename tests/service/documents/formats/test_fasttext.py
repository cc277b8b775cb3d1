from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from glossator.service.documents.formats.fasttext import looks_like_fasttext, split_line
from glossator.service.documents.sources.open_reader import open_reader


@pytest.mark.parametrize(
    ("line", "text", "labels"),
    [
        ("__label__late where is it", "where is it", ["late"]),
        ("__label__late __label__urgent  come  now", "come  now", ["late", "urgent"]),
        ("__label__late, where is it", "where is it", ["late"]),
        ("__label__late\twhere is it", "where is it", ["late"]),
        ("where is it __label__late", "where is it", ["late"]),
        ("no label here", "no label here", None),
        ("my__label__late stays", "my__label__late stays", None),
    ],
)
def test_a_line_has_a_text_and_labels(line: str, text: str, labels: list[str] | None) -> None:
    assert split_line(line) == {"text": text, "labels": labels}


def test_nearly_all_lines_must_have_a_label() -> None:
    assert looks_like_fasttext(["__label__a x"] * 9 + ["", "no label"])
    assert not looks_like_fasttext(["__label__a x", "how __label__ works", "text"])
    assert not looks_like_fasttext([])


@pytest.mark.parametrize("name", ["train.txt", "reviews.ft.txt.gz", "labelled.csv", "corpus"])
def test_lines_of_fasttext_are_recognised_under_any_name(tmp_path: Path, name: str) -> None:
    content = b"__label__late where is it\n__label__late __label__urgent come now\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with open_reader(path) as source:
        assert source.format == "fasttext"
        assert [(record.line, dict(record.fields)) for record in source.records()] == [
            (1, {"text": "where is it", "labels": ["late"]}),
            (2, {"text": "come now", "labels": ["late", "urgent"]}),
        ]


def test_a_text_about_fasttext_is_plain_text(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a line\nwrite __label__late first\nthen the text\n")
    with open_reader(tmp_path / "notes.txt") as source:
        assert source.format == "txt"
