from __future__ import annotations

import io

import pytest

from glossator.service.documents.formats.tables.delimited import CsvSource, TsvSource
from glossator.service.documents.sources.source import SourceOptions
from glossator.service.errors import InputError

ROWS = "hello there my friend,a\nbye bye now,b\nwhat is this,a\n"


def read(text: str, source: type[CsvSource] = CsvSource, **options: object) -> CsvSource:
    stdin = io.BufferedReader(io.BytesIO(text.encode()))
    return source("-", SourceOptions(stdin=stdin, **options))  # type: ignore[arg-type]


def rows(source: CsvSource) -> list[list[object]]:
    records = list(source.records())
    assert all(record.error is None for record in records)
    return [list(record.fields.values()) for record in records]


@pytest.mark.parametrize(
    "comments",
    [
        "# exported by a tool\n",
        "# exported on Monday, by Ann\n",  # as many cells as a row
        "## version 2\n# exported on Monday, by Ann\n\n",
        "#comment\n#! more, of it, all\n",
        '# the "quoted word is not closed\n',
        "# text: what they wrote, label: what they want\n",
    ],
)
def test_comments_above_the_header_are_skipped_and_reported(comments: str) -> None:
    with read(f"{comments}text,label\n{ROWS}") as source:
        assert source.columns == ("text", "label")
        (decision,) = [each for each in source.decisions() if each.subject == "comments"]
        found = list(source.records())
    assert [record.fields["label"] for record in found] == ["a", "b", "a"]
    assert found[0].line == comments.count("\n") + 2
    count = comments.count("\n")
    assert decision.chosen == ("line 1 is skipped" if count == 1 else f"lines 1 to {count} are skipped")


def test_comments_above_a_table_in_another_language_or_with_tabs() -> None:
    with read("# Stand: Mai, Ann\nKommentar;Klasse\nalles gut soweit;eins\nnichts geht mehr;zwei\n") as source:
        assert source.columns == ("Kommentar", "Klasse")
        assert source.delimiter == ";"
    with read("# of 2024\t\t\n# Ann\ntext\tlabel\na text\tone\n", TsvSource) as source:
        assert source.columns == ("text", "label")


@pytest.mark.parametrize("header", ["#,text,label", "#id,text,label", "# id,text,label", "#nr,Kommentar,Klasse"])
def test_a_header_may_begin_with_the_mark(header: str) -> None:
    with read(f"{header}\n1,hello there my friend,a\n2,bye bye now,b\n3,what is this,a\n") as source:
        assert source.columns == tuple(header.split(","))
        assert len(rows(source)) == 3


def test_a_comment_above_a_header_that_begins_with_the_mark() -> None:
    with read("# made by a tool, in May\n#text,label\n" + ROWS) as source:
        assert source.columns == ("#text", "label")


@pytest.mark.parametrize("first", ["#delayed again and again,b", "# delayed again and again,b", "# 1 in the list,a"])
def test_rows_that_begin_with_the_mark_are_rows(first: str) -> None:
    with read(f"{first}\n{ROWS}", header=False) as source:
        assert rows(source)[0] == first.split(",")
        assert len(source._sample_rows) == 4
    with read(f"text,label\n{first}\n{ROWS}") as source:
        assert rows(source)[0] == first.split(",")


def test_lines_of_one_column_that_begin_with_the_mark_are_rows_unless_a_header_follows() -> None:
    with read("# first things first\nhello\nthere\n", header=False) as source:
        assert rows(source) == [["# first things first"], ["hello"], ["there"]]
    with read("# what they wrote\ntext\nhello\nthere\n") as source:
        assert (source.columns, rows(source)) == (("text",), [["hello"], ["there"]])


def test_comments_follow_the_line_that_names_the_delimiter() -> None:
    with read("sep=;\n# by Ann\ntext;label\nhello, my friend;a\n") as source:
        assert (source.columns, rows(source)) == (("text", "label"), [["hello, my friend", "a"]])


def test_a_title_above_the_header_is_refused() -> None:
    with pytest.raises(InputError, match="looks like a title"):
        read("Tickets of May\n\ntext,label\n" + ROWS)
