"""Predicts how much better a model becomes with more rows: a power law fitted to smaller training sets.

`error(rows) = floor + scale * rows ** -power` describes how errors fall for many models and tasks (Cortes et al. 1994;
Hestness et al. 2017). It is fitted by least squares; a point weighs more with more validation rows and with repeats
that agree. The interval is for the gain that would be measured: it includes refits to resampled points and the scatter
of single models around the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import CorpusError

EXTRA_ROWS = (100, 500, 1_000)
RESAMPLES = 300
_MAX_POWER = 2.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The metric of models that were trained on `rows` rows: one value per repeat."""

    rows: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))


@dataclass(frozen=True, slots=True)
class Forecast:
    """A prediction for `more` additional rows: the metric, the gain, and the 95 % interval of the measured gain.

    `value` is `LearningCurve.now` plus `gain`.
    """

    more: int
    value: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The measured points, the fitted power law, and predictions for more rows.

    `now` is the metric with all rows according to the law. It is a better estimate than the last measured point alone,
    and the forecasts start from it.
    """

    metric: str
    validation_rows: int
    points: tuple[CurvePoint, ...]
    floor: float
    scale: float
    power: float
    now: float
    forecasts: tuple[Forecast, ...]

    def value_at(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metric that the law predicts for these numbers of training rows."""
        return 1.0 - _error_at(np.array([self.floor, self.scale, self.power]), rows)

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        return asdict(self)


def fit_learning_curve(
    points: Sequence[CurvePoint],
    *,
    metric: str,
    validation_rows: int,
    extra_rows: Sequence[int] = EXTRA_ROWS,
    seed: int = 0,
) -> LearningCurve:
    """Fit the power law and predict the gain from more rows.

    Args:
        points: Metrics by number of training rows, as shares from 0 to 1; the largest is the present state.
        metric: The name of the metric.
        validation_rows: How many rows each point was measured on.
        extra_rows: For how many additional rows to predict.
        seed: Seed of the resamples.

    Raises:
        CorpusError: There are fewer than four different sizes.
    """
    if len({point.rows for point in points}) < 4:
        raise CorpusError(
            "a learning curve needs four different sizes",
            found=len({point.rows for point in points}),
            expected="4 or more",
            hint="Use a larger corpus: the smallest subset must hold every class.",
        )
    points = sorted(points, key=lambda point: point.rows)
    rows = np.array([point.rows for point in points], dtype=np.float64)
    errors = np.array([1.0 - point.mean for point in points])
    spread = np.array([_point_deviation(point, validation_rows) for point in points])
    law = _fit_power_law(rows, errors, spread)
    scatter = _residual_deviation(points, law)
    generator = np.random.default_rng(seed)
    now, targets = rows[-1], rows[-1] + np.array(extra_rows, dtype=np.float64)
    gains = []
    for _ in range(RESAMPLES):
        refitted = _fit_power_law(rows, np.clip(errors + generator.normal(0.0, spread), 1e-6, 1.0), spread)
        noise = generator.normal(0.0, scatter * np.sqrt(2.0), len(targets))  # of the model now and of the later one
        gains.append(_error_at(refitted, now) - _error_at(refitted, targets) + noise)
    low, high = np.quantile(gains, [0.025, 0.975], axis=0)
    present = float(1.0 - _error_at(law, now))
    gain = _error_at(law, now) - _error_at(law, targets)
    forecasts = tuple(
        Forecast(int(count), present + float(more), float(more), float(min(lower, more)), float(max(upper, more)))
        for count, more, lower, upper in zip(extra_rows, gain, low, high, strict=True)
    )
    floor, scale, power = (float(each) for each in law)
    return LearningCurve(metric, validation_rows, tuple(points), floor, scale, power, present, forecasts)


def _residual_deviation(points: Sequence[CurvePoint], law: NDArray[np.float64]) -> float:
    """Return the standard deviation of single models around the law."""
    residuals = [1.0 - value - float(_error_at(law, point.rows)) for point in points for value in point.values]
    return float(np.sqrt(np.sum(np.square(residuals)) / max(1, len(residuals) - len(law))))


def _point_deviation(point: CurvePoint, validation_rows: int) -> float:
    """Return the standard deviation of a point: that of its repeats or of its validation rows, the larger one."""
    least = 1.0 / (validation_rows + 1)
    error = min(max(1.0 - point.mean, least), 1.0 - least)
    # Conservative: all points are measured on the same rows, so part of this error is common to them.
    sampling = np.sqrt(error * (1.0 - error) / validation_rows)
    repeats = np.std(point.values, ddof=1) if len(point.values) > 1 else 0.0
    return float(max(sampling, repeats) / np.sqrt(len(point.values)))


def _error_at(law: NDArray[np.float64], rows: NDArray[np.float64] | float) -> NDArray[np.float64]:
    floor, scale, power = law
    return np.asarray(floor + scale * np.asarray(rows, dtype=np.float64) ** -power)


def _fit_power_law(
    rows: NDArray[np.float64], errors: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return floor, scale and power; for each power of a grid the other two are a non-negative least-squares fit."""
    from scipy.optimize import nnls

    best, law = np.inf, np.array([errors[-1], 0.0, 1.0])
    for power in np.linspace(0.05, _MAX_POWER, 40):
        design = np.column_stack([np.ones_like(rows), rows**-power]) / spread[:, np.newaxis]
        found, residual = nnls(design, errors / spread)
        if residual < best:
            best, law = residual, np.array([found[0], found[1], power])
    return law


def subset_sizes(rows: int, classes: int, count: int = 6) -> list[int]:
    """Return the sizes of the training subsets, evenly spaced on a logarithmic scale, up to all rows."""
    smallest = max(2 * classes, rows // 16, 20)
    if smallest >= rows:
        return [rows]
    return sorted({round(size) for size in np.geomspace(smallest, rows, count)})
