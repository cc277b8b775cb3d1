"""What is wrong with a prediction log, for those who measure with it: other versions, no traffic, clocks that jump."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.monitoring.prediction_log.segments import list_segments, read_segment
from glossator.service.reviews.records import Period

CLOCK_SECONDS = 60.0
"""Smaller differences of times are no jump of a clock: threads and servers differ."""
_NEWEST_SEGMENTS = 3
_SHOWN = 12


def no_answers(log: Path, model: str, *, digest: str | None, since: str | None, until: str) -> ConfigError:
    """Return the error for a period without answers: another model, another version, or no traffic."""
    versions: dict[str, list[str]] = {}  # by model and digest: the first and the last time
    for record in LogReader(log):
        name, time = f"{record['model']}@{str(record['digest'])[:12]}", str(record["time"])
        first, last = versions.get(name, (time, time))
        versions[name] = [min(first, time), max(last, time)]
    own = {name: times for name, times in versions.items() if name.partition("@")[0] == model}
    wanted = model if digest is None else f"{model}@{digest}"
    if not own:
        models = ", ".join(sorted({name.partition("@")[0] for name in versions})) or "no answers"
        return ConfigError(
            "no answers of this model are in the log",
            found=f"{wanted}; the log has {models}",
            expected="the name of a model in the log",
            hint=f"See `glossator log stats {log}`.",
        )
    shown = [f"{name} ({first[:19]} to {last[:19]})" for name, (first, last) in sorted(own.items())]
    listed = ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
    if digest is not None and not any(name.partition("@")[2].startswith(digest[:12]) for name in own):
        return ConfigError(
            "no answers of this version of the model are in the log",
            found=wanted,
            expected=f"one of: {listed}",
            hint="The beginning of a digest is enough.",
        )
    return ConfigError(
        "no answers of this model were logged in this time",
        found=f"{wanted}, {(since or 'the beginning')[:19]} to {until[:19]}",
        expected=f"a time of: {listed}",
        hint="Change --since or --until (times are UTC), or wait until the model has answered.",
    )


def check_clocks(log: Path, period: Period, last: Period | None, *, now: str) -> list[str]:
    """Return a sentence for everything that is odd about the times of the answers of a model.

    Args:
        log: The folder of the prediction log.
        period: A period that was opened just now.
        last: The period before it, if there is one.
        now: The time, as in the records.
    """
    return list(_odd_times(log, period, last, now))


def _odd_times(log: Path, period: Period, last: Period | None, now: str) -> Iterator[str]:
    jumps = late = ahead = 0
    largest, at, latest = 0.0, "", ""
    known = {(each.request, each.place) for each in last.items} if last is not None else set()
    reader = LogReader(log, LogFilter(model=period.model, digest=period.digest))
    segment: Path | None = None
    before = ""
    for record in reader:
        time = str(record["time"])
        if segment != reader.segment:
            segment, before = reader.segment, time
        back = seconds_between(time, before)
        if back > CLOCK_SECONDS:
            jumps += 1
            if back > largest:
                largest, at = back, before
        before = time
        if seconds_between(now, time) > CLOCK_SECONDS:
            ahead, latest = ahead + 1, max(latest, time)
        if (
            last is not None
            and last.digest == period.digest
            and last.since <= time < min(last.until, period.since)
            and (str(record["request"]), int(record["place"])) not in known
        ):
            late += 1
    if jumps:
        yield (
            f"the clock of a server jumped back {jumps} times, at most by {_duration(largest)} (at {at[:19]} UTC): "
            "answers of different times have the same time in the log"
        )
    if ahead:
        yield (
            f"{ahead:,} answers have a time in the future (until {latest[:19]} UTC) and are in no period yet: the "
            "clock of a server was ahead"
        )
    if late:
        yield (
            f"{late:,} answers have times of the last period, but were logged after it was frozen: they are in no "
            "period; a new period with --since includes them"
        )


def newer_version(log: Path, period: Period) -> str | None:
    """Return the digest of the version that answered last, if it is not that of the period.

    Only the newest files of the log are read.
    """
    for segment in sorted(list_segments(log), key=_changed, reverse=True)[:_NEWEST_SEGMENTS]:
        found = ""
        for line in read_segment(segment):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and LogFilter(model=period.model).accepts(record):
                found = str(record.get("digest"))
        if found:
            return found if found != period.digest else None
    return None


def seconds_between(earlier: str, later: str) -> float:
    """Return how many seconds one time of the log is after another."""
    if earlier >= later:  # the common case, without parsing
        return 0.0
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed in the meantime
        return 0.0


def _duration(seconds: float) -> str:
    for size, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
