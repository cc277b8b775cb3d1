"""What a row of feedback means for a logged answer, and which rows are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.task import QuestionAnswering, Task, TextClassification, TokenClassification
from glossator.service.errors import InvalidFeedback, UndecodableText, UnknownAnswer
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.reviews.feedback import Feedback
from glossator.service.reviews.feedback_gold import check_gold, check_spans
from glossator.service.reviews.feedback_rows import FeedbackRow, Giver, read_feedback
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.offsets import OffsetUnit, offset_converter

TEXT = "the parcel from Köln 🙂"
CLASSES = ("refund", "delivery")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Task]:
    root = tmp_path_factory.mktemp("tasks")
    single = read_manifest(vote_bundle(root / "a", "single_label_classification")).task
    multi = read_manifest(vote_bundle(root / "b", "multi_label_classification")).task
    common: dict[str, Any] = {"encoding": single.encoding, "provenance": single.provenance}
    return {
        "single": single,
        "multi": multi,
        "entities": TokenClassification(labels=["O", "B-CITY", "I-CITY"], **common),
        "answers": QuestionAnswering(**common),
        "score": TextClassification(problem_type="regression", labels=["score"], **common),
    }


def record(**more: Any) -> dict[str, Any]:
    return {
        "time": "2026-01-01T00:00:00.000000Z", "request": "r1", "place": 0, "model": "tickets", "digest": "d" * 64,
        "sha256": hash_text(TEXT), "route": "/v1/models/{name}/predict", "labels": ["refund"], **more,
    }  # fmt: skip


def read(row: dict[str, Any], logged: dict[str, Any] | None, task: Task | None = None, **giver: Any) -> Feedback:
    return read_feedback(FeedbackRow(**row), logged, task, Giver(**giver), job_route="/v1/jobs")


@pytest.mark.parametrize(
    ("said", "correct"),
    [
        ({"correct": True}, True),
        ({"correct": False}, False),
        ({"labels": ["refund"]}, True),
        ({"labels": ["delivery"]}, False),
        ({"labels": ["delivery"], "correct": False}, False),
        ({"comment": "unclear"}, None),
    ],
)
def test_the_right_answer_says_whether_the_given_one_is_right(
    tasks: dict[str, Task], said: dict[str, Any], correct: bool | None
) -> None:
    found = read({"request": "r1", **said}, record(), tasks["single"])
    assert (found.correct, found.model, found.digest, found.request, found.place) == (
        correct,
        "tickets",
        "d" * 64,
        "r1",
        0,
    )
    assert found.gold == ({"labels": said["labels"]} if "labels" in said else None)
    assert found.served == {"labels": ["refund"]}
    assert read({"request": "r1", **said}, record(), tasks["single"]).id == found.id


def test_entities_spans_and_no_answer_are_compared_as_a_whole(tasks: dict[str, Task]) -> None:
    entities = [{"start": 16, "end": 20, "label": "CITY"}]
    logged = record(entities=[{**entities[0], "score": 0.9}], labels=["CITY"], offset_unit="codepoint")
    assert read({"request": "r1", "entities": entities}, logged, tasks["entities"]).correct is True
    assert read({"request": "r1", "entities": []}, logged, tasks["entities"]).correct is False
    span = record(span={"start": 4, "end": 10, "score": 0.5}, offset_unit="utf16")
    del span["labels"]
    found = read({"request": "r1", "span": {"start": 4, "end": 10}}, span, tasks["answers"])
    assert (found.correct, found.offset_unit, found.served) == (True, "utf16", {"span": {"start": 4, "end": 10}})
    with pytest.raises(InvalidFeedback, match="the answer has no labels"):
        read({"request": "r1", "labels": ["CITY"]}, logged)
    none = read({"request": "r1", "no_answer": True}, span, tasks["answers"])
    assert (none.correct, none.gold) == (False, {"span": None})
    assert read({"request": "r1", "no_answer": True}, span | {"span": None}, tasks["answers"]).correct is True


@pytest.mark.parametrize(
    ("row", "task", "message"),
    [
        ({"labels": ["refnd"]}, "single", "the model has no such label"),
        ({"labels": []}, "single", "exactly one right label"),
        ({"labels": ["refund", "delivery"]}, "single", "exactly one right label"),
        ({"labels": ["refund", "refund"]}, "multi", "a label is given twice"),
        ({"entities": []}, "single", "this model does not give entities"),
        ({"labels": ["refund"]}, "entities", "this model does not give labels"),
        ({"labels": ["refund"]}, "score", "this model does not give labels"),
        ({"entities": [{"start": 0, "end": 1, "label": "B-CITY"}]}, "entities", "the model has no such label"),
        ({"labels": ["refund"], "correct": False}, "single", "the same as the one that was given"),
        ({"labels": ["delivery"], "correct": True}, "single", "another than the one that was given"),
    ],
)
def test_answers_that_the_model_cannot_give_are_refused(
    tasks: dict[str, Task], row: dict[str, Any], task: str, message: str
) -> None:
    with pytest.raises(InvalidFeedback, match=message) as refused:
        read({"request": "r1", **row}, record(), tasks[task])
    if "no such label" in message:
        assert (refused.value.expected or "").startswith("one of: ")


def test_scores_and_vectors_cannot_be_right_or_wrong(tasks: dict[str, Task]) -> None:
    logged = record(score=0.3)
    del logged["labels"]
    with pytest.raises(InvalidFeedback, match="cannot be right or wrong"):
        read({"request": "r1", "correct": True}, logged)
    assert read({"request": "r1", "comment": "too low"}, logged).correct is None


def test_unknown_answers_and_answers_of_jobs_are_refused(tasks: dict[str, Task]) -> None:
    with pytest.raises(UnknownAnswer):
        read({"request": "r1", "labels": ["refund"]}, None)
    with pytest.raises(UnknownAnswer):
        read({"model": "tickets", "text": TEXT, "correct": False}, None)
    unlogged = read({"model": "tickets@champion", "text": TEXT, "labels": ["refund"]}, None, tasks["single"])
    assert (unlogged.model, unlogged.digest, unlogged.request, unlogged.place) == ("tickets", None, None, None)
    assert (unlogged.sha256, unlogged.text, unlogged.correct) == (hash_text(TEXT), TEXT, None)
    of_job = record(route="/v1/jobs")
    with pytest.raises(InvalidFeedback, match="the answers of a job are found by their text"):
        read({"request": "r1", "correct": True}, of_job)
    assert read({"request": "r1", "text": TEXT, "correct": True}, of_job).correct is True


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"request": "r1"},
        {"correct": True},
        {"text": TEXT, "correct": True},
        {"model": "tickets", "correct": True},
        {"model": "tickets", "text": TEXT, "place": 1, "correct": True},
        {"request": "r1", "text_pair": "b", "correct": True},
        {"request": "r1", "labels": ["a"], "no_answer": True},
        {"request": "r1", "labels": ["a"], "span": {"start": 0, "end": 1}},
        {"request": "r1", "comment": "x" * 2_001},
        {"request": "r1", "comment": ""},
        {"request": "r1", "comment": "a\ud800"},
        {"request": "r1", "correct": True, "reviewer": "a\x1b[31m"},
        {"request": "r1", "correct": True, "place": -1},
        {"request": "r1", "correct": "yes"},
        {"request": "r1", "correct": True, "unknown": 1},
        {"request": "r1", "labels": ["a"] * 1_001},
        {"request": "r1", "entities": [{"start": 0, "end": 2**60, "label": "a"}]},
    ],
)
def test_rows_that_say_nothing_too_much_or_two_things_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FeedbackRow(**row)


def test_texts_with_lone_surrogates_are_refused() -> None:
    with pytest.raises(UndecodableText):
        read({"request": "r1", "correct": True, "text": "a\ud800"}, record())


def test_texts_are_kept_as_the_log_keeps_them() -> None:
    row = {"model": "tickets", "text": "mail a@b.example", "correct": True, "comment": "see c@d.example"}
    hidden = read(row, record(), texts=False)
    assert (hidden.text, hidden.comment) == (None, "see c@d.example")
    masked = read(row, record(), redact=True)
    assert (masked.text, masked.comment) == ("mail ***********", "see ***********")
    logged = read({"request": "r1", "correct": True}, record(text="q", second="c"))
    assert (logged.text, logged.second) == ("q", "c")
    assert read({"request": "r1", "correct": True}, record(text="q"), texts=False).text is None


def test_the_texts_of_a_pair_have_the_hash_of_the_log() -> None:
    row = FeedbackRow(model="m", text="question", text_pair="context", correct=True)
    assert row.wanted("key:me").sha256 == hash_text(Pair("question", "context"))
    assert row.wanted("key:me").place is None
    assert FeedbackRow(request="r1", correct=True).wanted(None).place == 0


UNITS: list[OffsetUnit] = ["codepoint", "utf16", "utf8"]


@given(st.text(max_size=12), st.sampled_from(UNITS), st.integers(0, 40), st.integers(0, 40))
def test_spans_are_accepted_if_and_only_if_they_are_between_characters(
    text: str, unit: OffsetUnit, start: int, end: int
) -> None:
    convert = offset_converter(text, unit)
    allowed = {convert(position) for position in range(len(text) + 1)}
    gold = {"span": {"start": start, "end": end}}
    if start < end and {start, end} <= allowed:
        check_spans(gold, text, unit)
    else:
        with pytest.raises(InvalidFeedback):
            check_spans(gold, text, unit)


def test_all_faults_of_spans_are_listed() -> None:
    entities = [
        {"start": 2, "end": 2, "label": "A"},
        {"start": 0, "end": 99, "label": "A"},
        {"start": 0, "end": 3, "label": "A"},
        {"start": 2, "end": 4, "label": "A"},
    ]
    with pytest.raises(InvalidFeedback) as refused:
        check_spans({"entities": entities}, "hello", "codepoint")
    assert {(fault.name, fault.where) for fault in refused.value.faults} == {
        ("empty-span", "entities[0]"),
        ("out-of-bounds", "entities[1]"),
        ("overlap", "entities[3]"),
    }
    check_spans({"entities": entities[2:3]}, None, "codepoint")


def test_masked_texts_bound_only_offsets_in_code_points(tasks: dict[str, Task]) -> None:
    masked = record(text="*" * len(TEXT), entities=[], labels=[], offset_unit="utf8")
    row = {"request": "r1", "entities": [{"start": 16, "end": 26, "label": "CITY"}]}
    assert read(row, masked, tasks["entities"]).correct is False
    with pytest.raises(InvalidFeedback, match="spans do not fit the text"):
        read(row, masked | {"offset_unit": "codepoint"}, tasks["entities"])


def test_multi_label_models_may_have_no_right_label(tasks: dict[str, Task]) -> None:
    check_gold({"labels": []}, tasks["multi"])
    check_gold({"labels": list(CLASSES)}, tasks["multi"])
