"""Parses a column of times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import CorpusError, Fault, shorten


def parse_times(values: Sequence[str], column: str, lines: Sequence[int]) -> NDArray[np.float64]:
    """Times as increasing numbers, `(rows,)`: numbers as they are, ISO 8601 dates and times as seconds since 1970.

    Times without a zone are UTC. Raises CorpusError with every row whose value is neither.
    """
    times, faults = [], []
    for value, line in zip(values, lines, strict=True):
        try:
            times.append(_parse_time(value.strip()))
        except ValueError:
            faults.append(Fault("time-unreadable", f"'{shorten(value, 40)}'", f"line {line}"))
    if faults:
        raise CorpusError(
            f"the times in column '{column}' cannot be read",
            found=f"{len(faults):,} of {len(values):,} rows",
            expected="numbers, or ISO 8601 dates and times such as 2026-01-31 or 2026-01-31T12:00:00Z",
            faults=faults[:20],
        )
    return np.array(times)


def _parse_time(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number):
        raise ValueError(value)
    return number
