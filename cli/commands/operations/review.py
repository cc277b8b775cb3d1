"""`glossator review`"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.commands.operations.review_files import files
from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, echo, print_json, stderr, stdout
from glossator.cli.support.review_text import import_sentences, opinion, status_sentences
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.reviews.formats.review_files import ReviewFormat
    from glossator.service.reviews.records import Period, Role
    from glossator.service.reviews.store import ReviewStore
    from glossator.service.reviews.tasks import Part

DEFAULT_LABELS = 200

Model = Annotated[
    str | None, typer.Argument(help="The name of the model in the log. Default: the only one with a period.")
]
Log = Annotated[Path, typer.Option("--log", help="The folder of the prediction log: that of `glossator serve --log`.")]
Format = Annotated[
    str | None, typer.Option("--format", help="jsonl, label-studio or prodigy. Read files say it by their content.")
]
Reviewer = Annotated[str, typer.Option(help="Who reviewed, for rows that do not say it.")]
NewLabels = Annotated[bool, typer.Option("--new-labels", help="Allow right labels that the model does not have.")]

review = typer.Typer(
    name="review",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Give logged answers to reviewers, and read what they say.

    `glossator monitor` draws answers of a model for review. These commands serve that queue as files, for one reviewer
    or several, and show how far they agree.

    \b
    Examples:
      glossator review tasks tickets --log predictions --labels 200 -o review.jsonl
      glossator review tasks tickets --log predictions --overlap 0.2 --format label-studio
      glossator review import export.json --log predictions
      glossator review status tickets --log predictions
      glossator review adjudicate tickets --log predictions -o differing.jsonl
      glossator review undo tickets --log predictions --item 17 --reviewer ann
      glossator review files --reviews reviews
    """,
)


review.command("files", cls=Subcommand)(files)


@review.command("tasks", cls=Subcommand)
def tasks(
    log: Log,
    model: Model = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file of tasks; - writes to standard output.")
    ] = "-",
    format: Format = None,
    labels: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw answers until there are that many draws. "
            f"Default if the model has no period yet: {DEFAULT_LABELS}, of the answers until now.",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="This share of the drawn answers wants two reviewers; it is remembered."),
    ] = None,
    reviewer: Annotated[str | None, typer.Option(help="Leave out what this reviewer has answered.")] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Part K of N, one for each reviewer. Answers that want two reviewers are in two parts."
        ),
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Leave out what the model answered.")] = False,
    config: Annotated[
        bool,
        typer.Option("--config", help="Print the labelling interface for Label Studio, and write no tasks."),
    ] = False,
    as_json: Json = False,
) -> int:
    """Write the answers that wait for a review.

    JSON lines: add "correct": true or false, "gold_labels": [...], "gold_entities": [...], "gold_span": {...}, or
    "skip": true. Label Studio and Prodigy need the texts in the log (glossator serve --log-texts). Offsets count code
    points; those of Label Studio are converted.
    """
    from glossator.service.reviews.accuracy.periods import draw_items
    from glossator.service.reviews.formats.label_studio import labelling_config
    from glossator.service.reviews.formats.review_files import check_format, write_tasks
    from glossator.service.reviews.tasks import review_tasks

    chosen, share_of = check_format(format) or "jsonl", _part(part)
    with _store(log) as store:
        period = _period(store, model, log, open_new=True, labels=labels)
        if labels is not None:
            draw_items(store, period, labels)
        if overlap is not None:
            store.set_overlap(period.id, overlap)
        found = review_tasks(store, log, period, reviewer=reviewer, part=share_of, blind=blind)
        if config:
            first = next(iter(found), {})
            echo(labelling_config(period.scheme, pairs="second" in first), end="")
            return OK
        written = write_tasks(output, found, period, chosen)
    _show_written(written.tasks, written.without_text, chosen, left_out=chosen != "jsonl")
    if as_json:
        result = {"period": period.id, "tasks": written.tasks, "without_text": written.without_text, "output": output}
        print_json(result, to_stderr=output == "-")
    return OK


@review.command("import", cls=Subcommand)
def import_(
    file: Annotated[
        Path, typer.Argument(help="The file of answers: JSON lines, or an export of Label Studio or Prodigy.")
    ],
    log: Log,
    model: Model = None,
    reviewer: Reviewer = "reviewer",
    format: Format = None,
    new_labels: NewLabels = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="Store reviews again that were replaced or undone since.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Read reviews from a file. Reading it again changes nothing; exits with 3 if some rows could not be used."""
    return _read(
        log, model, file, reviewer, "reviewer", format, new_labels=new_labels, restore=restore, as_json=as_json
    )


@review.command("status", cls=Subcommand)
def status(
    log: Log,
    model: Model = None,
    confidence: Annotated[
        float, typer.Option(min=50.0, max=99.99, metavar="PERCENT", help="Confidence of the interval.")
    ] = 95.0,
    as_json: Json = False,
) -> int:
    """Show how far the reviews are, who reviewed, how far they agree, and the accuracy so far."""
    from glossator.service.reviews.accuracy.status import review_status, status_to_json

    with _store(log) as store:
        found = review_status(store, _period(store, model, log), alpha=1.0 - confidence / 100.0)
    if as_json:
        print_json(status_to_json(found))
    else:
        for line in status_sentences(found):
            stdout().print(line, markup=False)
    return OK


@review.command("undo", cls=Subcommand)
def undo(
    log: Log,
    item: Annotated[list[int], typer.Option(min=0, help="The number of the item. May be repeated.")],
    model: Model = None,
    reviewer: Annotated[str, typer.Option(help="Whose review is withdrawn.")] = "reviewer",
    by: Annotated[str | None, typer.Option(help="Who withdraws it. Default: the reviewer.")] = None,
    as_json: Json = False,
) -> int:
    """Withdraw reviews: the items wait for a review again. Nothing is deleted; repeating it changes nothing."""
    with _store(log) as store:
        period = _period(store, model, log)
        unknown = sorted(set(item) - set(store.draws(period.id)))
        if unknown:
            raise ConfigError(
                "these items were not drawn for review",
                found=", ".join(map(str, unknown)),
                expected=f"items of {period.id}",
                hint="The tasks and `glossator review status` show the numbers of items.",
            )
        undone = [each for each in dict.fromkeys(item) if store.undo(period.id, each, reviewer, by=by or reviewer)]
    if as_json:
        print_json({"period": period.id, "reviewer": reviewer, "undone": undone})
    else:
        stdout().print(f"withdrew {len(undone):,} reviews of {reviewer}", markup=False)
    return OK


@review.command("adjudicate", cls=Subcommand)
def adjudicate(
    log: Log,
    model: Model = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the items where reviewers differ to this file; - for stdout."),
    ] = None,
    answers: Annotated[Path | None, typer.Option(help="Read what the adjudicator decided from this file.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who decided, for rows that do not say it.")] = "adjudicator",
    format: Format = None,
    config: Annotated[bool, typer.Option("--config", help="Print the labelling interface for Label Studio.")] = False,
    new_labels: NewLabels = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="Store decisions again that were replaced or undone since.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Decide where reviewers differ: an adjudicator's answer counts instead of theirs.

    Without --output and --answers, lists the items. The tasks say who said what, in "reviews".
    """
    from glossator.service.reviews.formats.label_studio import labelling_config
    from glossator.service.reviews.formats.review_files import check_format, write_tasks
    from glossator.service.reviews.tasks import adjudication_tasks

    if answers is not None:
        return _read(
            log,
            model,
            answers,
            reviewer,
            "adjudicator",
            format,
            new_labels=new_labels,
            restore=restore,
            as_json=as_json,
        )
    chosen = check_format(format) or "jsonl"
    with _store(log) as store:
        period = _period(store, model, log)
        found = list(adjudication_tasks(store, log, period))
        if config:
            pairs = any("second" in each for each in found)
            echo(labelling_config(period.scheme, pairs=pairs, adjudication=True), end="")
            return OK
        if output is not None:
            written = write_tasks(output, found, period, chosen)
            _show_written(written.tasks, written.without_text, chosen, left_out=chosen != "jsonl")
    if as_json:
        print_json({"period": period.id, "differing": found}, to_stderr=output == "-")
    elif output is None:
        for each in found:
            said = "; ".join(f"{one['reviewer']}: {opinion(one)}" for one in each["reviews"])
            stdout().print(f"{each['item']}  {said}", markup=False)
        stdout().print(f"items where reviewers differ: {len(found):,}", markup=False)
    return OK


@contextmanager
def _store(log: Path) -> Iterator[ReviewStore]:
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.reviews.store import DATABASE, open_review_store

    LogReader(log)  # an error if there is no log
    store = open_review_store(log, os.environ.get(DATABASE) or None)
    try:
        yield store
    finally:
        store.close()


def _period(
    store: ReviewStore, model: str | None, log: Path, *, open_new: bool = False, labels: int | None = None
) -> Period:
    """Return the newest period of the model; with `open_new`, one of the answers until now if there is none."""
    from glossator.service.monitoring.prediction_log.records import format_time
    from glossator.service.reviews.accuracy.periods import draw_items, open_period

    if model is None:
        known = store.models()
        if len(known) != 1:
            raise ConfigError(
                "name a model" if known else "no model has a period of answers to review",
                found=", ".join(known) or "an empty store of reviews",
                expected="the name of a model in the log",
                hint=f"See `glossator log stats {log}`.",
            )
        model = known[0]
    period = store.newest_period(model)
    if period is None and open_new:
        until = format_time(time.time())
        period = open_period(store, log, model, since=None, until=until, planned_labels=labels or DEFAULT_LABELS)
        draw_items(store, period, labels or DEFAULT_LABELS)
    if period is None:
        raise ConfigError(
            "this model has no period of answers to review",
            found=model,
            expected=f"one of: {', '.join(store.models())}" if store.models() else None,
            hint=f"glossator review tasks {model} --log {log} opens one.",
        )
    return period


def _part(text: str | None) -> Part | None:
    from glossator.service.reviews.tasks import Part

    if text is None:
        return None
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise ConfigError("--part is not a part", found=text, expected="K/N, such as 1/2 and 2/2 for two reviewers")
    return Part(int(first), int(second))


def _read(
    log: Path,
    model: str | None,
    file: Path,
    reviewer: str,
    role: Role,
    format: str | None,
    *,
    new_labels: bool,
    restore: bool,
    as_json: bool,
) -> int:
    from glossator.service.reviews.formats.review_files import check_format, import_file

    kind = check_format(format)
    with _store(log) as store:
        period = _period(store, model, log)
        done = import_file(
            store, file, period, reviewer, role=role, format=kind, new_labels=new_labels, restore=restore
        )
    for fault in done.faults:
        stderr().print(f"· {fault}", markup=False)
    if any("unknown label" in fault for fault in done.faults):
        stderr().print("· --new-labels allows labels that the model does not have", markup=False)
    if as_json:
        print_json({"period": period.id, **done._asdict()})
    else:
        for line in import_sentences(done):
            stdout().print(line, markup=False)
    return REJECTED_ROWS if done.faults else OK


def _show_written(tasks: int, without_text: int, format: ReviewFormat, *, left_out: bool) -> None:
    stderr().print(f"· wrote {tasks:,} answers to review", markup=False)
    if without_text:
        done = f"{format} needs it, so they were left out" if left_out else "find it by its SHA-256"
        stderr().print(
            f"· the text of {without_text:,} answers is not in the log: {done}, or log texts "
            "(glossator serve --log-texts)",
            markup=False,
        )
