from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from scipy.special import softmax
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    hamming_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from glossator.evaluation.calibration.reliability import expected_calibration_error
from glossator.evaluation.metrics.classification import COVERAGES, Evaluation, evaluate_classifier
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.evaluation.statistics.bootstrap import Estimate
from glossator.service.bundle.task import Calibration, TextClassification
from glossator.service.errors import CorpusError, InputError

MakeTask = Callable[..., TextClassification]
LABELS = ["billing", "delivery", "login", "other", "refund"]


def random_single(seed: int, *, rows: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gold label numbers and probabilities; some labels may be absent from both."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(rng.integers(1, labels + 1), size=rows)
    probabilities = rng.dirichlet(np.ones(labels), size=rows)
    probabilities[np.arange(rows), gold] += rng.random(rows)
    return gold, probabilities / probabilities.sum(axis=1, keepdims=True)


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 30), labels=st.integers(2, 5))
@settings(max_examples=examples(40))
def test_classification_single_label_equals_scikit_learn(
    seed: int, rows: int, labels: int, single_task: MakeTask
) -> None:
    gold, probabilities = random_single(seed, rows=rows, labels=labels)
    names = LABELS[:labels]
    result = evaluate_classifier([(names[i],) for i in gold], probabilities, single_task(names), resamples=10)
    decided, every = probabilities.argmax(axis=1), list(range(labels))
    for average in ("macro", "weighted", "micro"):
        expected = f1_score(gold, decided, labels=every, average=average, zero_division=0)
        assert result.metrics[f"{average}_f1"].value == pytest.approx(expected)
    assert result.metrics["accuracy"].value == pytest.approx(accuracy_score(gold, decided))
    assert result.confusion is not None
    np.testing.assert_array_equal(result.confusion, confusion_matrix(gold, decided, labels=every))
    table = precision_recall_fscore_support(gold, decided, labels=every, zero_division=0)
    ours = [[score.precision, score.recall, score.f1, score.support] for score in result.classes]
    np.testing.assert_allclose(ours, np.array(table).T)
    assert [score.predicted for score in result.classes] == np.bincount(decided, minlength=labels).tolist()
    if labels > 2:
        brier = brier_score_loss(gold, probabilities, labels=every, scale_by_half=False)
        assert result.brier == pytest.approx(brier)


@given(seed=st.integers(0, 10**6), rows=st.integers(1, 30), labels=st.integers(2, 5))
@settings(max_examples=examples(40))
def test_classification_multi_label_equals_scikit_learn(
    seed: int, rows: int, labels: int, multi_task: MakeTask
) -> None:
    rng = np.random.default_rng(seed)
    gold, probabilities = rng.random((rows, labels)) < 0.3, rng.random((rows, labels))
    thresholds = rng.random(labels).round(2).tolist()
    names = LABELS[:labels]
    task = multi_task(names, thresholds)
    result = evaluate_classifier([tuple(np.array(names)[row]) for row in gold], probabilities, task, resamples=10)
    decided = probabilities >= thresholds
    for average in ("macro", "weighted", "micro"):
        expected = f1_score(gold, decided, average=average, zero_division=0)
        assert result.metrics[f"{average}_f1"].value == pytest.approx(expected)
    assert result.metrics["subset_accuracy"].value == pytest.approx(accuracy_score(gold, decided))
    assert result.metrics["hamming_accuracy"].value == pytest.approx(1.0 - hamming_loss(gold, decided))
    table = precision_recall_fscore_support(gold, decided, zero_division=0)
    ours = [[score.precision, score.recall, score.f1, score.support] for score in result.classes]
    np.testing.assert_allclose(ours, np.array(table).T)
    assert result.brier == pytest.approx(np.square(probabilities - gold).mean())
    assert result.confusion is None
    assert result.top_confusions() == []


def test_classification_headline_metrics_by_kind_of_task(
    single_label: Callable[..., Evaluation], multi_label: Callable[..., Evaluation]
) -> None:
    assert list(single_label(LABELS).metrics) == ["accuracy", "macro_f1", "weighted_f1", "micro_f1"]
    assert list(multi_label(LABELS).metrics) == [
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "subset_accuracy",
        "hamming_accuracy",
        "auroc",
        "average_precision",
    ]


def test_classification_a_label_absent_everywhere_counts_zero_in_the_macro_average(single_task: MakeTask) -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])
    result = evaluate_classifier([("billing",), ("delivery",)], probabilities, single_task(LABELS[:3]))
    assert result.metrics["accuracy"].value == 1.0
    assert result.metrics["macro_f1"].value == pytest.approx(2 / 3)
    assert (result.classes[2].support, result.classes[2].predicted, result.classes[2].f1) == (0, 0, 0.0)


def test_classification_decides_as_the_service_does(single_task: MakeTask, multi_task: MakeTask) -> None:
    tie = np.array([[0.4, 0.4, 0.2]])
    assert evaluate_classifier([("billing",)], tie, single_task(LABELS[:3])).metrics["accuracy"].value == 1.0
    exactly_at_threshold = np.array([[0.30, 0.29]])
    result = evaluate_classifier([("billing",)], exactly_at_threshold, multi_task(LABELS[:2], [0.3, 0.3]))
    assert result.metrics["subset_accuracy"].value == 1.0
    assert (
        evaluate_classifier([()], exactly_at_threshold, multi_task(LABELS[:2], None)).metrics["subset_accuracy"].value
        == 1.0
    )


def test_classification_calibration_by_hand(single_task: MakeTask, multi_task: MakeTask) -> None:
    probabilities = np.array([[0.62, 0.38], [0.36, 0.64], [0.9, 0.1]])
    result = evaluate_classifier([("billing",), ("billing",), ("billing",)], probabilities, single_task(LABELS[:2]))
    # (0.6, 0.6667] has 0.62, right, and 0.64, wrong; (0.8667, 0.9333] has 0.9, right.
    assert result.ece == pytest.approx(2 / 3 * abs(0.63 - 0.5) + 1 / 3 * abs(0.9 - 1.0))
    assert [b.count for b in result.bins] == [2, 1]
    several = evaluate_classifier(
        [("billing",), (), ("delivery",)], np.array([[0.9, 0.2], [0.9, 0.2], [0.1, 0.2]]), multi_task(LABELS[:2], None)
    )
    # billing: of two with 0.9 one is right, of one with 0.1 none; delivery: of three with 0.2 one is right.
    assert several.ece == pytest.approx(((2 / 3 * 0.4 + 1 / 3 * 0.1) + abs(0.2 - 1 / 3)) / 2)
    assert sum(b.count for b in several.bins) == 6


def test_classification_intervals_surround_the_value_and_repeat_with_the_seed(single_task: MakeTask) -> None:
    gold, probabilities = random_single(5, rows=300, labels=5)
    names = [(LABELS[i],) for i in gold]
    result = evaluate_classifier(names, probabilities, single_task(LABELS), seed=1)
    assert all(e.low < e.value < e.high for e in result.metrics.values())
    assert result == evaluate_classifier(names, probabilities, single_task(LABELS), seed=1)
    assert result != evaluate_classifier(names, probabilities, single_task(LABELS), seed=2)
    accuracy = result.metrics["accuracy"]
    normal = 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / 300)
    assert (accuracy.high - accuracy.low) / 2 == pytest.approx(normal, rel=0.15)


def test_classification_top_confusions_most_frequent_first(single_task: MakeTask) -> None:
    gold = ["refund"] * 4 + ["login"] * 3 + ["billing"] * 3
    decided = [4, 0, 0, 0, 2, 1, 1, 0, 0, 4]
    probabilities = np.eye(5)[decided]
    result = evaluate_classifier([(label,) for label in gold], probabilities, single_task(LABELS), resamples=1)
    found = [(c.gold, c.predicted, c.count, c.share) for c in result.top_confusions(2)]
    assert found == [("refund", "billing", 3, 0.75), ("login", "delivery", 2, pytest.approx(2 / 3))]
    assert len(result.top_confusions()) == 3


@pytest.mark.parametrize("kind", ["single_label", "multi_label"])
def test_classification_round_trip_through_json(kind: str, request: pytest.FixtureRequest) -> None:
    result = request.getfixturevalue(kind)(["naïve", "配送", "a|b", "d"], name="validation")
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert next(iter(json.loads(text))) == "format_version"
    again = Evaluation.from_dict(json.loads(text))
    assert again == result
    assert isinstance(again.metrics["macro_f1"], Estimate)


@pytest.mark.parametrize("damage", [{"format_version": 2}, {"surprise": 1}, {"rows": "many"}, {"classes": [{}]}])
def test_classification_refuses_fields_of_something_else(
    damage: dict[str, object], single_label: Callable[..., Evaluation]
) -> None:
    with pytest.raises(InputError, match="not those of an evaluation") as caught:
        Evaluation.from_dict(single_label(LABELS).to_dict() | damage)
    assert next(iter(damage)) in str(caught.value)


def test_gold_labels_that_the_model_lacks_count_as_wrong(single_task: MakeTask) -> None:
    gold = [("late",), ("late",), ("damaged",), ("other",), ("other",), ("lost",)]
    probability = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    evaluation = evaluate_classifier(gold, probability, single_task(["damaged", "late"]))
    assert evaluation.rows == 6
    assert evaluation.unknown_labels == {"other": 2, "lost": 1}
    assert evaluation.labels == ("damaged", "late", "other", "lost")
    assert evaluation.metrics["accuracy"].value == 0.5
    names = [names[0] for names in gold]
    predicted = ["late", "late", "damaged", "damaged", "late", "damaged"]
    assert evaluation.metrics["macro_f1"].value == f1_score(names, predicted, average="macro", zero_division=0)
    assert {score.label: score.f1 for score in evaluation.classes}["other"] == 0.0
    assert ("other", "late", 1) in [(each.gold, each.predicted, each.count) for each in evaluation.top_confusions()]
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_a_multi_label_row_with_an_unknown_label_is_not_completely_right(multi_task: MakeTask) -> None:
    evaluation = evaluate_classifier(
        [("late",), ("late", "lost")], np.array([[0.1, 0.9], [0.1, 0.9]]), multi_task(["damaged", "late"], None)
    )
    assert evaluation.unknown_labels == {"lost": 1}
    assert evaluation.metrics["subset_accuracy"].value == 0.5
    assert evaluation.metrics["micro_f1"].value == pytest.approx(2 * 2 / (3 + 2))


def test_classification_refuses_rows_without_exactly_one_label(single_task: MakeTask) -> None:
    with pytest.raises(CorpusError, match="exactly one gold label") as caught:
        evaluate_classifier([("billing",), (), ("billing", "login")], np.full((3, 5), 0.2), single_task(LABELS))
    assert "row 2" in str(caught.value)
    assert "row 3" in str(caught.value)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.full((2, 4), 0.25), "do not match"),
        (np.full((1, 5), 0.2), "do not match"),
        (np.array([[0.2] * 5, [np.nan] * 5]), "not probabilities"),
        (np.array([[0.2] * 5, [4.0, -3.0, 0.0, 0.0, 0.0]]), "not probabilities"),
        (np.array([[0.2] * 5, [0.9] * 5]), "do not add up to 1"),
    ],
)
def test_classification_refuses_arrays_that_are_not_probabilities(
    probabilities: np.ndarray, message: str, single_task: MakeTask
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate_classifier([("billing",), ("login",)], probabilities, single_task(LABELS))


def test_classification_refuses_no_rows(single_task: MakeTask) -> None:
    with pytest.raises(CorpusError, match="no rows"):
        evaluate_classifier([], np.zeros((0, 5)), single_task(LABELS))


def test_classification_float32_gives_the_same_decisions(single_task: MakeTask) -> None:
    gold, probabilities = random_single(9, rows=200, labels=5)
    names = [(LABELS[i],) for i in gold]
    narrow = probabilities.astype(np.float32)
    assert (
        evaluate_classifier(names, narrow, single_task(LABELS)).metrics
        == evaluate_classifier(names, narrow.astype(np.float64), single_task(LABELS)).metrics
    )


def test_ranking_metrics_of_two_labels_are_of_the_second(single_task: MakeTask) -> None:
    chance = np.random.default_rng(2)
    second = np.round(chance.random(80), 1)
    gold = [(("ham", "spam")[int(score + chance.normal(0, 0.4) > 0.5)],) for score in second]
    found = evaluate_classifier(gold, np.column_stack([1 - second, second]), single_task(["ham", "spam"]))
    truth = [names[0] == "spam" for names in gold]
    assert found.metrics["auroc"].value == pytest.approx(roc_auc_score(truth, second))
    assert found.metrics["average_precision"].value == pytest.approx(average_precision_score(truth, second))
    assert found.metrics["auroc"].low < found.metrics["auroc"].value < found.metrics["auroc"].high


def test_temperature_and_sets_are_measured(single_task: MakeTask) -> None:
    """The error before calibration is computed from the logits, the coverage by counting."""
    rng = np.random.default_rng(4)
    gold = rng.integers(4, size=600)
    logits = rng.normal(size=(600, 4)) * 2.0
    logits[np.arange(600), gold] += 3.0
    fitted, held = slice(0, 300), slice(300, 600)
    probability = softmax(logits / 2.5, axis=1)
    scores = sorted(float(1.0 - row[label]) for row, label in zip(probability[fitted], gold[fitted], strict=True))
    calibration = Calibration(temperature=2.5, nonconformity=scores)
    task = single_task(LABELS[:4]).model_copy(update={"calibration": calibration})
    result = evaluate_classifier([(LABELS[i],) for i in gold[held]], probability[held], task, resamples=10)

    plain = softmax(logits[held], axis=1)
    right = plain.argmax(axis=1) == gold[held]
    assert result.ece_before == pytest.approx(expected_calibration_error(plain.max(axis=1), right))
    assert result.ece != pytest.approx(result.ece_before)
    assert [each.asked for each in result.coverages] == list(COVERAGES)
    for each in result.coverages:
        limit = scores[int(np.ceil(301 * each.asked)) - 1]
        sets = (1.0 - probability[held] <= limit) | (probability[held] == probability[held].max(axis=1, keepdims=True))
        covered = sets[np.arange(300), gold[held]].mean()
        assert each.measured.value == pytest.approx(covered)
        assert each.measured.low < covered <= each.measured.high
        assert each.measured.low <= each.asked <= each.measured.high + 0.02
        assert each.labels == pytest.approx(sets.sum(axis=1).mean())
    assert "only for texts like the validation rows" in evaluation_report(result)
    assert "ECE before calibration (temperature 2.5)" in evaluation_report(result)
    assert Evaluation.from_dict(json.loads(json.dumps(result.to_dict()))) == result
