"""Where a model is worse than elsewhere: parts of the test rows by length, label, language, or any column.

A part is held against all other rows by Fisher's exact test, one-sided; the p-values of all parts together are
corrected by Holm (1979), so that among many parts chance flags none in nineteen test sets of twenty.
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
"""Values with fewer rows are put together."""
MAX_VALUES = 50
RARE_VALUES, NO_VALUE = "(rare values)", "(none)"
_LENGTHS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows with one `value` of `by`: how many, the share that is wholly right with its 95 % Wilson interval, that of
    all other rows, and the p-value that it is no worse, corrected. `worse` is whether that is below 0.05."""

    by: str
    value: str
    rows: int
    right: Estimate
    elsewhere: float
    p_value: float
    p_corrected: float
    worse: bool

    def to_dict(self) -> dict[str, Any]:
        """The slice as plain fields."""
        return asdict(self)


def evaluate_slices(rows: LabelledRows, right: NDArray[np.bool_], keys: Mapping[str, Sequence[str]]) -> list[Slice]:
    """The slices by length, by gold label where each row has one, and by each of `keys` (a value a row), in that order;
    `right` `(rows,)` says which rows the model has wholly right.

    Raises ConfigError where a key has nothing but different values.
    """
    found = []
    built_in = _built_in_columns(rows)
    for by, values in {**built_in, **keys}.items():
        for value, members in _members_by_value(by, values, asked=by not in built_in).items():
            found.append(_evaluate_slice(by, value, right, members))
    corrected = holm_correction([each.p_value for each in found])
    return [
        replace(each, p_corrected=p, worse=p < SIGNIFICANCE_LEVEL) for each, p in zip(found, corrected, strict=True)
    ]


def _built_in_columns(rows: LabelledRows) -> dict[str, list[str]]:
    lengths = np.array([len(text) for text in rows.texts])
    quarters = np.searchsorted(np.quantile(lengths, [0.25, 0.5, 0.75]), lengths, side="left")
    keys = {"length": [_LENGTHS[quarter] for quarter in quarters.tolist()]}
    if rows.spans is None and rows.scores is None and all(len(names) == 1 for names in rows.labels):
        keys["label"] = [names[0] for names in rows.labels]
    return keys


def _members_by_value(by: str, values: Sequence[str], *, asked: bool) -> dict[str, NDArray[np.bool_]]:
    """The rows of each value, `(rows,)`; none where all have the same. A key that was asked for must part them."""
    named = np.array([value or NO_VALUE for value in values], dtype=object)
    names, counts = np.unique(named.astype(str), return_counts=True)
    often = names[counts >= MIN_ROWS]
    if asked and len(often) == 0:
        raise ConfigError(
            f"column {by!r} does not part the rows",
            found=f"{len(names):,} different values, none on {MIN_ROWS} rows or more",
            expected="values that recur, such as a source or a product",
        )
    often = often[np.argsort(-counts[counts >= MIN_ROWS], kind="stable")][:MAX_VALUES]
    parts = {str(name): named == name for name in often}
    rest = ~np.isin(named.astype(str), often)
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
