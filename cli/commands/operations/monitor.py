"""`glossator monitor`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.console import FAILED, OK, REJECTED_ROWS, Json, print_json, stderr, stdout
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy
    from glossator.service.reviews.accuracy.live_f1 import LiveF1
    from glossator.service.reviews.accuracy.monitor import Monitored
    from glossator.service.statistics.confidence_sequence import Interval

DEFAULT_LABELS = 200
_SHOWN_LABELS = 20


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
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="FIELD",
            help="Divide the answers by route, key, version, tier, truncated, windows, tokens, confidence or time "
            "(days). May be repeated; all intervals hold together.",
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Show all periods of the model.")] = False,
    figure: Annotated[
        str | None,
        typer.Option(
            help="Draw all periods of the model into this SVG file (- for stdout); needs glossator[evaluation]."
        ),
    ] = None,
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
      glossator monitor tickets --log predictions --slice route --slice tokens
      glossator monitor tickets --log predictions --history --figure live.svg
    """
    from glossator.service.reviews.accuracy.monitor import NewPeriod, monitor_model
    from glossator.service.reviews.accuracy.monitor_json import monitored_to_json

    if figure is not None:
        from glossator.workflows.extras import require_extra

        require_extra("evaluation")
    if [tasks, figure].count("-") + as_json > 1:
        raise ConfigError(
            "only one result can be written to standard output",
            found=", ".join(
                name
                for name, on in (("--tasks -", tasks == "-"), ("--figure -", figure == "-"), ("--json", as_json))
                if on
            ),
            hint="Write the others to files.",
        )
    found = monitor_model(
        model,
        log,
        period=NewPeriod(since, until, after_last=new),
        labels=labels,
        tasks=tasks,
        answers=answers,
        reviewer=reviewer,
        alpha=1.0 - confidence / 100.0,
        slices=slices or (),
        history=history or figure is not None,
    )
    for sentence in _remarks(found):
        stderr().print(f"· {sentence}", markup=False)
    if figure is not None:
        _draw(found, figure)
    if as_json:
        print_json(monitored_to_json(found))
    else:
        out = stderr() if "-" in (tasks, figure) else stdout()
        for line in [*_sentences(found.accuracy), *(_history(found) if history else ())]:
            out.print(line, markup=False)
    if found.faults:
        return REJECTED_ROWS
    highest = found.accuracy.estimate.interval.high
    return FAILED if min_accuracy is not None and highest < min_accuracy / 100.0 else OK


def _remarks(found: Monitored) -> Iterator[str]:
    if found.task_file is not None:
        yield f"wrote {found.task_file.tasks:,} answers to review"
        if found.task_file.without_text:
            yield (
                f"the text of {found.task_file.without_text:,} of them is not in the log: find it by its SHA-256, or "
                "log texts (glossator serve --log-texts)"
            )
    yield from found.notes
    yield from found.faults


def _draw(found: Monitored, path: str) -> None:
    from glossator.evaluation.reports.plots.live_accuracy_plot import AccuracyPoint, live_accuracy_svg
    from glossator.service.files.atomic_file import AtomicFile

    points = [
        AccuracyPoint(
            since=each.period.since,
            until=each.period.until,
            version=each.period.digest,
            answers=len(each.period.items),
            reviewed=each.estimate.labels,
            value=each.estimate.value,
            low=each.estimate.interval.low,
            high=each.estimate.interval.high,
            calibrated=each.calibrated,
        )
        for each in found.history
    ]
    drawing = live_accuracy_svg(found.accuracy.period.model, points, confidence=1.0 - found.accuracy.alpha)
    file = AtomicFile(path)
    try:
        file.write(drawing.encode("utf-8"))
        file.commit()
    except BaseException:
        file.discard()
        raise


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
            f"{_MEASURE[period.scheme.kind]} {_range(estimate.interval)} ({level}, however often you look); best "
            f"estimate {_percent(estimate.value)}, from {estimate.labels:,} reviewed draws"
        )
    if estimate.skipped:
        yield (
            f"skipped: {estimate.skipped:,}; whether they are right or wrong, the accuracy is {_range(estimate.worst)}"
        )
    if found.needed is not None:
        yield f"about {found.needed:,} reviewed draws in all make it +-2 points"
    if found.calibrated is not None:
        yield f"without reviews: {_percent(found.calibrated)}, if the confidences are calibrated"
    if found.f1 is not None and estimate.labels:
        yield from _f1_sentences(found.f1, level)
    for each in found.by_label[:_SHOWN_LABELS]:
        reviewed = f"{each.estimate.labels:,} reviews, {each.items:,} answers"
        yield f"  {each.value}: {_range(each.estimate.interval)}, {reviewed}"
    if len(found.by_label) > _SHOWN_LABELS:
        yield f"  and {len(found.by_label) - _SHOWN_LABELS:,} more labels (--json lists them)"
    if found.by_label:
        yield f"  ({level} for all labels together)"
    for each in found.slices:
        reviewed = f"{each.estimate.labels:,} reviews, {each.items:,} answers"
        yield f"  {each.field} {each.value}: {_range(each.estimate.interval)}, {reviewed}"
    if found.slices:
        yield f"  ({level} for all slices together)"
    if found.ahead:
        yield f"reviews that wait for those of earlier draws, and do not count yet: {found.ahead:,}"
    if found.waiting:
        yield f"to review: {found.waiting:,} answers (--tasks FILE writes them)"


_MEASURE = {
    "label": "accuracy",
    "labels": "accuracy (all labels of an answer are right)",
    "entities": "accuracy (all entities of a text are right)",
    "span": "accuracy (the span is right)",
}
"""What is right or wrong, by the kind of answers."""


def _f1_sentences(found: LiveF1, level: str) -> Iterator[str]:
    name = "strict F1 of entities" if found.parts == "entities" else "micro F1 of labels"
    best = "" if found.value is None else f"; best estimate {_percent(found.value)}"
    yield f"{name} {_range(found.interval)} ({level}){best}, from {found.texts:,} draws whose right answer is known"
    if found.without_gold:
        yield (
            f"  {found.without_gold:,} wrong answers widen it, because their review does not say what is right "
            f'("gold_{found.parts}")'
        )
    if found.over_limit:
        yield f"  {found.over_limit:,} texts miss more {found.parts} than are counted for one text"


def _history(found: Monitored) -> Iterator[str]:
    yield f"periods: {len(found.history):,} ({100 * (1 - found.accuracy.alpha):g} % for each by itself)"
    for each in found.history:
        estimate, period = each.estimate, each.period
        if estimate.value is None:
            measured = "no reviews"
        else:
            measured = f"{_percent(estimate.value)}, {_range(estimate.interval)}, {estimate.labels:,} reviews"
        calibrated = "" if each.calibrated is None else f"; {_percent(each.calibrated)} if calibrated"
        yield (
            f"  {period.since[:16]} to {period.until[:16]} {period.digest[:8]}: {measured}, "
            f"{len(period.items):,} answers{calibrated}"
        )


def _range(interval: Interval) -> str:
    return f"between {_percent(interval.low)} and {_percent(interval.high)}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"
