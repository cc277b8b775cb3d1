from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.token_rows import find_token_rows, join_tokens
from glossator.training.corpus.row import SourceRow
from glossator.workflows.corpus.reading import read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

TABLE = """Sentence #,Word,POS,Tag
Sentence: 1,Anna,NNP,B-per
,visits,VBZ,O
,Oslo,NNP,B-geo
Sentence: 2,She,PRP,O
,stays,VBZ,O
Sentence: 3,Omar,NNP,B-per
,Said,NNP,I-per
,left,VBD,O
"""
SENTENCES = [
    ("Anna visits Oslo", (GoldSpan(0, 4, "per"), GoldSpan(12, 16, "geo"))),
    ("She stays", ()),
    ("Omar Said left", (GoldSpan(0, 9, "per"),)),
]


def read(path: Path, **options: str) -> list[tuple[str, tuple[GoldSpan, ...]]]:
    corpus = read_corpus(str(path), ReadingOptions(**options), Reporter()).corpus  # type: ignore[arg-type]
    assert corpus.task == "token-classification"
    assert corpus.decisions[0].subject == "rows"
    return list(zip(corpus.texts, corpus.spans or (), strict=True))


def rows(**columns: Sequence[object]) -> list[SourceRow]:
    cells = zip(*columns.values(), strict=True)
    return [SourceRow(line, dict(zip(columns, each, strict=True))) for line, each in enumerate(cells, start=2)]


def test_a_table_with_one_token_per_row_is_read_as_sentences(tmp_path: Path) -> None:
    (tmp_path / "ner.csv").write_text(TABLE)
    assert read(tmp_path / "ner.csv") == SENTENCES
    assert read(tmp_path / "ner.csv", label_column="4", text_column="Word") == SENTENCES


def test_sentence_numbers_in_every_row_work_too(tmp_path: Path) -> None:
    lines, number = ["sentence_id\tword\tlabel"], 0
    for line in TABLE.splitlines()[1:]:
        first, word, _, tag = line.split(",")
        number += bool(first)
        lines.append(f"{number}\t{word}\t{tag}")
    (tmp_path / "ner.tsv").write_text("\n".join(lines) + "\n")
    assert read(tmp_path / "ner.tsv") == SENTENCES


def test_the_decision_names_the_columns_and_other_tags() -> None:
    head = rows(
        sentence=[1, 1, 2, 2], word=["Anna", "left", "Omar", "stays"], chunk=["B-NP", "B-VP", "B-NP", "B-VP"],
        tag=["B-per", "O", "B-per", "O"],
    )  # fmt: skip
    found = find_token_rows(head, ColumnRoles())
    assert found is not None
    assert found.decision.message == (
        "rows: one token per row (column word has one word per row, column tag its tag; sentences by column sentence); "
        "runner-up: chunk; change with --label-column or --task"
    )
    given = find_token_rows(head, ColumnRoles(label="chunk"))
    assert given is not None
    assert (given.tag, given.others) == ("chunk", ("tag",))


def test_blank_rows_may_be_between_sentences() -> None:
    head = rows(token=["Anna", "left", None, "Omar"], ner=["B-per", "O", None, "B-per"])
    found = find_token_rows(head, ColumnRoles())
    assert found is not None
    assert [(row.line, row.fields["token"]) for row in join_tokens(head, found)] == [
        (2, ["Anna", "left"]),
        (5, ["Omar"]),
    ]


def test_without_borders_of_sentences_the_table_is_refused() -> None:
    with pytest.raises(CorpusError, match="nothing says where a sentence ends"):
        find_token_rows(rows(token=["Anna", "left", "Omar"], ner=["B-per", "O", "B-per"]), ColumnRoles())


def test_a_word_without_a_tag_rejects_its_sentence() -> None:
    head = rows(sentence=[1, 1, 2, 2], word=["Anna", "left", "Omar", "stays"], tag=["B-per", None, "B-per", "O"])
    found = find_token_rows(head, ColumnRoles())
    assert found is not None
    joined = list(join_tokens(head, found))
    assert [str(row.error) for row in joined] == ["missing-tag: line 3 has no tag", "None"]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": ["where is it", "it is here"], "label": ["O", "B-1"]},
        {"word": ["late", "early"], "label": ["x", "y"]},
        {"word": ["late", "early"], "tag": ["O", "O"]},
    ],
)
def test_other_tables_are_no_token_rows(columns: dict[str, Sequence[object]]) -> None:
    assert find_token_rows(rows(**columns), ColumnRoles()) is None
