"""Entity counts by hand, as defined by conlleval and SemEval-2013 task 9.1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_factory import make_task

from glossator.evaluation.metrics.entities import count_entities, score_types
from glossator.evaluation.metrics.task_metrics import compare_headline, evaluate_predictions
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.errors import CorpusError
from glossator.service.tasks.token_classification import Entities, Entity

GOLD = (GoldSpan(0, 5, "PER"), GoldSpan(10, 20, "ORG"), GoldSpan(30, 33, "LOC"))


def predicted_entities(*spans: tuple[int, int, str]) -> Entities:
    return Entities(tuple(Entity(start, end, "", label, 1.0) for start, end, label in spans))


@pytest.mark.parametrize(
    ("spans", "strict", "exact", "partial", "typed"),
    [
        ([(0, 5, "PER"), (10, 20, "ORG"), (30, 33, "LOC")], 3, 3, 3, 3),
        ([(0, 5, "ORG")], 0, 1, 1, 0),  # the span, another type
        ([(1, 5, "PER")], 0, 0, 0.5, 1),  # an overlap, the type
        ([(12, 15, "LOC")], 0, 0, 0.5, 0),
        ([(6, 9, "PER")], 0, 0, 0, 0),  # no such entity
        ([], 0, 0, 0, 0),
        ([(0, 3, "PER"), (3, 5, "PER")], 0, 0, 0.5, 1),  # a gold entity is matched once
    ],
)
def test_each_way_to_count(
    spans: list[tuple[int, int, str]], strict: int, exact: int, partial: float, typed: int
) -> None:
    counts = count_entities([GOLD], [predicted_entities(*spans)])
    actual = (counts.gold, counts.predicted, counts.strict, counts.exact, counts.partial, counts.typed)
    assert [each.tolist() for each in actual] == [[3], [len(spans)], [strict], [exact], [partial], [typed]]


def test_scores_equal_those_of_conlleval() -> None:
    """The example in the documentation of conlleval: 459 phrases, 539 found, 371 right: 68.83 %, 80.83 %, 74.35."""
    gold = [tuple(GoldSpan(10 * number, 10 * number + 5, "NP") for number in range(459))]
    right = [(10 * number, 10 * number + 5, "NP") for number in range(371)]
    wrong = [(10 * number + 6, 10 * number + 8, "NP") for number in range(539 - 371)]
    rows = LabelledRows(["x"], [("NP",)], spans=gold)
    evaluation = evaluate_predictions(
        rows, [predicted_entities(*right, *wrong)], make_task("token-classification", ["NP"])
    )
    values = [round(100 * evaluation.metrics[name].value, 2) for name in ("precision", "recall", "f1")]
    assert values == [68.83, 80.83, 74.35]
    (score,) = evaluation.types
    assert (score.support, score.predicted) == (459, 539)
    assert round(100 * score.f1, 2) == 74.35


SPANS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["A", "B"])), max_size=5, unique_by=lambda each: each[0])


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=6))
@settings(deadline=None)
def test_counts_add_up(rows: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]) -> None:
    gold = [tuple(GoldSpan(3 * at, 3 * at + 2, label) for at, label in sorted(side)) for side, _ in rows]
    predicted = [predicted_entities(*((3 * at, 3 * at + 2, label) for at, label in sorted(side))) for _, side in rows]
    counts = count_entities(gold, predicted)
    assert (counts.strict <= counts.exact).all()
    assert (counts.exact <= counts.partial).all()
    assert (counts.partial <= np.minimum(counts.gold, counts.predicted)).all()
    types = score_types(gold, predicted, ["A", "B"])
    assert sum(each.support for each in types) == counts.gold.sum()
    assert sum(each.predicted for each in types) == counts.predicted.sum()


def test_two_models_are_compared_on_the_same_rows() -> None:
    rows = LabelledRows(["x"] * 200, [("PER",)] * 200, spans=[GOLD] * 200)
    good, bad = predicted_entities((0, 5, "PER"), (10, 20, "ORG"), (30, 33, "LOC")), predicted_entities((0, 5, "PER"))
    task = make_task("token-classification", ["LOC", "ORG", "PER"])
    same = compare_headline(rows, [good] * 200, [good] * 200, task, margin=0.005)
    assert (same.difference, same.non_inferior, same.flips) == (0.0, True, 0)
    worse = compare_headline(rows, [good] * 150 + [bad] * 50, [good] * 200, task, margin=0.005)
    assert not worse.non_inferior
    assert (worse.flips, worse.lost) == (50, 50)


def test_rows_without_gold_entities_are_refused() -> None:
    task = make_task("token-classification", ["PER"])
    with pytest.raises(CorpusError, match="no gold entities"):
        evaluate_predictions(LabelledRows(["x"], [()]), [predicted_entities()], task)
    with pytest.raises(CorpusError, match="no rows"):
        evaluate_predictions(LabelledRows([], [], spans=[]), [], task)
