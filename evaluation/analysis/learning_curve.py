"""How much better a model would be with more rows: a power law through what it comes to with fewer.

`error(rows) = floor + scale * rows ** -power` describes how errors fall for many models and tasks (Cortes et al.
1994; Hestness et al. 2017). It is fitted by least squares, weighted by how many validation rows each point rests on and
how far repeats lie apart. The interval is that of the gain that would be measured: fits to points drawn anew, and how
far single models lie from the law.
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
    """What a model comes to that was trained on so many rows; one value for each repeat."""

    rows: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))


@dataclass(frozen=True, slots=True)
class Forecast:
    """With `more` rows: the value that the curve gives, its gain over now, and in what range the gain would be measured
    with 95 % probability."""

    more: int
    value: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The points, the law through them and what it says of more rows."""

    metric: str
    validation_rows: int
    points: tuple[CurvePoint, ...]
    floor: float
    scale: float
    power: float
    forecasts: tuple[Forecast, ...]

    def at(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The value with so many rows."""
        return 1.0 - _error_at(np.array([self.floor, self.scale, self.power]), rows)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields."""
        return asdict(self)


def fit_learning_curve(
    points: Sequence[CurvePoint],
    *,
    metric: str,
    validation_rows: int,
    more: Sequence[int] = EXTRA_ROWS,
    seed: int = 0,
) -> LearningCurve:
    """The curve through the points, the one of most rows being where we stand; values are shares from 0 to 1.

    Raises CorpusError where there are too few points.
    """
    if len({point.rows for point in points}) < 4:
        raise CorpusError(
            "a learning curve needs four sizes at least",
            found=f"{len(points)} of them",
            hint="Give more rows: the smallest subset must still hold every class.",
        )
    points = sorted(points, key=lambda point: point.rows)
    rows = np.array([point.rows for point in points], dtype=np.float64)
    errors = np.array([1.0 - point.mean for point in points])
    spread = np.array([_point_deviation(point, validation_rows) for point in points])
    law = _fit_power_law(rows, errors, spread)
    apart = _residual_deviation(points, law)
    generator = np.random.default_rng(seed)
    now, targets = rows[-1], rows[-1] + np.array(more, dtype=np.float64)
    gains = []
    for _ in range(RESAMPLES):
        drawn = _fit_power_law(rows, np.clip(errors + generator.normal(0.0, spread), 1e-6, 1.0), spread)
        seen = generator.normal(0.0, apart * np.sqrt(2.0), len(targets))  # one model now, and one then
        gains.append(_error_at(drawn, now) - _error_at(drawn, targets) + seen)
    low, high = np.quantile(gains, [0.025, 0.975], axis=0)
    ahead = _error_at(law, targets)
    forecasts = tuple(
        Forecast(int(count), float(1.0 - error), float(_error_at(law, now) - error), float(lower), float(upper))
        for count, error, lower, upper in zip(more, ahead, low, high, strict=True)
    )
    floor, scale, power = (float(each) for each in law)
    return LearningCurve(metric, validation_rows, tuple(points), floor, scale, power, forecasts)


def _residual_deviation(points: Sequence[CurvePoint], law: NDArray[np.float64]) -> float:
    """How far single models lie from the law, as a standard deviation."""
    left = [1.0 - value - float(_error_at(law, point.rows)) for point in points for value in point.values]
    return float(np.sqrt(np.sum(np.square(left)) / max(1, len(left) - len(law))))


def _point_deviation(point: CurvePoint, validation_rows: int) -> float:
    """The standard deviation of a point: of its repeats or of so few validation rows, whichever is larger."""
    least = 1.0 / (validation_rows + 1)
    error = min(max(1.0 - point.mean, least), 1.0 - least)
    # All points are measured on the same rows and share some of their luck: this is careful.
    own = np.sqrt(error * (1.0 - error) / validation_rows)
    repeats = np.std(point.values, ddof=1) if len(point.values) > 1 else 0.0
    return float(max(own, repeats) / np.sqrt(len(point.values)))


def _error_at(law: NDArray[np.float64], rows: NDArray[np.float64] | float) -> NDArray[np.float64]:
    floor, scale, power = law
    return np.asarray(floor + scale * np.asarray(rows, dtype=np.float64) ** -power)


def _fit_power_law(
    rows: NDArray[np.float64], errors: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Floor, scale and power: for each power of a grid the two others are a least-squares fit, neither negative."""
    from scipy.optimize import nnls

    best, law = np.inf, np.array([errors[-1], 0.0, 1.0])
    for power in np.linspace(0.05, _MAX_POWER, 40):
        design = np.column_stack([np.ones_like(rows), rows**-power]) / spread[:, np.newaxis]
        found, residual = nnls(design, errors / spread)
        if residual < best:
            best, law = residual, np.array([found[0], found[1], power])
    return law


def subset_sizes(rows: int, classes: int, count: int = 6) -> list[int]:
    """How many rows the subsets have, evenly on a logarithmic scale, up to all."""
    smallest = max(2 * classes, rows // 16, 20)
    if smallest >= rows:
        return [rows]
    return sorted({round(size) for size in np.geomspace(smallest, rows, count)})
