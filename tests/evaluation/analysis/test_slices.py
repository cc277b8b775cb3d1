from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from glossator.evaluation.analysis.slices import MIN_ROWS, NO_VALUE, RARE_VALUES, evaluate_slices
from glossator.evaluation.reports.error_analysis_report import slice_table
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError


def rows_of(count: int, seed: int = 0) -> LabelledRows:
    chance = np.random.default_rng(seed)
    texts = ["x" * int(length) for length in chance.integers(1, 200, count)]
    return LabelledRows(texts, [("ab"[label],) for label in chance.integers(0, 2, count)])


def test_a_weak_slice_is_flagged_and_shown_first() -> None:
    rows = rows_of(400)
    source = ["web" if row % 4 else "mail" for row in range(400)]
    right = np.array([name == "web" or row % 8 == 0 for row, name in enumerate(source)])
    found = evaluate_slices(rows, right, {"source": source})
    worse = [each for each in found if each.worse]
    assert [(each.by, each.value, each.rows) for each in worse] == [("source", "mail", 100)]
    assert (worse[0].right.value, worse[0].elsewhere) == (0.5, 1.0)
    assert worse[0].right.low < 0.5 < worse[0].right.high
    assert slice_table(found).splitlines()[4].startswith("| source | mail")
    assert {each.by for each in found} == {"length", "label", "source"}
    assert sum(each.rows for each in found if each.by == "length") == 400


def test_the_p_value_is_the_tail_of_the_hypergeometric_distribution() -> None:
    rows = rows_of(60)
    right = np.random.default_rng(3).random(60) < 0.7
    key = ["one" if row < 20 else "two" for row in range(60)]
    one = next(each for each in evaluate_slices(rows, right, {"key": key}) if each.value == "one")
    hits, total = int(right[:20].sum()), int(right.sum())
    assert one.p_value == pytest.approx(hypergeom(60, total, 20).cdf(hits))


def test_chance_flags_a_slice_in_at_most_one_test_set_of_twenty() -> None:
    flagged = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        rows = rows_of(150, seed)
        key = [str(each) for each in chance.integers(0, 6, 150)]
        flagged += any(each.worse for each in evaluate_slices(rows, chance.random(150) < 0.8, {"key": key}))
    assert flagged <= 16  # at most 10 expected; 17 or more occur by chance in 2 % of such tests


def test_rare_values_are_merged_and_empty_values_named() -> None:
    rows = rows_of(60)
    key = ["often"] * 30 + [""] * 15 + [f"once {row}" for row in range(15)]
    found = {
        each.value: each.rows
        for each in evaluate_slices(rows, np.ones(60, dtype=bool), {"key": key})
        if each.by == "key"
    }
    assert found == {"often": 30, NO_VALUE: 15, RARE_VALUES: 15}
    assert MIN_ROWS <= 15


def test_a_column_of_distinct_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="defines no slices"):
        evaluate_slices(rows_of(30), np.ones(30, dtype=bool), {"id": [str(row) for row in range(30)]})


def test_a_column_of_one_value_gives_no_slices() -> None:
    found = evaluate_slices(rows_of(30), np.ones(30, dtype=bool), {"split": ["test"] * 30})
    assert not [each for each in found if each.by == "split"]
