from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from glossator.service.documents.column_names import CONTEXT_COLUMN, PAIR_COLUMNS, QUESTION_COLUMN, TEXT_COLUMNS
from glossator.service.documents.text_evidence import is_missing
from glossator.service.errors import UnknownColumn
from glossator.service.labelling.column_plan import plan_columns
from glossator.training.corpus.corpus import CorpusColumns
from glossator.training.corpus.reading.column_detection import (
    ColumnRoles,
    check_columns,
    choose_columns,
    choose_problem_type,
)
from glossator.training.corpus.reading.task_detection import detect_task
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus


def choose(table: Mapping[str, Sequence[object]], **given: str) -> CorpusColumns:
    rows = zip(*table.values(), strict=True)
    head = [SourceRow(line, dict(zip(table, cells, strict=True))) for line, cells in enumerate(rows, start=2)]
    return choose_columns(list(table), head, **given).columns


SENTENCES = ["where is my card", "it never came to me", "what is the fee", "why was I charged twice"]
CLASSES = ["card", "card", "fee", "fee"]


@pytest.mark.parametrize(
    ("names", "text", "label"),
    [
        (["text", "category"], "text", "category"),
        (["id", "text", "labels"], "text", "labels"),
        (["Category", "Utterance"], "Utterance", "Category"),
        (["INTENT", "SENTENCE"], "SENTENCE", "INTENT"),
        (["Consumer complaint narrative", "complaint_category"], "Consumer complaint narrative", "complaint_category"),
        (["label_text", "label", "sentence"], "sentence", "label"),
        (["text", "text_2", "label"], "text", "label"),
        (["messageBody", "topicName"], "messageBody", "topicName"),
    ],
)
def test_choose_columns_by_name(names: list[str], text: str, label: str) -> None:
    table = {name: CLASSES if name == label else SENTENCES for name in names}
    columns = choose(table)
    assert (columns.text, columns.label) == (text, label)
    assert columns.existing == tuple(names)
    assert columns.text_why.startswith(("it is named", "its name contains the word"))


def test_choose_columns_by_values_if_names_are_unknown() -> None:
    columns = choose({"column_1": CLASSES, "column_2": SENTENCES})
    assert (columns.text, columns.label) == ("column_2", "column_1")
    assert "only this one looks like one" in columns.text_why
    assert "only this one looks like one" in columns.label_why


def test_choose_columns_takes_given_columns_even_if_the_head_lacks_them() -> None:
    table = {"text": SENTENCES, "label": CLASSES, "other": SENTENCES}
    columns = choose(table, text_column="other", label_column="rare")
    assert (columns.text, columns.label) == ("other", "rare")
    assert columns.text_why == columns.label_why == "as given"


def test_choose_columns_never_takes_one_column_twice() -> None:
    with pytest.raises(UnknownColumn, match="no-text-column"):
        choose({"text": SENTENCES, "x": [1, 2, 3, 4]}, label_column="text")
    assert choose({"label": SENTENCES, "intent": CLASSES}, text_column="label").label == "intent"


def test_choose_columns_ignores_a_mostly_empty_column_with_a_label_name() -> None:
    columns = choose({"text": SENTENCES, "Tags": [None, "", "old", float("nan")], "product": CLASSES})
    assert columns.label == "product"


def test_choose_columns_does_not_guess_between_equal_candidates() -> None:
    with pytest.raises(UnknownColumn) as caught:
        choose({"sentence_a": SENTENCES, "sentence_b": SENTENCES, "entailment": CLASSES, "side": CLASSES})
    faults = {fault.name: fault.message for fault in caught.value.faults}
    assert "'sentence_a' (for example where is my card," in faults["no-text-column"]
    assert "'entailment' (for example card, fee), 'side' (for example card, fee)" in faults["no-label-column"]
    assert "--text-column" in (caught.value.hint or "")


def test_check_columns_reports_both_with_the_most_similar_names() -> None:
    columns = CorpusColumns("txt", "Labels", (), "as given", "as given")
    with pytest.raises(UnknownColumn) as caught:
        check_columns(columns, ["id", "text", "label"])
    assert [fault.message for fault in caught.value.faults] == [
        "no text column 'txt'; did you mean 'text'?",
        "no label column 'Labels'; did you mean 'label'?",
    ]
    assert "'id', 'text', 'label'" in str(caught.value)


def test_check_columns_accepts_existing_columns() -> None:
    check_columns(CorpusColumns("text", "label", (), "", ""), ["label", "text"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b"], "single_label_classification"),
        (["a, b", "c;d"], "single_label_classification"),
        ([str(i) for i in range(500)], "single_label_classification"),
        ([["a"], ["b"]], "multi_label_classification"),
        ([[], ["b"]], "multi_label_classification"),
        (['["a"]', "[]"], "multi_label_classification"),
        (["[sic]", "[1"], "single_label_classification"),
        (['["a"]', "b", "c"], "single_label_classification"),
        ([], "single_label_classification"),
    ],
)
def test_choose_problem_type_depends_on_the_form_of_labels_not_on_their_number(
    values: list[object], expected: str
) -> None:
    assert choose_problem_type(values)[0] == expected


def test_choose_problem_type_follows_the_given_type_or_separator() -> None:
    assert choose_problem_type([["a"]], given="single_label_classification")[0] == "single_label_classification"
    assert choose_problem_type(["a"], label_separator=";") == (
        "multi_label_classification",
        "the label separator is ';'",
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), (float("nan"), True), (" ", True), ("nan", False), (0, False), ([], False)]
)
def test_is_missing(value: object, expected: bool) -> None:
    assert is_missing(value) is expected


@pytest.mark.parametrize("name", TEXT_COLUMNS)
def test_training_and_labelling_detect_the_same_text_column(name: str) -> None:
    table: dict[str, Sequence[object]] = {"id": [1, 2, 3, 4], name: SENTENCES, "label": CLASSES}
    assert choose(table).text == name
    assert plan_columns(list(table), prefix="predicted_").text == name


@pytest.mark.parametrize(("first", "second"), PAIR_COLUMNS)
def test_training_and_labelling_detect_the_same_pair_of_columns(first: str, second: str) -> None:
    names = ["id", first, second, "label"]
    head = [SourceRow(line, dict(zip(names, (line, "a", "b", "x"), strict=True))) for line in range(1, 5)]
    assert detect_task(head, ColumnRoles())[0] == "text-pair"
    corpus = read_task_corpus(head, "text-pair", source_name="pairs", problem_type="single_label_classification")
    assert (corpus.columns.text, corpus.columns.second) == (first, second)
    plan = plan_columns(names, pairs=True, prefix="predicted_")
    assert (plan.text, plan.second) == (first, second)


def test_training_and_labelling_detect_the_same_question_columns() -> None:
    fields = {"id": 1, QUESTION_COLUMN: "Who?", CONTEXT_COLUMN: "Ann", "answers": [{"start": 0, "text": "Ann"}]}
    corpus = read_task_corpus([SourceRow(1, fields)], "question-answering", source_name="questions")
    assert (corpus.columns.text, corpus.columns.second) == (QUESTION_COLUMN, CONTEXT_COLUMN)
    plan = plan_columns(list(fields), pairs=True)
    assert (plan.text, plan.second) == (QUESTION_COLUMN, CONTEXT_COLUMN)


LONG = [f"the parcel number {number} has not come yet" for number in range(12)]


def decisions(table: Mapping[str, Sequence[object]], **given: str) -> list[str]:
    rows = zip(*table.values(), strict=True)
    head = [SourceRow(line, dict(zip(table, cells, strict=True))) for line, cells in enumerate(rows, start=2)]
    return [decision.message for decision in choose_columns(list(table), head, **given).decisions]


@pytest.mark.parametrize(
    "values",
    [
        ["the same"] * 12,
        [f"Sentence: {number}" for number in range(12)],
        [f"2024-01-{number:02} 10:00" for number in range(1, 13)],
        [f"https://example.org/{number}" for number in range(12)],
        [str(number) for number in range(12)],
        [f"T-10{number}" for number in range(12)],
    ],
)
def test_a_column_that_holds_no_texts_is_not_the_text_whatever_its_name(values: list[str]) -> None:
    table = {"text": values, "remark": LONG, "label": ["a", "b"] * 6}
    assert choose(table).text == "remark"
    (message,) = decisions(table)
    assert message.startswith("text column: remark (guessed)")
    assert "runner-up: text, but it " in message
    assert message.endswith("change with --text-column")


def test_a_constant_text_column_is_taken_if_there_is_no_other() -> None:
    columns = choose({"text": ["the same"] * 12, "label": ["a", "b"] * 6})
    assert columns.text == "text"
    assert columns.text_why == "it is named 'text', though it has the same value in every row"


def test_the_runner_up_is_named_with_an_example() -> None:
    table = {"text": LONG, "label": ["a", "b"] * 6, "category": ["late", "damaged"] * 6}
    assert decisions(table) == [
        "label column: label (it is named 'label'); runner-up: category, for example late; change with --label-column"
    ]


def test_columns_may_be_given_by_number() -> None:
    columns = choose({"x": LONG, "y": LONG, "z": ["a", "b"] * 6}, text_column="2", label_column="3")
    assert (columns.text, columns.label) == ("y", "z")
    assert choose({"7": LONG, "z": ["a", "b"] * 6}, text_column="7", label_column="z").text == "7"


def test_texts_without_spaces_between_words_are_texts() -> None:
    chinese = ["这个包裹还没有到我很生气", "帐篷的杆子坏了需要更换", "请告诉我包裹在哪里谢谢", "我想退货并且拿回我的钱"]
    assert choose({"a": chinese, "b": CLASSES}).text == "a"
