"""Figures of the pages."""

from __future__ import annotations

import statistics
from typing import Any

from figure_text import Figures


def first_page(result: Any) -> Figures:
    """What the first page transfers, and when it can be used."""
    kilobytes, seconds = ([run[name] for run in result["runs"]] for name in ("kilobytes", "interactive"))
    return {
        "kilobytes": f"{statistics.median(kilobytes):.0f}",
        "seconds": f"{statistics.median(seconds):.2f}",
        "seconds.range": f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})",
    }


def review_keys(result: Any) -> Figures:
    """The time from a key press to the next item of a queue."""
    times = sorted(result["passes"]["100 items"]["milliseconds"])
    hour = result["passes"]["300 items, one reload"]["milliseconds"]
    return {
        "median": f"{statistics.median(times):.0f}",
        "p95": f"{times[int(0.95 * len(times))]:.0f}",
        "longest": f"{max(*times, *hour):.0f}",
        "hour_seconds": f"{sum(hour) / 1000:.1f}",
    }
