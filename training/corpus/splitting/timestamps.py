"""When rows came about: a column of times as numbers that can be ordered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import CorpusError, Fault, shorten


def times_of(values: Sequence[str], column: str, lines: Sequence[int]) -> NDArray[np.float64]:
    """Times as numbers that rise with them, `(rows,)`: numbers as they are, dates and times of ISO 8601 in seconds
    since 1970 (UTC, where they name no zone). Raises CorpusError with the rows that hold neither."""
    found, strange = [], []
    for value, line in zip(values, lines, strict=True):
        try:
            found.append(_time(value.strip()))
        except ValueError:
            strange.append(Fault("time-unreadable", repr(shorten(value, 40)), f"line {line}"))
    if strange:
        raise CorpusError(
            f"the times in column {column!r} cannot be read",
            found=f"{len(strange):,} of {len(values):,} rows",
            expected="numbers, or dates and times of ISO 8601 such as 2026-01-31 or 2026-01-31T12:00:00Z",
            faults=strange[:20],
        )
    return np.array(found)


def _time(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number):
        raise ValueError(value)
    return number
