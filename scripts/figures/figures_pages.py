"""Figures of the pages, of the image and of a release."""

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


def image(result: Any) -> Figures:
    """Size of the image, and how long a container takes until it answers."""
    size, starts = result["megabytes"], result["start_seconds"]
    return {
        "machine": result["machine"],
        "megabytes": f"{size['unpacked']:.0f}",
        "compressed": f"{size['compressed']:.0f}",
        "start": f"{statistics.median(starts):.1f} ({min(starts):.1f} to {max(starts):.1f})",
        "starts": str(len(starts)),
    }


def release(result: Any) -> Figures:
    """What the last full release check did: how many environments, with which versions of Python."""
    used = [each["check"].split() for each in result["checks"] if each["check"].startswith("Python ")]
    passed = [each for each in result["checks"] if each["check"].startswith("Python ") and each["state"] == "ok"]
    components = [each["found"] for each in result["checks"] if each["check"].startswith("licences ")]
    return {
        "environments": str(len(passed)),
        "extras": str(len({extra for _, _, extra in used} - {"[base]"})),
        "pythons": ", ".join(dict.fromkeys(each["check"].split()[1] for each in passed)),
        "components": f"{max(int(found.split(': ')[1].split()[0]) for found in components):,}",
        "licence_faults": str(sum(int(found.split(", ")[1].split()[0]) for found in components)),
        "version": result["version"],
    }
