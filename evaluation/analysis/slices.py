"""Finds slices of the test rows on which a model is worse: by length, label, language, or the values of any column.

Each slice is compared with all other rows by Fisher's exact test, one-sided. The p-values of all slices together are
corrected by Holm's method (1979): if no slice is worse, one is flagged by chance in at most 5 % of test sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.bootstrap import Estimate
from glossator.evaluation.statistics.paired_tests import SIGNIFICANCE_LEVEL, holm_correction
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError, shorten

MIN_ROWS = 10
"""Values with fewer rows are merged into one slice."""
MAX_VALUES = 50
RARE_VALUES, NO_VALUE = "(rare values)", "(none)"
_LENGTHS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows with one `value` of `by`.

    `right` is the share of rows that are completely right, with its 95 % Wilson interval; `elsewhere` is that of all
    other rows. `worse` is whether `p_corrected` is below 5 %.
    """

    by: str
    value: str
    rows: int
    right: Estimate
    elsewhere: float
    p_value: float
    p_corrected: float
    worse: bool

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


def evaluate_slices(rows: LabelledRows, right: NDArray[np.bool_], keys: Mapping[str, Sequence[str]]) -> list[Slice]:
    """Return the slices by length, by gold label if each row has exactly one, and by each of `keys`, in that order.

    Args:
        rows: The rows.
        right: Which rows the model gets completely right, `(rows,)`.
        keys: Further columns: a value per row, by name.

    Raises:
        ConfigError: A column in `keys` has no value that occurs on `MIN_ROWS` rows or more.
    """
    slices = []
    built_in = _built_in_columns(rows)
    for by, values in {**built_in, **keys}.items():
        for value, members in _members_by_value(by, values, requested=by not in built_in).items():
            slices.append(_evaluate_slice(by, value, right, members))
    corrected = holm_correction([each.p_value for each in slices])
    return [
        replace(each, p_corrected=p, worse=p < SIGNIFICANCE_LEVEL) for each, p in zip(slices, corrected, strict=True)
    ]


def _built_in_columns(rows: LabelledRows) -> dict[str, list[str]]:
    lengths = np.array([len(text) for text in rows.texts])
    quarters = np.searchsorted(np.quantile(lengths, [0.25, 0.5, 0.75]), lengths, side="left")
    keys = {"length": [_LENGTHS[quarter] for quarter in quarters.tolist()]}
    if rows.spans is None and rows.scores is None and all(len(names) == 1 for names in rows.labels):
        keys["label"] = [names[0] for names in rows.labels]
    return keys


def _members_by_value(by: str, values: Sequence[str], *, requested: bool) -> dict[str, NDArray[np.bool_]]:
    """Return which rows have each value, `(rows,)`; nothing if all rows share one value."""
    named = np.array([value or NO_VALUE for value in values], dtype=object)
    names, counts = np.unique(named.astype(str), return_counts=True)
    frequent = names[counts >= MIN_ROWS]
    if requested and len(frequent) == 0:
        raise ConfigError(
            f"column '{by}' defines no slices",
            found=f"{len(names):,} different values, none of them on {MIN_ROWS} rows or more",
            expected="values that many rows share, such as a source or a product",
        )
    frequent = frequent[np.argsort(-counts[counts >= MIN_ROWS], kind="stable")][:MAX_VALUES]
    parts = {str(name): named == name for name in frequent}
    rest = ~np.isin(named.astype(str), frequent)
    if rest.sum() >= MIN_ROWS:
        parts[RARE_VALUES] = rest
    return {name: members for name, members in parts.items() if not members.all()}


def _evaluate_slice(by: str, value: str, right: NDArray[np.bool_], members: NDArray[np.bool_]) -> Slice:
    from scipy.stats import binomtest, fisher_exact

    inside, outside = right[members], right[~members]
    table = [[inside.sum(), (~inside).sum()], [outside.sum(), (~outside).sum()]]
    p_value = float(fisher_exact(table, alternative="less").pvalue)
    low, high = binomtest(int(inside.sum()), len(inside)).proportion_ci(method="wilson")
    share = Estimate(float(inside.mean()), float(low), float(high))
    return Slice(by, shorten(value, 60), len(inside), share, float(outside.mean()), p_value, p_value, worse=False)
