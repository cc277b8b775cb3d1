from __future__ import annotations

from typing import Any

import pytest

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.bundle.task import TaskName
from glossator.service.errors import UnknownColumn
from glossator.training.corpus.corpus import Corpus, UnusableCorpus
from glossator.training.corpus.reading.column_detection import ColumnRoles
from glossator.training.corpus.reading.labels.label_forms import LabelNames
from glossator.training.corpus.reading.task_detection import detect_task
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus


def rows(*fields: dict[str, Any]) -> list[SourceRow]:
    return [SourceRow(line, each) for line, each in enumerate(fields, start=1)]


def read_rows(task: TaskName, *fields: dict[str, Any], **options: Any) -> Corpus:
    corpus = read_task_corpus(rows(*fields), task, source_name="made", **options)
    assert corpus.rows_in == len(corpus) + len(corpus.rejects) + len(corpus.dropped)
    return corpus


ENTITY = {"text": "Anna in York", "spans": [{"start": 8, "end": 12, "label": "LOC"}]}
QUESTION = {"question": "Where?", "context": "Anna in York", "answers": [{"start": 8, "text": "York"}]}
PAIR = {"premise": "it rains", "hypothesis": "it is wet", "label": "yes"}


@pytest.mark.parametrize(
    ("fields", "roles", "task"),
    [
        (ENTITY, ColumnRoles(), "token-classification"),
        ({"tokens": ["a"], "ner_tags": ["O"]}, ColumnRoles(), "token-classification"),
        (QUESTION, ColumnRoles(), "question-answering"),
        (PAIR, ColumnRoles(), "text-pair"),
        ({"a": "x", "b": "y", "label": "z"}, ColumnRoles(second="b"), "text-pair"),
        ({"text": "x", "label": "z"}, ColumnRoles(), "text-classification"),
        ({"text": "x", "tags": ["z"]}, ColumnRoles(), "text-classification"),
        ({"text": "Anna left", "tags": "B-PER O"}, ColumnRoles(), "token-classification"),
        ({"text": "Anna left", "annotation": "B-PER O"}, ColumnRoles(), "token-classification"),
        ({"text": "Anna left", "slots": "B-PER O", "intent": "go"}, ColumnRoles(), "text-classification"),
        ({"text": "Anna left", "slots": "B-PER O", "intent": "go"}, ColumnRoles(label="slots"), "token-classification"),
        ({"text": "Anna", "label": "O"}, ColumnRoles(), "text-classification"),
        ({"text": "Anna left", "label": "O negative"}, ColumnRoles(), "text-classification"),
    ],
)
def test_the_task_is_detected_from_the_columns(fields: dict[str, Any], roles: ColumnRoles, task: str) -> None:
    found, why = detect_task(rows(fields, fields), roles)
    assert found == task
    assert why


def test_entities_from_spans_tokens_and_tags_of_words() -> None:
    corpus = read_rows("token-classification", ENTITY, {"text": "none here", "spans": []})
    assert corpus.spans == [(GoldSpan(8, 12, "LOC"),), ()]
    assert (corpus.labels, corpus.label_names) == ([("LOC",), ()], ["LOC"])
    corpus = read_rows("token-classification", {"tokens": ["Anna", "in", "York"], "ner_tags": ["O", "O", "B-LOC"]})
    assert (corpus.texts, corpus.spans) == (["Anna in York"], [(GoldSpan(8, 12, "LOC"),)])
    corpus = read_rows("token-classification", {"text": "Anna  in York", "slots": "O O B-LOC"})
    assert corpus.spans == [(GoldSpan(9, 13, "LOC"),)]
    corpus = read_rows("token-classification", {"text": "Anna in York", "kind": "B-PER O B-LOC", "label": "trip"})
    assert corpus.spans == [(GoldSpan(0, 4, "PER"), GoldSpan(8, 12, "LOC"))]


def test_bad_rows_of_entities_become_rejects() -> None:
    corpus = read_rows(
        "token-classification",
        ENTITY,
        {"text": "short", "spans": [{"start": 0, "end": 99, "label": "LOC"}]},
        {"text": "", "spans": []},
        {"text": "known", "spans": [{"start": 0, "end": 5, "label": "NEW"}]},
        known_labels=["LOC"],
    )
    reasons = [reject.reason for reject in corpus.rejects]
    assert reasons == ["span-outside-text", "empty-text", "unknown-label"]
    corpus = read_rows("token-classification", ENTITY, {"text": "a b", "spans": "O"}, roles=ColumnRoles(label="spans"))
    assert [reject.reason for reject in corpus.rejects] == ["tag-count"]


def test_questions_with_several_answers_one_or_none() -> None:
    twice = QUESTION | {"answers": [{"start": 8, "text": "York"}, {"answer_start": 8, "text": "York"}]}
    columns = QUESTION | {"question": "Who?", "answers": {"text": ["Anna"], "answer_start": [0]}}
    corpus = read_rows("question-answering", twice, columns, QUESTION | {"question": "Why?", "answers": []})
    assert corpus.spans == [(GoldSpan(8, 12, "answer"),), (GoldSpan(0, 4, "answer"),), ()]
    assert corpus.seconds == ["Anna in York"] * 3
    assert corpus.labels == [("answer",), ("answer",), ()]


@pytest.mark.parametrize(
    ("answers", "reason", "message"),
    [
        ([{"start": 3, "text": "York"}], "answer-not-there", "has 'a in' at 3"),
        ([{"start": 9, "text": "York"}], "answer-not-there", "bytes of UTF-8"),
        ([{"text": "York"}], "answer-unreadable", "a start and a text"),
        (["York"], "answer-unreadable", "not an answer"),
        (7, "answers-not-a-list", "a number"),
        ({"text": ["York", "Anna"], "answer_start": [8]}, "answer-unreadable", "as many starts as texts"),
        ({"text": ["York"], "answer_start": 8}, "answer-unreadable", "as many starts as texts"),
        ({"text": "York", "answer_start": 9}, "answer-not-there", "bytes of UTF-8"),
    ],
)
def test_wrong_answers_become_rejects(answers: object, reason: str, message: str) -> None:
    row = {"question": "Where?", "context": "Änna in York" if message == "bytes of UTF-8" else "Anna in York"}
    with pytest.raises(UnusableCorpus) as caught:
        read_rows("question-answering", row | {"answers": answers})
    (reject,) = caught.value.corpus.rejects
    assert reject.reason == reason
    assert message in reject.message


def test_pairs_with_classes_or_scores() -> None:
    corpus = read_rows("text-pair", PAIR, PAIR | {"label": "no", "hypothesis": "it is dry"})
    assert (corpus.problem_type, corpus.label_names) == ("single_label_classification", ["no", "yes"])
    assert corpus.seconds == ["it is wet", "it is dry"]
    corpus = read_rows("text-pair", *({"query": f"q{n}", "document": f"d{n}", "score": n / 2} for n in range(5)))
    assert corpus.problem_type == "regression"
    assert corpus.scores == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_bad_pairs_become_rejects() -> None:
    corpus = read_rows(
        "text-pair",
        PAIR,
        PAIR | {"hypothesis": "  "},
        PAIR | {"premise": None},
        PAIR | {"label": None},
        problem_type="single_label_classification",
    )
    assert [reject.reason for reject in corpus.rejects] == ["empty-text", "missing-text", "missing-label"]
    assert corpus.rejects[0].message.startswith("hypothesis: ")


def test_repeated_pairs_are_dropped_but_not_pairs_that_share_one_text() -> None:
    corpus = read_rows("text-pair", PAIR, PAIR, PAIR | {"hypothesis": "it is dry", "label": "no"})
    assert (len(corpus), len(corpus.dropped)) == (2, 1)
    assert len(set(corpus.input_keys())) == 2
    other = read_rows("text-pair", PAIR, PAIR | {"hypothesis": "it is hot", "label": "no"})
    assert corpus.fingerprint() != other.fingerprint()
    assert corpus.subset([1]).seconds == ["it is dry"]


def test_unknown_columns_are_reported() -> None:
    for task in ("token-classification", "text-pair", "question-answering"):
        with pytest.raises(UnknownColumn):
            read_rows(task, {"a": "x", "b": "y"})  # type: ignore[arg-type]


def test_a_corpus_without_an_entity_cannot_be_trained_on() -> None:
    with pytest.raises(UnusableCorpus, match="no-entities"):
        read_rows("token-classification", {"text": "a", "spans": []}, roles=ColumnRoles(label="spans"))


def test_spans_with_white_space_at_their_edges_are_reported_and_trimmed() -> None:
    corpus = read_rows(
        "token-classification",
        {"text": "Ann is in Rome", "spans": [{"start": 0, "end": 4, "label": "PER"}]},
        {"text": "Bob is in Oslo", "spans": [{"start": 0, "end": 3, "label": "PER"}]},
    )
    assert corpus.spans == [(GoldSpan(0, 3, "PER"),), (GoldSpan(0, 3, "PER"),)]
    finding = next(each for each in corpus.findings if each.name == "spans-with-space")
    assert (finding.count, finding.lines, finding.examples) == (1, (1,), ("line 1: 'Ann '",))


def test_numbers_of_pairs_become_names() -> None:
    pairs = [PAIR | {"premise": f"it rains {number}", "label": number % 3} for number in range(6)]
    names = LabelNames(by_column={"label": ("entailment", "neutral", "contradiction")}, by_column_origin="README.md")
    unlabelled = PAIR | {"label": -1}
    corpus = read_rows("text-pair", *pairs, unlabelled, label_names=names)
    assert corpus.labels[:3] == [("entailment",), ("neutral",), ("contradiction",)]
    assert [reject.message for reject in corpus.rejects] == ["the label is -1, which marks rows without a label"]
