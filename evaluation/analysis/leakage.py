"""Finds test rows whose texts a model was trained on, and measures the model without them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from glossator.evaluation.analysis.comparison import headline_metric
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.statistics.bootstrap import Estimate, draw_resamples, percentile_interval
from glossator.modeling.labelled_rows import LabelledRows, row_keys
from glossator.modeling.training_texts import MIN_EQUAL, MIN_EQUAL_HELD_OUT, find_seen_rows
from glossator.service.bundle.training_texts import TrainingTexts


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLeakage:
    """The test rows whose texts a model was trained, validated or calibrated on.

    Attributes:
        model: The name of the model.
        checked: Whether the model has hashes of its training texts; without them nothing is known.
        rows: All test rows.
        same: Rows whose text is a training text, except for case and white space.
        near: Further rows whose text is nearly the same as a training text.
        metric, all_rows: The headline metric on all rows.
        unseen_rows: The headline metric on the other rows; None if there are none, or if no row was seen.
    """

    model: str
    checked: bool
    rows: int
    same: int = 0
    near: int = 0
    metric: str = ""
    all_rows: Estimate | None = None
    unseen_rows: Estimate | None = None

    @property
    def seen(self) -> int:
        """The number of rows that the model has seen."""
        return self.same + self.near

    @property
    def clean(self) -> bool:
        """Whether it was checked that the model has seen none of the rows."""
        return self.checked and not self.seen

    @property
    def summary(self) -> str:
        """One line for a terminal; empty if there is nothing to say."""
        if not self.checked:
            return f"not checked: whether the rows were used to train {self.model}, which has no training hashes"
        if not self.seen:
            return ""
        return f"warning: {self.seen:,} of {self.rows:,} rows were used to train {self.model}"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


def check_row_leakage(
    known: TrainingTexts | None, rows: LabelledRows, answers: ModelAnswers, *, held_out: bool = False
) -> RowLeakage:
    """Return which of the rows a model was trained on, with its headline metric with and without them.

    `held_out`: training held the rows out, so only texts that are almost the same count as near-duplicates.
    """
    if known is None:
        return RowLeakage(model=answers.name, checked=False, rows=len(rows))
    seen = find_seen_rows(
        known, row_keys(rows.texts, rows.seconds), min_equal=MIN_EQUAL_HELD_OUT if held_out else MIN_EQUAL
    )
    found = RowLeakage(model=answers.name, checked=True, rows=len(rows), same=len(seen.same), near=len(seen.near))
    if not found.seen:
        return found
    name, metric, _ = headline_metric(rows, answers)
    every = np.ones(len(rows), dtype=np.int64)
    unseen = every.copy()
    unseen[seen.rows] = 0
    estimates = [
        Estimate(float(metric(counts[np.newaxis].astype(np.float64))[0]), *percentile_interval(metric(draws)))
        for counts, draws in ((each, draw_resamples(each)) for each in (every, unseen) if each.any())
    ]
    return RowLeakage(
        model=found.model,
        checked=True,
        rows=found.rows,
        same=found.same,
        near=found.near,
        metric=name,
        all_rows=estimates[0],
        unseen_rows=estimates[1] if len(estimates) > 1 else None,
    )
