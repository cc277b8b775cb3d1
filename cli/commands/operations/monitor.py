"""`glossator monitor`"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glossator.cli.support.console import FAILED, OK, REJECTED_ROWS, Json, print_json, stderr, stdout

if TYPE_CHECKING:
    from glossator.service.reviews.live_accuracy import LiveAccuracy
    from glossator.service.statistics.confidence_sequence import Interval
    from glossator.service.statistics.live_accuracy import Estimate

DEFAULT_LABELS = 200


def monitor(
    model: Annotated[str, typer.Argument(help="The name of the model in the log, or NAME@DIGEST for one version.")],
    log: Annotated[
        Path, typer.Option("--log", help="The folder of the prediction log: that of `glossator serve --log`.")
    ],
    since: Annotated[str | None, typer.Option(help="A new period: answers from this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="A new period: answers before this time. Default: now.")] = None,
    new: Annotated[
        bool, typer.Option("--new", help="A new period: the answers since the end of the last one, until now.")
    ] = False,
    labels: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Draw answers until there are that many draws. Default for a new period: {DEFAULT_LABELS}."
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(help="Write the drawn answers without a review to this file (JSON lines; - for stdout)."),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Read reviews from this file: the tasks, with what the reviewer says added.")
    ] = None,
    reviewer: Annotated[str, typer.Option(help="Who reviewed, for rows that do not say it.")] = "reviewer",
    confidence: Annotated[
        float, typer.Option(min=50.0, max=99.99, metavar="PERCENT", help="Confidence of the interval.")
    ] = 95.0,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=100.0, metavar="PERCENT", help="Exit with 1 if the accuracy is shown to be lower."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure the accuracy of a deployed model from a few reviewed answers.

    The answers in the prediction log until now are a period. Some of them are drawn for review; --tasks writes them.
    Add "correct": true or false to each line, or "gold_labels": [...], "gold_entities": [...], "gold_span": {...},
    or "skip": true, and read the file back with --answers. The accuracy of all answers of the period is then between
    the two printed numbers, with the stated confidence however often you look. Without --since, --until and --new, the
    last period of the model goes on. Exits with 3 if rows of --answers could not be used.

    \b
    Examples:
      glossator monitor tickets --log predictions --labels 200 --tasks review.jsonl
      glossator monitor tickets --log predictions --answers review.jsonl --min-accuracy 90
    """
    from glossator.service.monitoring.prediction_log.reader import LogReader, parse_time
    from glossator.service.monitoring.prediction_log.records import format_time
    from glossator.service.reviews.live_accuracy import live_accuracy
    from glossator.service.reviews.periods import draw_items, open_period
    from glossator.service.reviews.store import DATABASE, open_review_store
    from glossator.service.reviews.tasks import read_reviews, review_tasks

    LogReader(log)  # an error if there is no log
    name, _, digest = model.partition("@")
    begin, end = parse_time(since, "--since"), parse_time(until, "--until")
    store = open_review_store(log, os.environ.get(DATABASE) or None)
    try:
        last = store.newest_period(name)
        period = None if since or until or new or digest else last
        if period is None:
            period = open_period(
                store,
                log,
                name,
                since=begin or (last.until if new and last is not None else None),
                until=end or format_time(time.time()),
                planned_labels=labels or DEFAULT_LABELS,
                digest=digest or None,
            )
            draw_items(store, period, labels or DEFAULT_LABELS)
        elif labels is not None:
            draw_items(store, period, labels)
        faults: list[str] = []
        if answers is not None:
            reviews, unusable = read_reviews(_rows(answers, faults), period, store.draws(period.id), reviewer)
            faults += unusable
            store.add_reviews(period.id, reviews)
        if tasks is not None:
            _write_tasks(tasks, review_tasks(store, log, period))
        found = live_accuracy(store, period, alpha=1.0 - confidence / 100.0)
    finally:
        store.close()
    for fault in faults:
        stderr().print(f"· {fault}", markup=False)
    if as_json:
        print_json(_to_json(found, faults))
    else:
        out = stderr() if tasks == "-" else stdout()
        for line in _sentences(found):
            out.print(line, markup=False)
    if faults:
        return REJECTED_ROWS
    return FAILED if min_accuracy is not None and found.estimate.interval.high < min_accuracy / 100.0 else OK


def _rows(path: Path, faults: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file of reviews with their numbers; rows that cannot be read become faults."""
    from glossator.service.documents.open_source import open_source

    for number, record in enumerate(open_source(path).records(), start=1):
        if record.error is not None:
            faults.append(f"row {number}: {record.error.message}")
        else:
            yield number, dict(record.fields)


def _write_tasks(path: str, tasks: Iterator[dict[str, Any]]) -> None:
    from glossator.service.files.atomic_file import AtomicFile

    count = without = 0
    file = AtomicFile(path, mode=0o600)
    try:
        for task in tasks:
            count += 1
            without += "text" not in task
            file.write((json.dumps(task, ensure_ascii=False) + "\n").encode("utf-8"))
        file.commit()
    except BaseException:
        file.discard()
        raise
    stderr().print(f"· wrote {count:,} answers to review", markup=False)
    if without:
        stderr().print(
            f"· the text of {without:,} of them is not in the log: find it by its SHA-256, or log texts "
            "(glossator serve --log-texts)",
            markup=False,
        )


def _sentences(found: LiveAccuracy) -> Iterator[str]:
    period, estimate = found.period, found.estimate
    level = f"{100 * (1 - found.alpha):g} %"
    yield (
        f"{period.model}@{period.digest[:12]}: {len(period.items):,} answers from {period.since[:19]} to "
        f"{period.until[:19]} UTC"
    )
    if estimate.value is None:
        yield "no reviews yet: the accuracy is not known"
    else:
        yield (
            f"accuracy {_range(estimate.interval)} ({level}, however often you look); best estimate "
            f"{_percent(estimate.value)}, from {estimate.labels:,} reviewed draws"
        )
    if estimate.skipped:
        yield (
            f"skipped: {estimate.skipped:,}; whether they are right or wrong, the accuracy is {_range(estimate.worst)}"
        )
    if found.needed is not None:
        yield f"about {found.needed:,} reviewed draws in all make it +-2 points"
    if found.calibrated is not None:
        yield f"without reviews: {_percent(found.calibrated)}, if the confidences are calibrated"
    for each in found.by_label:
        reviewed = f"{each.estimate.labels:,} reviews, {each.items:,} answers"
        yield f"  {each.label}: {_range(each.estimate.interval)}, {reviewed}"
    if found.by_label:
        yield f"  ({level} for all labels together)"
    if found.ahead:
        yield f"reviews that wait for those of earlier draws, and do not count yet: {found.ahead:,}"
    if found.waiting:
        yield f"to review: {found.waiting:,} answers (--tasks FILE writes them)"


def _to_json(found: LiveAccuracy, faults: list[str]) -> dict[str, Any]:
    period = found.period
    return {
        "period": period.id,
        "model": period.model,
        "digest": period.digest,
        "since": period.since,
        "until": period.until,
        "answers": len(period.items),
        "confidence": 1.0 - found.alpha,
        "accuracy": _estimate(found.estimate),
        "draws": found.draws,
        "waiting": found.waiting,
        "ahead": found.ahead,
        "needed_for_2_points": found.needed,
        "if_calibrated": found.calibrated,
        "labels": {each.label: {"answers": each.items, **_estimate(each.estimate)} for each in found.by_label},
        "faults": faults,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "low": estimate.interval.low,
        "high": estimate.interval.high,
        "worst_low": estimate.worst.low,
        "worst_high": estimate.worst.high,
        "reviewed": estimate.labels,
        "skipped": estimate.skipped,
    }


def _range(interval: Interval) -> str:
    return f"between {_percent(interval.low)} and {_percent(interval.high)}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"
