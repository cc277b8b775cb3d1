from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleNotFound, ConfigError, EmptyText, UndecodableText
from glossator.service.inference.golden_replay import replay_golden_rows
from glossator.service.inference.model import Model, load, load_unverified
from glossator.service.inference.pipeline import Answer
from glossator.service.inference.runtime.threads import available_cpus
from glossator.service.tasks.text_classification import decode

SINGLE, MULTI = "single_label_classification", "multi_label_classification"


@pytest.fixture(scope="module")
def model(tiny_bundle: Callable[[str], Path]) -> Model:
    return load(tiny_bundle(MULTI), threads=1)


def with_golden(model: Model, *rows: GoldenRow) -> Model:
    """A model of the same bundle with other golden rows, which have not been replayed."""
    return load_unverified(replace(model.bundle, golden=rows), threads=1)


def golden(model: Model, name: str) -> GoldenRow:
    (row,) = (row for row in model.bundle.golden if row.name == name)
    return row


def test_a_model_says_what_it_is(model: Model, tiny_bundle: Callable[[str], Path]) -> None:
    bundle = read_bundle(tiny_bundle(MULTI))
    assert (model.name, model.digest, model.task) == (bundle.name, bundle.digest, bundle.task)
    assert model.version == f"{bundle.name}@{bundle.digest[:12]}"


def test_one_text_gives_one_answer(model: Model) -> None:
    answer = model("where is my parcel")
    assert isinstance(answer, Answer)
    assert answer.prediction.label == "delivery"
    assert (answer.tokens, answer.windows, answer.truncated) == (4, 1, False)


@pytest.mark.parametrize("kind", [list, tuple])
def test_many_texts_give_a_list_in_order(model: Model, kind: Callable[[list[str]], list[str]]) -> None:
    texts = ["cannot log in", "where is my parcel", "i want my money back"]
    answers = model(kind(texts))
    assert isinstance(answers, list)
    assert [answer.prediction.label for answer in answers] == ["login", "delivery", "refund"]
    assert model(kind([])) == []
    assert model(kind(texts[:1]))[0].prediction.label == "login"


def test_a_single_invalid_text_raises_and_one_of_many_has_its_error_in_its_place(model: Model) -> None:
    with pytest.raises(EmptyText):
        model("")
    with pytest.raises(UndecodableText):
        model(None)
    good, cut, empty = model(["where is my parcel", "\ud800", ""])
    assert isinstance(good, Answer)
    assert isinstance(cut, UndecodableText)
    assert isinstance(empty, EmptyText)
    assert cut.message.startswith("text 1, counted from 0: ")


def test_options_reach_the_answer(model: Model, tiny_bundle: Callable[[str], Path]) -> None:
    assert len(model("parcel", top_k=1).prediction.scores) == 1
    assert set(model("parcel", threshold=0.0).prediction.labels) == set(model.task.labels)
    assert model("parcel " * 100, truncate=True).truncated
    with pytest.raises(ConfigError):
        load(tiny_bundle(SINGLE), threads=1)("parcel", threshold=0.5)


def test_threads_are_those_asked_for_or_all_that_may_be_used(tiny_bundle: Callable[[str], Path]) -> None:
    bundle = read_bundle(tiny_bundle(MULTI))
    assert load_unverified(bundle, threads=1).threads == 1
    assert load_unverified(bundle).threads == available_cpus()


def test_threads_may_share_a_model(model: Model) -> None:
    texts = ["where is my parcel", "cannot log in", "i want my money back"] * 10
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(model, texts))
    for text, answer in zip(texts, answers, strict=True):
        alone = model(text)
        assert (answer.labels, answer.tokens, answer.windows) == (alone.labels, alone.tokens, alone.windows)
        assert answer.score == pytest.approx(alone.score, abs=1e-4)


def test_where_no_bundle_stands_none_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        load(tmp_path)


def test_a_bundle_repeats_its_golden_rows(model: Model) -> None:
    assert replay_golden_rows(model) == []


@pytest.mark.parametrize(
    ("name", "changes", "faults"),
    [
        ("one-token", {"tokens": 2}, ["golden-tokens"]),
        ("many-windows", {"windows": 1}, ["golden-tokens"]),
        ("one-token", {"text": "where is my parcel"}, ["golden-tokens", "golden-logits"]),
        ("validation-1", {"labels": ()}, ["golden-labels"]),
        ("validation-1", {"labels": (), "tokens": 99}, ["golden-tokens", "golden-labels"]),
        ("one-token", {"text": ""}, ["golden-error"]),
        ("empty", {"text": "parcel"}, ["golden-error"]),
        ("empty", {"error": "text-too-long"}, ["golden-error"]),
    ],
)
def test_a_row_that_is_not_repeated_is_named(
    model: Model, name: str, changes: dict[str, object], faults: list[str]
) -> None:
    row = golden(model, name).model_copy(update=changes)
    found = replay_golden_rows(with_golden(model, row))
    assert [fault.name for fault in found] == faults
    assert {fault.where for fault in found} == {f"golden.jsonl: {name}"}


def test_logits_may_differ_by_the_tolerance_and_no_more(model: Model) -> None:
    tolerance = model.bundle.manifest.verification.tolerance
    row = max(model.bundle.golden, key=lambda row: max(row.logits, default=-np.inf))
    highest = max(row.logits)  # moved away from its threshold, so that the label stays

    def moved(by: float) -> GoldenRow:
        logits = tuple(value + by if value == highest else value for value in row.logits)
        return row.model_copy(update={"logits": logits, "score": decode(np.asarray(logits), model.task).score})

    assert replay_golden_rows(with_golden(model, moved(0.9 * tolerance))) == []
    assert [fault.name for fault in replay_golden_rows(with_golden(model, moved(1.1 * tolerance)))] == ["golden-logits"]


def test_a_row_that_cannot_be_answered_at_all_is_a_fault_and_the_others_are_replayed(model: Model) -> None:
    """Logits of another number than the graph gives, which reading a bundle would refuse."""
    row = golden(model, "one-token")
    short = row.model_copy(update={"logits": row.logits[:2]})
    wrong = golden(model, "shortest").model_copy(update={"tokens": 99})
    assert [fault.name for fault in replay_golden_rows(with_golden(model, short, wrong))] == [
        "golden-error",
        "golden-tokens",
    ]


def test_loading_for_export_replays_nothing(model: Model) -> None:
    row = golden(model, "one-token").model_copy(update={"tokens": 99})
    assert with_golden(model, row)("where is my parcel").prediction.label == "delivery"
