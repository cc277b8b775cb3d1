"""What a model takes as texts, and what its answers are to a notebook and to data frames."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from glossator.service.api.inference.json_answers import json_pieces
from glossator.service.api.inference.serialization import ResultWriter
from glossator.service.errors import ConfigError, InputError, UndecodableText
from glossator.service.inference.answer_forms.answer_html import answer_html
from glossator.service.inference.answers import Answers
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_embedding import Embedding
from glossator.service.tasks.token_classification import Entities, Entity
from tests.support.vote_bundle import vote_bundle

TEXTS = ["money", "parcel", "thanks"]
LABELS = ["refund", "delivery", "praise"]
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(vote_bundle(tmp_path_factory.mktemp("votes") / "votes", "single_label_classification"), threads=1)


def labels(answers: Answers) -> list[str | None]:
    return [answer.label for answer in answers.raise_first_error()]


@pytest.mark.parametrize(
    "kind",
    [
        list,
        tuple,
        iter,
        pd.Series,
        lambda texts: pytest.importorskip("polars").Series(texts),
        np.array,
        lambda texts: np.array(texts, dtype=object),
        pa.chunked_array,
        lambda texts: datasets.Dataset.from_dict({"text": texts})["text"],
        lambda texts: dict.fromkeys(texts).keys(),
    ],
)
def test_many_texts_come_in_many_types(model: Model, kind: Callable[[Any], Any]) -> None:
    texts: Any = [TEXTS] if kind is pa.chunked_array else TEXTS
    assert labels(model(kind(texts))) == LABELS


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, 7, b"money", ["money"]])
def test_an_item_that_is_no_text_has_an_error_that_names_it(model: Model, missing: object) -> None:
    answers = model(["money", missing, "parcel"])
    assert list(answers.errors) == [1]
    assert isinstance(answers[1], UndecodableText)
    assert answers[1].message.startswith("text 1, counted from 0: ")
    assert ("missing" in str(answers[1].found)) == (not isinstance(missing, int | bytes | list))
    with pytest.raises(UndecodableText):
        answers.raise_first_error()


@pytest.mark.parametrize("table", [pd.DataFrame({"text": TEXTS}), pa.table({"text": TEXTS}), {"text": TEXTS}, b"a"])
def test_a_table_is_not_taken_for_texts(model: Model, table: Any) -> None:
    for answer in (model, model.stream):
        with pytest.raises(ConfigError, match=r"this is a table|these are not texts"):
            answer(table)


def test_a_frame_of_answers_joins_the_frame_of_the_texts(model: Model) -> None:
    frame = pd.DataFrame({"text": [*TEXTS, None]}, index=[10, 20, 30, 40])
    joined = frame.join(model(frame["text"]).to_pandas())
    assert joined["label"].tolist()[:3] == LABELS
    assert joined["error"].isna().tolist() == [True, True, True, False]
    assert joined.loc[40, "error"].startswith("undecodable-text: text 3, counted from 0")
    assert list(model([]).to_pandas().columns) == ["label", "score", "error"]
    assert list(model(frame["text"])[1:].to_pandas().index) == [20, 30, 40]


def test_answers_are_a_list(model: Model) -> None:
    answers = model([*TEXTS, ""])
    assert isinstance(answers, list)
    assert answers[:2] == model(TEXTS[:2])
    assert json.loads(json.dumps(answers.to_dict()))[3]["error"]["code"] == "empty-text"
    assert labels(pickle.loads(pickle.dumps(answers[:3]))) == LABELS
    assert repr(answers).splitlines()[0] == "Answers(4 texts, 1 with an error)"
    assert repr(answers).splitlines()[4] == "  3: error empty-text"
    assert "12 more" in repr(model(["money"] * 22))
    assert "2 more" in model(["money"] * 22)._repr_html_()


def test_fields_are_those_of_the_http_api(model: Model) -> None:
    answer = model("money")
    assert answer.to_dict() == json.loads("".join(json_pieces(ResultWriter().result(answer))))
    assert repr(answer) == f"Answer(label='refund', score={answer.score:.4f}, tokens=1)"


def test_a_stream_is_lazy_in_order_and_bounded(model: Model) -> None:
    read = []

    def endless() -> Iterator[object]:
        for number in count():
            read.append(number)
            yield None if number == 5 else TEXTS[number % 3]

    answers = list(islice(model.stream(endless(), batch=4), 10))
    assert [each.code if isinstance(each, InputError) else each.label for each in answers] == [
        *(LABELS + LABELS[:2]), "undecodable-text", *(LABELS + LABELS[:1])
    ]  # fmt: skip
    assert "text 5, counted from 0" in str(answers[5])
    assert len(read) <= 6 * 4
    assert list(model.stream([])) == []
    with pytest.raises(ConfigError, match="a stream needs many texts"):
        model.stream("money")


def test_awaited_answers_do_not_hold_the_event_loop(model: Model) -> None:
    async def run() -> list[Any]:
        return await asyncio.gather(model.apredict("money"), model.apredict(TEXTS), model.apredict([None]))

    one, many, bad = asyncio.run(run())
    assert (one.label, labels(many), len(bad.errors)) == ("refund", LABELS, 1)


def test_pages_of_answers_are_escaped(model: Model) -> None:
    entity = Entity(3, 3 + len(EVIL), EVIL, EVIL, 0.9)
    span = Span(3, 3 + len(EVIL), EVIL, 0.9)
    pages = [
        answer_html(Entities((entity,)), f"is {EVIL}<b>"),
        answer_html(Entities((entity,)), "offsets of another text"),
        answer_html(Entities(()), "x"),
        answer_html(Extraction(span, (span,), 0.1, 0.2), f"is {EVIL}<b>"),
        answer_html(Extraction(None, (), 0.9, 0.2), "x"),
        answer_html(Rating(2.5), "x"),
        answer_html(Embedding(np.zeros(8, dtype=np.float32)), "x"),
        model([EVIL, "money"])._repr_html_(),
        model("money")._repr_html_(),
    ]
    assert not [page for page in pages if "<script" in page]
    assert pages[0].count("<mark") == 1
    assert "&lt;b&gt;" in pages[0]
    assert "<mark" not in pages[1]
    assert "<b>refund</b>" in pages[-1]


def test_a_model_says_what_it_is_and_how_to_share_it(model: Model) -> None:
    assert repr(model).startswith(f"Model('{model.version}', task='text-classification'")
    with pytest.raises(TypeError, match="give the worker the path"):
        pickle.dumps(model)
    assert isinstance(model("money"), Answer)
