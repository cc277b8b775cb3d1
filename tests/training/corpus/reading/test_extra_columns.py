from __future__ import annotations

import pytest

from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.reading.extra_columns import ExtraColumns
from glossator.training.corpus.row import SourceRow

ROWS = [
    {"text": "one text", "label": "a", "source": "mail", "n": 1},
    {"text": "", "label": "a", "source": "chat", "n": 2},
    {"text": "two texts", "label": "b", "source": None, "n": 3},
    {"text": "one text", "label": "a", "source": "web", "n": 4},
    {"text": "more", "label": "a", "source": "web", "n": float("nan")},
    {"text": "and more", "label": "b", "n": 6},
]


def test_columns_are_added_for_the_usable_rows() -> None:
    kept = ExtraColumns(["source", "n", "source"])
    rows = [SourceRow(number, fields) for number, fields in enumerate(ROWS, start=1)]
    corpus = kept.add_to(read_corpus(kept.collect(rows), source_name="x", text_column="text", label_column="label"))
    assert corpus.extra == {"source": ["mail", "", "web", ""], "n": ["1", "3", "", "6"]}
    assert corpus.subset([2, 0]).extra == {"source": ["web", "mail"], "n": ["", "1"]}
    assert corpus.rows().extra == corpus.extra


def test_a_missing_column_is_reported() -> None:
    kept = ExtraColumns(["channel"])
    rows = [SourceRow(number, fields) for number, fields in enumerate(ROWS, start=1)]
    corpus = read_corpus(kept.collect(rows), source_name="x", text_column="text", label_column="label")
    with pytest.raises(UnknownColumn, match="does not exist"):
        kept.add_to(corpus)


def test_rows_of_several_files_with_the_same_lines_keep_their_own_values() -> None:
    kept = ExtraColumns([], optional=["document", "absent"])
    rows = [
        SourceRow(line, {"text": f"text {file} {line}", "label": "ab"[line % 2], "document": f"{file}{line}"})
        for file in "xy"
        for line in (1, 2, 3)
    ]
    corpus = kept.add_to(read_corpus(kept.collect(rows), source_name="x", text_column="text", label_column="label"))
    assert corpus.extra == {"document": ["x1", "x2", "x3", "y1", "y2", "y3"]}
    assert corpus.lines == [1, 2, 3, 1, 2, 3]
    assert {type(line) for line in corpus.lines} == {int}
