from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.errors import CorpusError
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.labels.label_forms import LabelNames
from glossator.training.corpus.reading.task_detection import detect_task
from glossator.training.corpus.reading.token_columns import find_token_columns
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus

TOKENS = [["Anna", "visits", "Oslo"], ["Omar", "stays", "here", "."]]
TAGS = [["B-PER", "O", "B-LOC"], ["B-PER", "O", "O", "O"]]
NUMBERS = [[1, 0, 3], [1, 0, 0, 0]]
NAMES = ("O", "B-PER", "I-PER", "B-LOC")
SPANS = [(GoldSpan(0, 4, "PER"), GoldSpan(12, 16, "LOC")), (GoldSpan(0, 4, "PER"),)]


def rows(**columns: Sequence[Any]) -> list[SourceRow]:
    cells = zip(*columns.values(), strict=True)
    return [SourceRow(line, dict(zip(columns, each, strict=True))) for line, each in enumerate(cells, start=1)]


def read(roles: ColumnRoles | None = None, names: LabelNames | None = None, **columns: Sequence[Any]) -> Corpus:
    task, _ = detect_task(rows(**columns), roles or ColumnRoles())
    assert task == "token-classification"
    return read_task_corpus(rows(**columns), task, source_name="x", roles=roles, label_names=names)


@pytest.mark.parametrize("write", [list, str, lambda cells: str(cells).replace("'", '"')])
@pytest.mark.parametrize(("tokens", "tags"), [("tokens", "ner_tags"), ("words", "ner"), ("a", "b"), ("text", "labels")])
def test_tokens_and_tags_are_read_whatever_their_columns_are_named(write: Any, tokens: str, tags: str) -> None:
    corpus = read(**{tokens: list(map(write, TOKENS)), tags: list(map(write, TAGS))})
    assert corpus.texts == ["Anna visits Oslo", "Omar stays here ."]
    assert corpus.spans == SPANS
    assert (corpus.columns.text, corpus.columns.label) == (tokens, tags)


def test_given_columns_are_honoured() -> None:
    columns = {"words": TOKENS, "lemmas": TOKENS, "ner": TAGS, "chunks": [["B-NP", "O", "B-NP"], ["O", "O", "O", "O"]]}
    corpus = read(ColumnRoles(text="lemmas", label="chunks"), **columns)
    assert corpus.label_names == ["NP"]
    assert corpus.columns.text_why == corpus.columns.label_why == "as given"


def test_other_columns_with_tags_are_named() -> None:
    columns = {"tokens": TOKENS, "pos_tags": [[22, 42, 22], [22, 42, 30, 7]], "ner_tags": NUMBERS}
    corpus = read(names=LabelNames(given=NAMES), **columns)
    assert corpus.spans == SPANS
    assert [decision.message for decision in corpus.decisions] == [
        "entities: column ner_tags (one tag for each member of column tokens; names from --label-names); "
        "runner-up: pos_tags; change with --label-column"
    ]


def test_numbers_become_the_names_of_the_metadata() -> None:
    names = LabelNames(by_column={"ner_tags": NAMES}, by_column_origin="dataset_info.json")
    assert read(names=names, tokens=TOKENS, ner_tags=NUMBERS).spans == SPANS


def test_numbers_without_names_are_refused() -> None:
    with pytest.raises(CorpusError) as caught:
        read(tokens=TOKENS, ner_tags=NUMBERS)
    assert caught.value.message == ("column ner_tags holds numbers of tags, but the names of the tags are not known")
    assert (caught.value.found, caught.value.expected) == (
        "numbers from 0 to 3", "4 names; the first is for number 0, mostly O",
    )  # fmt: skip
    with pytest.raises(CorpusError, match="--label-names has 2 names"):
        read(names=LabelNames(given=NAMES[:2]), tokens=TOKENS, ner_tags=NUMBERS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tokens": ["a", "b"], "ner_tags": [0]}, "1 tags for 2 tokens"),
        ({"tokens": ["a"], "ner_tags": [-100]}, "'a' has the tag -100, which marks tokens without a tag"),
        ({"tokens": ["a"], "ner_tags": [9]}, "the tag is 9, but there are names for 0 to 3"),
        ({"tokens": ["a"], "ner_tags": [None]}, "'a' has no tag: null"),
        ({"tokens": [5], "ner_tags": [0]}, "a token is not text: 5"),
        ({"tokens": None, "ner_tags": [0]}, "tokens is not a list: null"),
        ({"tokens": ["a", ""], "ner_tags": [0, 1]}, "a blank token has the tag B-PER"),
    ],
)
def test_rows_that_do_not_fit_are_rejected_with_the_reason(fields: Mapping[str, Any], message: str) -> None:
    good = rows(tokens=TOKENS * 600, ner_tags=NUMBERS * 600)
    corpus = read_task_corpus(
        [*good, SourceRow(9_999, fields)], "token-classification", source_name="x", label_names=LabelNames(given=NAMES)
    )
    assert [(reject.line, reject.message) for reject in corpus.rejects] == [(9_999, message)]


def test_blank_tokens_without_an_entity_are_left_out() -> None:
    assert read(tokens=[["Anna", "", "in", "Oslo"]], tags=[["B-PER", "O", "O", "B-LOC"]]).texts == ["Anna in Oslo"]


@pytest.mark.parametrize(
    "fields",
    [
        {"sentences": ["It is cold.", "We go home."], "labels": ["background", "result"]},
        {"text": "a text", "labels": ["a", "b"]},
        {"keywords": ["a", "b"], "labels": ["x", "y"]},
        {"tokens": [{"text": "a"}], "label": "x"},
    ],
)
def test_other_lists_are_no_tokens(fields: Mapping[str, Any]) -> None:
    assert find_token_columns([fields, fields]) is None
