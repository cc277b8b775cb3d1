"""What the Playground makes of answers: bars with thresholds, marked spans, differences, examples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from glossator.service.api.problems import InvalidRequest
from glossator.service.api.web.playground.answer_view import SHOWN_BARS, AnswerView, view_answer, view_vectors
from glossator.service.api.web.playground.differences import compare_views
from glossator.service.api.web.playground.examples import find_example, list_examples
from glossator.service.api.web.playground.modes import abilities_of
from glossator.service.api.web.playground.questions import MOST_VECTORS, Question, read_question, texts_of
from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.task import Classifier, QuestionAnswering, TextEmbedding, TextPair
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.text_classification import label_by_probability
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity


def as_answer(prediction: object) -> Answer:
    return Answer(prediction, tokens=3, windows=1, truncated=False)  # type: ignore[arg-type]


def entities(text: str, *spans: tuple[int, int, str], task: object) -> AnswerView:
    found = tuple(Entity(start, end, text[start:end], label, 0.9) for start, end, label in spans)
    return view_answer(text, as_answer(Entities(found)), task)  # type: ignore[arg-type]


def test_assigned_labels_are_always_shown(served_models: dict[str, Model]) -> None:
    labels = [f"label {number}" for number in range(30)]
    task = served_models["tags"].task
    assert isinstance(task, Classifier)
    task = task.model_copy(
        update={"labels": labels, "calibration": task.calibration.model_copy(update={"thresholds": [0.5] * 30})}
    )
    few = label_by_probability(labels, np.linspace(0.9, 0.1, 30), threshold=0.85)
    many = label_by_probability(labels, np.linspace(0.9, 0.1, 30), threshold=0.5)
    assert view_answer("text", as_answer(few), task).shown == SHOWN_BARS
    view = view_answer("text", as_answer(many), task)
    assert (view.shown, len(view.bars)) == (15, 30)
    assert {bar.threshold for bar in view.bars} == {0.5}


def test_pieces_of_entities_make_up_the_text_in_code_points(served_models: dict[str, Model]) -> None:
    text = "👍🏽 Zoë lives in 東京"
    view = entities(text, (3, 6, "PER"), (16, 18, "LOC"), task=served_models["intents"].task)
    assert "".join(piece.text for piece in view.pieces) == text
    assert [(piece.text, piece.span) for piece in view.pieces if piece.label] == [
        ("Zoë", (3, 6, "PER")),
        ("東京", (16, 18, "LOC")),
    ]
    assert [(entry.label, entry.count) for entry in view.legend] == [("LOC", 1), ("PER", 1)]


def test_spans_that_only_one_model_finds_are_marked(served_models: dict[str, Model]) -> None:
    text, task = "ab cd ef", served_models["intents"].task
    first = entities(text, (0, 2, "A"), (3, 5, "A"), task=task)
    second = entities(text, (0, 2, "A"), (3, 5, "B"), task=task)
    found = compare_views(first, second)
    assert found is not None
    assert (found.verdict, found.detail) == ("Different entities", "1 added, 1 removed, 1 the same")
    assert found.only_first == frozenset({(3, 5, "A")})
    assert found.only_second == frozenset({(3, 5, "B")})
    same = compare_views(first, first)
    assert same is not None
    assert same.is_same


def test_changed_labels_are_named_with_their_deltas(served_models: dict[str, Model]) -> None:
    task = served_models["intents"].task
    assert isinstance(task, Classifier)
    views = [
        view_answer("text", as_answer(label_by_probability(task.labels[:2], np.array(values))), task)
        for values in ([0.7, 0.3], [0.4, 0.6])
    ]
    found = compare_views(*views)
    assert found is not None
    assert (found.is_same, found.detail) == (False, "refund → delivery")
    assert found.deltas == pytest.approx({"refund": -0.3, "delivery": 0.3})
    assert (found.removed, found.added) == (frozenset({"refund"}), frozenset({"delivery"}))
    assert compare_views(views[0], AnswerView("score", score=1.0)) is None


def test_vectors_are_compared_by_their_similarities() -> None:
    one, other = Embedding(np.array([1.0, 0.0], np.float32)), Embedding(np.array([0.6, 0.8], np.float32))
    first = view_vectors(["a", "b"], [one, other])
    assert [[round(cell.value, 3) for cell in row] for row in first.matrix] == [[1.0, 0.6], [0.6, 1.0]]
    assert [cell.style for cell in first.matrix[0]] == ["shade-8", "shade-5"]
    second = view_vectors(["a", "b"], [one, one])
    found = compare_views(first, second)
    assert found is not None
    assert found.detail == "by at most 0.400"
    assert view_vectors(["a"], [one]).note == "2 numbers: 1.0000, 0.0000"


def test_a_question_without_an_answer_says_so(served_models: dict[str, Model]) -> None:
    text = Pair("where?", "in the box")
    task = served_models["intents"].task
    span = Span(7, 10, "box", 0.8)
    found = view_answer(text, as_answer(Extraction(span, (span,), 0.1, -1.0)), task)
    assert [piece.text for piece in found.pieces] == ["in the ", "box"]
    none = view_answer(text, as_answer(Extraction(None, (span,), 0.9, 1.0)), task)
    assert (none.pieces[0].text, none.note) == ("in the box", "The text contains no answer (probability 90.0%).")


def test_examples_are_real_rows_with_short_titles(served_models: dict[str, Model]) -> None:
    task = served_models["intents"].task
    rows = [
        GoldenRow(name="one-token", text="a", logits=(1.0,)),
        GoldenRow(name="emoji", text="👍 yes", logits=(1.0,)),
        GoldenRow(name="empty", text="", error="empty-text"),
        GoldenRow(name="validation-1", text="long " * 20_000, logits=(1.0,)),
        GoldenRow(name="validation-2", text="short\n text", logits=(1.0,)),
    ]
    found = list_examples(rows, task)
    assert [each.name for each in found] == ["validation-1", "validation-2", "emoji"]
    assert [len(each.title) for each in found] == [48, 10, 5]
    assert find_example(rows, task, "empty") is not None
    assert find_example(rows, task, "none") is None


def test_kinds_of_questions_follow_from_the_task(served_models: dict[str, Model]) -> None:
    task = served_models["intents"].task
    assert isinstance(task, Classifier)
    common: dict[str, Any] = {"encoding": task.encoding, "provenance": task.provenance}
    entailment = TextPair(problem_type="single_label_classification", labels=["entailment", "contradiction"], **common)
    same = TextPair(problem_type="single_label_classification", labels=["same", "different"], **common)
    vectors = TextEmbedding(dimension=3, **common)
    assert abilities_of(task).modes == ("predict",)
    assert abilities_of(entailment).modes == ("predict", "zero-shot", "rerank")
    assert abilities_of(same).modes == ("predict",)
    assert abilities_of(vectors).modes == ("predict", "zero-shot", "rerank")
    assert (abilities_of(task).explains, abilities_of(vectors).explains) == (True, False)
    assert not abilities_of(task).label_sets
    calibrated = task.model_copy(update={"calibration": task.calibration.model_copy(update={"nonconformity": [0.1]})})
    assert abilities_of(calibrated).label_sets


def test_texts_are_put_in_the_order_of_the_task(served_models: dict[str, Model]) -> None:
    task = served_models["intents"].task
    common: dict[str, Any] = {"encoding": task.encoding, "provenance": task.provenance}
    question = Question(("m",), "main\nsecond line", "other")
    assert texts_of(task, question) == ["main\nsecond line"]
    assert texts_of(QuestionAnswering(**common), question) == [Pair("other", "main\nsecond line")]
    assert texts_of(TextEmbedding(dimension=3, **common), question) == ["main", "second line"]
    with pytest.raises(InvalidRequest):
        texts_of(TextEmbedding(dimension=3, **common), replace(question, text="a\n" * (MOST_VECTORS + 1)))


def test_the_same_model_twice_is_asked_once() -> None:
    assert read_question({"model": "a", "other": "a", "text": "b"}).models == ("a",)
