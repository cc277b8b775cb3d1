from __future__ import annotations

import numpy as np
import pytest

from glossator.service.inference.model import Model, load
from glossator.service.monitoring.drift.comparison import (
    FEW_TEXTS,
    DriftComparison,
    TextSample,
    compare_with_reference,
)
from glossator.service.monitoring.drift.references import require_samples
from glossator.service.monitoring.drift.summaries import label_probabilities, predicted_labels, summaries_of
from glossator.service.statistics.label_shift import MOST_TEXTS
from glossator.service.tasks.text_classification import Classification
from tests.support.sampled_bundle import other_texts, sampled_bundle, usual_texts


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(sampled_bundle(tmp_path_factory.mktemp("sampled") / "votes"), threads=1)


def compare(model: Model, texts: list[str], tolerance: float = 0.1) -> DriftComparison:
    reference = require_samples(model.bundle)
    sample = TextSample()
    for text, answer in zip(texts, model(texts), strict=True):
        prediction = answer.prediction
        assert isinstance(prediction, Classification)
        sample.add(
            summaries_of(answer, text, model.task, reference.profile),
            predicted_labels(answer, model.task),
            label_probabilities(prediction),
        )
    return compare_with_reference(reference, sample, model.task, tolerance=tolerance, alpha=0.05)


def test_texts_like_those_of_the_reference_have_not_drifted(model: Model) -> None:
    found = compare(model, usual_texts(3_000, seed=5), tolerance=0.2)
    assert found.drifted == []
    verdicts = {each.summary: each.verdict for each in found.summaries}
    assert verdicts == dict.fromkeys(
        ["tokens", "surprise", "unknown_words", "confidence", "entropy", "labels"], "within"
    )
    assert found.shift is not None
    assert found.shift.texts == 3_000
    assert found.usual_confidence == pytest.approx(float(np.mean(require_samples(model.bundle).samples["confidence"])))
    assert sum(share.now for share in found.labels) == pytest.approx(1.0)


def test_other_texts_have_drifted(model: Model) -> None:
    found = compare(model, other_texts(400, seed=6))
    assert set(found.drifted) >= {"tokens", "surprise", "unknown_words", "confidence"}
    unknown = next(each for each in found.summaries if each.summary == "unknown_words")
    assert unknown.now is not None
    assert unknown.now[1] == 1.0
    assert unknown.usual is not None
    assert unknown.usual[1] == 0.0
    lows = [each.distance.low for each in found.summaries]
    assert lows == sorted(lows, reverse=True)


def test_a_new_mix_of_labels_is_named(model: Model) -> None:
    found = compare(model, ["parcel parcel"] * 300)
    assert "labels" in found.drifted
    assert found.labels[0].label in ("delivery", "refund")
    assert {each.label: round(each.now) for each in found.labels}["delivery"] == 1
    assert found.shift is not None
    assert dict(zip(model.task.labels, found.shift.shares, strict=True))["delivery"].value > 0.9


def test_few_texts_show_nothing(model: Model) -> None:
    found = compare(model, usual_texts(FEW_TEXTS - 1, seed=7))
    assert {each.verdict for each in found.summaries} == {"not shown"}
    assert found.shift is None


def test_a_summary_that_no_text_has_is_unknown(model: Model) -> None:
    reference = require_samples(model.bundle)
    sample = TextSample()
    sample.add({"tokens": 2.0}, ["refund"], None)
    found = compare_with_reference(reference, sample, model.task, tolerance=0.1, alpha=0.05)
    surprise = next(each for each in found.summaries if each.summary == "surprise")
    assert (surprise.texts, surprise.verdict, surprise.now) == (0, "not shown", None)


def test_the_texts_that_are_furthest_out_are_named(model: Model) -> None:
    reference = require_samples(model.bundle)
    sample = TextSample()
    for number in range(200):
        sample.add(
            {"tokens": 20.0 + number % 50, "confidence": 0.2 - number / 10_000}, ["refund"], None, f"text {number}"
        )
    found = compare_with_reference(reference, sample, model.task, tolerance=0.1, alpha=0.05)
    examples = {each.summary: each.examples for each in found.summaries}
    assert examples["tokens"] == ["text 49", "text 99", "text 149"]
    assert examples["confidence"] == ["text 199", "text 198", "text 197"]
    assert examples["labels"] == []


def test_the_probabilities_of_many_texts_are_a_sample() -> None:
    sample = TextSample(seed=1)
    for number in range(3 * MOST_TEXTS):
        sample.add({}, (), np.array([float(number)]))
    kept = np.concatenate(sample.probabilities)
    assert len(kept) == len(set(kept.tolist())) == MOST_TEXTS
    assert 0.3 < float((kept >= 2 * MOST_TEXTS).mean()) < 0.37
