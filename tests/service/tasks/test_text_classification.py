from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit, softmax

from glossator.evaluation.calibration.task_calibration import nonconformity_scores
from glossator.service.bundle.task import Calibration, Encoding, ProblemType, Provenance, TextClassification
from glossator.service.errors import ConfigError
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.text_classification import (
    conformal_set,
    decide,
    decode,
    decode_stacked,
    pool_windows,
    probabilities,
    stack_key,
)

LABELS = ["a", "b", "c"]
LOGITS = arrays.arrays(np.float64, 3, elements=st.floats(-1e4, 1e4))


def make_task(problem_type: ProblemType, **calibration: object) -> TextClassification:
    provenance = Provenance(
        corpus_fingerprint="0", corpus_rows=1, base_model="b", base_revision="r", algorithm="a", config={}, seed=1,
        code_version="0", packages={}, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return TextClassification(
        problem_type=problem_type,
        labels=LABELS,
        encoding=Encoding(max_length=16, stride=2),
        calibration=Calibration.model_validate(calibration),
        provenance=provenance,
    )


SINGLE = make_task("single_label_classification")
MULTI = make_task("multi_label_classification")


@given(LOGITS)
def test_probabilities_equal_scipy(logits: np.ndarray) -> None:
    np.testing.assert_allclose(probabilities(logits, SINGLE), softmax(logits), atol=1e-12)
    np.testing.assert_allclose(probabilities(logits, MULTI), expit(logits), atol=1e-12)


def test_problem_type_decides_even_with_two_labels() -> None:
    """Peers take softmax whenever there is more than one label: two sigmoids of 0.88 each must not become halves."""
    task = make_task("multi_label_classification")
    answer = decode(np.array([2.0, 2.0, -5.0]), task)
    assert answer.labels == ("a", "b")
    assert [round(score.score, 3) for score in answer.scores] == [0.881, 0.881, 0.007]


def test_temperature_divides_logits() -> None:
    logits = np.array([3.0, 1.0, 0.0])
    warm = make_task("single_label_classification", temperature=2.0)
    np.testing.assert_allclose(probabilities(logits, warm), softmax(logits / 2.0))


@given(LOGITS)
def test_single_label_assigns_exactly_the_first_most_probable_label(logits: np.ndarray) -> None:
    answer = decode(logits, SINGLE)
    best = probabilities(logits, SINGLE)
    assert answer.labels == (LABELS[int(np.argmax(best))],)
    assert answer.score == best.max()
    assert [score.score for score in answer.scores] == sorted(best.tolist(), reverse=True)


@given(LOGITS, st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_multi_label_assigns_every_label_that_reaches_its_threshold(
    logits: np.ndarray, thresholds: list[float]
) -> None:
    task = make_task("multi_label_classification", thresholds=thresholds)
    expected = {label for label, p, t in zip(LABELS, probabilities(logits, task), thresholds, strict=True) if p >= t}
    assert set(decode(logits, task).labels) == expected


def test_threshold_of_the_caller_replaces_those_of_the_bundle() -> None:
    task = make_task("multi_label_classification", thresholds=[0.9, 0.9, 0.9])
    logits = np.array([0.1, -0.1, -4.0])
    assert decode(logits, task).labels == ()
    assert decode(logits, task).label is None
    assert decode(logits, task, DecodeOptions(threshold=0.5)).labels == ("a",)
    assert decode(logits, task, DecodeOptions(threshold=0.0)).labels == ("a", "b", "c")


def test_top_k_limits_scores_but_never_decisions() -> None:
    answer = decode(np.array([1.0, 2.0, 3.0]), MULTI, DecodeOptions(top_k=1))
    assert answer.labels == ("c", "b", "a")
    assert [score.label for score in answer.scores] == ["c"]


@pytest.mark.parametrize(
    ("task", "options", "found"),
    [
        (SINGLE, {"threshold": 0.5}, "0.5"),
        (MULTI, {"threshold": 1.5}, "1.5"),
        (MULTI, {"threshold": float("nan")}, "nan"),
        (SINGLE, {"top_k": 0}, "0"),
    ],
)
def test_options_that_do_not_apply_are_rejected(
    task: TextClassification, options: dict[str, float], found: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        decode(np.zeros(3), task, DecodeOptions(**options))  # type: ignore[arg-type]
    assert caught.value.found == found


def test_decide_works_on_rows() -> None:
    rows = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    assert decide(rows, SINGLE).tolist() == [[False, True, False], [True, False, False]]


def test_windows_are_pooled_by_mean_or_maximum() -> None:
    windows = np.array([[1.0, 0.0, 2.0], [4.0, -3.0, 2.0]], dtype=np.float32)
    np.testing.assert_allclose(pool_windows(windows, (10, 5), SINGLE), [2.0, -1.0, 2.0])
    np.testing.assert_allclose(pool_windows(windows, (10, 5), MULTI), [4.0, 0.0, 2.0])


@given(arrays.arrays(np.float32, (1, 3), elements=st.floats(-100, 100, width=32)))
def test_a_single_window_is_returned_unchanged(windows: np.ndarray) -> None:
    for task in (SINGLE, MULTI):
        np.testing.assert_array_equal(pool_windows(windows, (7,), task), windows[0].astype(np.float64))


def test_no_label_is_assigned_below_min_confidence() -> None:
    logits = np.array([0.0, 0.1, 0.2])
    assert decode(logits, SINGLE, DecodeOptions(min_confidence=0.3)).label == "c"
    answer = decode(logits, SINGLE, DecodeOptions(min_confidence=0.5))
    assert (answer.label, answer.scores[0].label) == (None, "c")


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])  # lower ones the most probable label exceeds by itself
def test_conformal_sets_contain_the_right_label_with_the_requested_probability(coverage: float) -> None:
    """The guarantee of split conformal prediction, measured over many draws of validation and test rows."""
    generator = np.random.default_rng(5)
    held = []
    for _ in range(40):
        logits = generator.normal(0, 1.5, (600, 3))
        true = (probabilities(logits, SINGLE).cumsum(axis=1) > generator.random((600, 1))).argmax(axis=1)
        gold = np.eye(3, dtype=bool)[true]
        scores = nonconformity_scores(probabilities(logits[:300], SINGLE)[gold[:300]])
        task = make_task("single_label_classification", nonconformity=scores)
        sets = conformal_set(probabilities(logits[300:], task), task, coverage)
        held.append((sets & gold[300:]).any(axis=1).mean())
        assert sets.any(axis=1).all()
    assert coverage - 0.01 <= np.mean(held) <= coverage + 0.02


def test_the_set_is_the_answer_and_needs_validation_rows() -> None:
    task = make_task("single_label_classification", nonconformity=[0.1, 0.4, 0.7])
    answer = decode(np.array([1.0, 0.9, -3.0]), task, DecodeOptions(coverage=0.7))
    assert answer.labels == ("a", "b")
    with pytest.raises(ConfigError, match="coverage is not available"):
        decode(np.zeros(3), SINGLE, DecodeOptions(coverage=0.9))
    with pytest.raises(ConfigError, match="coverage does not apply"):
        decode(np.zeros(3), MULTI, DecodeOptions(coverage=0.9))
    with pytest.raises(ConfigError, match="cannot be combined"):
        decode(np.zeros(3), task, DecodeOptions(coverage=0.9, min_confidence=0.5))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 20), st.floats(0, 1))
def test_keeping_fewer_scores_never_makes_the_sets_smaller(values: list[float], most: int, coverage: float) -> None:
    whole, thinned = (nonconformity_scores(np.array(values), limit=count) for count in (1_000, most))
    assert len(thinned) == min(most, len(values))

    def limit(scores: list[float]) -> float:
        rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
        return scores[max(rank, 1) - 1] if rank <= len(scores) else 1.0

    assert limit(thinned) >= limit(whole) - 1e-9


def test_a_text_below_the_limit_is_out_of_scope_and_keeps_its_label() -> None:
    scope = {"threshold": 0.6, "refused": 0.05, "rows": 100}
    task = make_task("single_label_classification", temperature=2.0, out_of_scope=scope)
    unsure, sure = decode(np.array([1.0, 0.0, -1.0]), task), decode(np.array([6.0, 0.0, -1.0]), task)
    assert (unsure.out_of_scope, unsure.label) == (True, "a")
    assert (sure.out_of_scope, sure.label) == (False, "a")
    assert unsure.out_of_scope_score == pytest.approx(1.0 - softmax([0.5, 0.0, -0.5])[0])
    assert decode(np.zeros(3), SINGLE).out_of_scope is None
    assert decode(np.zeros(3), SINGLE).out_of_scope_score is None


def test_conformal_sets_may_be_empty_if_asked() -> None:
    task = make_task("single_label_classification", nonconformity=[0.0, 0.1, 0.2, 0.3])
    unsure = np.array([0.1, 0.0, 0.05])
    assert decode(unsure, task, DecodeOptions(coverage=0.5)).labels == ("a",)
    assert decode(unsure, task, DecodeOptions(coverage=0.5, empty_sets=True)).labels == ()
    assert decode(np.array([9.0, 0.0, 0.0]), task, DecodeOptions(coverage=0.5, empty_sets=True)).labels == ("a",)
    with pytest.raises(ConfigError, match="empty_sets needs coverage"):
        decode(unsure, task, DecodeOptions(empty_sets=True))


def test_a_task_without_a_limit_writes_the_fields_of_older_versions() -> None:
    assert list(SINGLE.calibration.model_dump()) == ["temperature", "thresholds", "nonconformity"]
    scope = {"threshold": 0.6, "refused": 0.05, "rows": 100}
    assert (
        make_task("single_label_classification", out_of_scope=scope).model_dump()["calibration"]["out_of_scope"]
        == scope
    )
    with pytest.raises(ValueError, match="out_of_scope belongs to single_label_classification"):
        make_task("multi_label_classification", out_of_scope=scope)


STACKS = {
    "temperatures": ([make_task("single_label_classification", temperature=t) for t in (0.5, 1.0, 3.0)], {}),
    "confidence": (
        [make_task("single_label_classification", temperature=t) for t in (0.5, 2.0)],
        {"min_confidence": 0.6},
    ),
    "thresholds": (
        [make_task("multi_label_classification", thresholds=t) for t in ([0.1, 0.5, 0.9], [0.9, 0.5, 0.1])],
        {"top_k": 2},
    ),
    "a threshold of the caller": ([MULTI, MULTI], {"threshold": 0.7}),
    "scopes": (
        [
            make_task("single_label_classification", out_of_scope={"threshold": t, "refused": 0.05, "rows": 100})
            for t in (0.5, 0.9)
        ],
        {"top_k": 1},
    ),
    "coverage": (
        [make_task("single_label_classification", nonconformity=s) for s in ([0.1] * 30, [0.1] * 15 + [0.9] * 15)],
        {"coverage": 0.9},
    ),
}


@pytest.mark.parametrize("kind", STACKS)
def test_stacked_tasks_are_decoded_as_scipy_and_a_loop_would(kind: str) -> None:
    tasks, asked = STACKS[kind]
    assert len({stack_key(task) for task in tasks}) == 1
    logits = np.random.default_rng(0).normal(0, 2, (5, len(tasks), 3))
    found = decode_stacked(logits, tasks, DecodeOptions(**asked))
    assert [len(answers) for answers in found] == [5] * len(tasks)
    for place, task in enumerate(tasks):
        fitted = task.calibration
        for text, answer in enumerate(found[place]):
            scaled = logits[text, place] / fitted.temperature
            expected = expit(scaled) if task.problem_type.startswith("multi") else softmax(scaled)
            order = sorted(range(3), key=lambda label: -expected[label])
            if task.problem_type.startswith("multi"):
                limits = [asked["threshold"]] * 3 if "threshold" in asked else fitted.thresholds
                assigned = [label for label in order if expected[label] >= limits[label]]
            elif "coverage" in asked:
                limit = sorted(fitted.nonconformity)[int(np.ceil(31 * asked["coverage"])) - 1]
                assigned = [label for label in order if 1 - expected[label] <= limit or label == order[0]]
            else:
                assigned = order[:1] if expected[order[0]] >= asked.get("min_confidence", 0) else []
            listed = order[: asked.get("top_k")]
            assert answer.labels == tuple(LABELS[label] for label in assigned)
            assert [score.label for score in answer.scores] == [LABELS[label] for label in listed]
            assert [score.score for score in answer.scores] == pytest.approx([expected[label] for label in listed])
            scope = fitted.out_of_scope
            assert answer.out_of_scope == (None if scope is None else max(expected) < scope.threshold)


def test_only_tasks_with_the_same_shape_and_calibration_are_stacked() -> None:
    tuned = make_task("multi_label_classification", thresholds=[0.5] * 3)
    scoped = make_task("single_label_classification", out_of_scope={"threshold": 0.5, "refused": 0.05, "rows": 100})
    wide = SINGLE.model_copy(update={"labels": [*LABELS, "d"]})
    assert len({stack_key(task) for task in (SINGLE, MULTI, tuned, scoped, wide)}) == 5
