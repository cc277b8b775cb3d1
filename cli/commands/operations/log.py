"""`glossator log`"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, print_json, stderr, stdout
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glossator.service.monitoring.prediction_log.comparison import ShadowComparison
    from glossator.service.monitoring.prediction_log.reader import LogFilter, ModelStatistics

_LABELS = 5
"""How many of the most frequent labels are shown."""

Folder = Annotated[Path, typer.Argument(help="The folder of the prediction log: that of `glossator serve --log`.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Only answers of this model: NAME, or NAME@DIGEST.")]
Since = Annotated[
    str | None, typer.Option(help="Only answers from this time on, such as 2026-11-29 or 2026-11-29T13:00.")
]
Until = Annotated[str | None, typer.Option(help="Only answers before this time.")]

log = typer.Typer(
    name="log",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Count, export and erase the answers that `glossator serve --log FOLDER` has logged.

    \b
    Examples:
      glossator log stats predictions
      glossator log export predictions -o week.parquet --since 2026-11-23
      glossator log forget predictions --text "my card is 4111 1111 1111 1111"
    """,
)


@log.command("stats", cls=Subcommand)
def stats(
    folder: Folder, model: ModelName = None, since: Since = None, until: Until = None, as_json: Json = False
) -> int:
    """Count the answers of each version of each model, and how often shadows answered differently."""
    from glossator.service.monitoring.prediction_log.comparison import compare_shadows
    from glossator.service.monitoring.prediction_log.reader import log_statistics

    wanted = _filter(model, since, until)
    found = log_statistics(folder, wanted)
    comparisons = compare_shadows(folder, wanted)
    if as_json:
        models = [
            {
                "model": each.model,
                "digest": each.digest,
                "records": each.records,
                "first": each.first,
                "last": each.last,
                "truncated": each.truncated,
                "mean_confidence": each.mean_confidence,
                "labels": dict(each.labels.most_common()),
            }
            for each in found.models
        ]
        shadows = [
            {
                "model": each.model,
                "digest": each.digest,
                "challenger": each.challenger,
                "compared": each.compared,
                "disagreements": each.disagreements,
                "share": each.share,
                "interval": list(each.interval),
            }
            for each in comparisons
        ]
        totals = {"segments": found.segments, "bytes": found.bytes, "damaged": found.damaged}
        print_json({"models": models, "shadows": shadows} | totals)
    else:
        for each in found.models:
            stdout().print("\n".join(_description(each)), markup=False)
            for shadow in comparisons:
                if (shadow.model, shadow.digest) == (each.model, each.digest):
                    stdout().print(f"  {_comparison(shadow)}", markup=False)
        total = sum(each.records for each in found.models)
        stdout().print(f"{total:,} answers in {found.bytes / 1e6:,.1f} MB, segments: {found.segments}", markup=False)
        _show_damaged(found.damaged)
    return REJECTED_ROWS if found.damaged else OK


@log.command("export", cls=Subcommand)
def export(
    folder: Folder,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="The file: .parquet or .jsonl; - writes JSON lines to standard output."),
    ],
    model: ModelName = None,
    since: Since = None,
    until: Until = None,
    role: Annotated[
        Literal["served", "shadow"], typer.Option(help="What callers got, or what shadows answered.")
    ] = "served",
    as_json: Json = False,
) -> int:
    """Write the answers to one file. Exits with 3 if some lines of the log are damaged."""
    from glossator.service.monitoring.prediction_log.export import export_records
    from glossator.service.monitoring.prediction_log.reader import LogReader

    reader = LogReader(folder, replace(_filter(model, since, until), role=role))
    count = export_records(reader, output)
    if as_json and output != "-":
        print_json({"output": output, "records": count, "damaged": reader.damaged})
    else:
        stderr().print(f"· wrote {count:,} answers", markup=False)
        _show_damaged(reader.damaged)
    return REJECTED_ROWS if reader.damaged else OK


@log.command("forget", cls=Subcommand)
def forget(
    folder: Folder,
    text: Annotated[list[str] | None, typer.Option(help="Erase the answers to this text. May be repeated.")] = None,
    sha256: Annotated[
        list[str] | None, typer.Option(help="Erase the answers to the text with this SHA-256. May be repeated.")
    ] = None,
    request: Annotated[
        list[str] | None,
        typer.Option(help="Erase the answers to the request with this X-Request-Id, or to this job. May be repeated."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Erase logged answers by their text or their request, and the feedback on them.

    They are hidden at once. A server that runs removes them from the file that it is writing within seconds. Answers
    to the same text that are given later are logged again.
    """
    from glossator.service.monitoring.prediction_log.erasures import erase
    from glossator.service.monitoring.prediction_log.reader import LogReader
    from glossator.service.monitoring.prediction_log.records import hash_text
    from glossator.service.promotion.erasure import erase_disagreements
    from glossator.service.reviews.erasure import erase_reviewed
    from glossator.service.reviews.store import DATABASE

    hashes = [*map(hash_text, text or ()), *map(_checked_hash, sha256 or ())]
    if not hashes and not request:
        raise ConfigError(
            "it is not said what to erase",
            expected="--text, --sha256 or --request",
            hint="See glossator log forget -h.",
        )
    LogReader(folder)  # an error if there is no log
    erased = erase(folder, text_hashes=hashes, requests=request or ())
    url = os.environ.get(DATABASE) or None
    erase_disagreements(folder, url, text_hashes=hashes, requests=request or ())
    feedback = erase_reviewed(folder, url, text_hashes=hashes, requests=request or ())
    if as_json:
        print_json({**asdict(erased), "feedback": feedback})
    else:
        waiting = f"; {erased.waiting:,} of them are hidden until the server removes them" if erased.waiting else ""
        stdout().print(f"erased {erased.records:,} answers{waiting}", markup=False)
        if feedback:
            stdout().print(f"erased {feedback:,} rows of feedback", markup=False)
    return OK


def _filter(model: str | None, since: str | None, until: str | None) -> LogFilter:
    from glossator.service.monitoring.prediction_log.reader import LogFilter, parse_time

    name, _, digest = (model or "").partition("@")
    return LogFilter(name or None, digest or None, parse_time(since, "--since"), parse_time(until, "--until"))


def _description(found: ModelStatistics) -> Iterator[str]:
    times = f"from {found.first[:19]} to {found.last[:19]} UTC"
    yield f"{found.model}@{found.digest[:12]}: {found.records:,} answers {times}"
    if found.mean_confidence is not None:
        yield f"  mean confidence {found.mean_confidence:.3f}"
    if found.labels:
        shares = [f"{label} {count / found.records:.1%}" for label, count in found.labels.most_common(_LABELS)]
        rest = len(found.labels) - len(shares)
        yield f"  {', '.join(shares)}" + (f" and {rest} other labels" if rest else "")
    if found.truncated:
        yield f"  truncated texts: {found.truncated:,}"


def _comparison(found: ShadowComparison) -> str:
    low, high = found.interval
    return (
        f"shadow {found.challenger[:12]} decided differently on {found.disagreements:,} of {found.compared:,} texts: "
        f"{found.share or 0.0:.1%}, between {low:.1%} and {high:.1%} for all texts"
    )


def _checked_hash(text: str) -> str:
    if len(text) != 64 or set(text.lower()) - set("0123456789abcdef"):
        raise ConfigError("--sha256 is not a SHA-256", found=text, expected="64 hexadecimal digits")
    return text.lower()


def _show_damaged(lines: int) -> None:
    if lines:
        stderr().print(f"· {lines:,} lines of the log are damaged: they were left out", markup=False)
