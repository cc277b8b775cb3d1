"""`glossator drift`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options
from glossator.cli.support.console import (
    FAILED,
    OK,
    REJECTED_ROWS,
    Json,
    Quiet,
    Threads,
    print_json,
    reporter,
    stderr,
    stdout,
)
from glossator.cli.support.labelling_options import input_options
from glossator.cli.support.panels import JOB_SIZE, OUTPUT
from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.workflows.loop.drift_files import DriftResult


@corpus_options.with_reading_options("text_column", "second_column", *corpus_options.FORMAT)
def drift(
    source: Annotated[
        str | None, typer.Argument(help="File, folder or archive with texts, or - for standard input.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Folder of the bundle; with --registry NAME or NAME@VERSION.")
    ] = "",
    registry: Annotated[Path | None, typer.Option(help="The registry that has the model.")] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Compare the answers in this prediction log, instead of a file.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="With --log: answers from this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="With --log: answers before this time.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The largest distance that does not matter, from 0 to 1.")
    ] = 0.1,
    confidence: Annotated[
        float, typer.Option(min=50.0, max=99.99, metavar="PERCENT", help="Confidence of all intervals together.")
    ] = 95.0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Read only the first N rows.", metavar="N", rich_help_panel=JOB_SIZE)
    ] = None,
    sample: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="A random share of the rows, such as 0.01.", rich_help_panel=JOB_SIZE),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.", rich_help_panel=JOB_SIZE)] = 13,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the distributions into this SVG file.", rich_help_panel=OUTPUT)
    ] = None,
    *,
    reading: ReadingOptions,
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Compare texts with those that a model was made for, without labels.

    The texts are answered. A few summaries of the texts and of the answers are compared with the reference samples in
    the bundle: lengths, unusual characters and words, confidence, the mix of labels. Each has a distance from 0 to 1
    with its interval. With --log, the answers in a prediction log are compared, and no texts are needed. Exits with 1
    if a summary is shown to be further away than the tolerance, with 3 if rows could not be answered.

    \b
    Examples:
      glossator drift november.csv --model models/tickets --figure drift.svg
      glossator drift --log predictions --model models/tickets --since 2026-11-23 --json
      glossator drift --log predictions --registry registry --model tickets@champion
    """
    from glossator.service.documents.sources.remote import is_remote, local_copy
    from glossator.service.monitoring.prediction_log.reader import parse_time
    from glossator.workflows.loop.drift_files import DriftOptions, drift_of_file, drift_of_log, find_bundle
    from glossator.workflows.loop.drift_report import report_lines

    _check(source, model, log, since, until)
    progress = reporter(quiet=quiet)
    bundle = find_bundle(model, registry)
    options = DriftOptions(tolerance, 1.0 - confidence / 100.0)
    if log is not None:
        begin, end = parse_time(since, "--since"), parse_time(until, "--until")
        found = drift_of_log(log, bundle, progress, options=options, since=begin, until=end)
    else:
        assert source is not None
        from contextlib import nullcontext

        opened = local_copy(source, progress.stage) if is_remote(source) else nullcontext(source)
        with opened as here:
            found = drift_of_file(
                here,
                bundle,
                progress,
                options=options,
                input_options=input_options(reading),
                text_column=reading.text_column,
                second_column=reading.second_column,
                limit=limit,
                share=sample,
                seed=seed,
                threads=threads,
            )
    if figure is not None:
        _draw(found, figure)
        progress.stage(f"wrote {figure}")
    if as_json:
        print_json(found.to_dict())
    else:
        for line in report_lines(found):
            stdout().print(line, markup=False)
    if found.unusable and log is None:
        stderr(quiet=quiet).print(f"· {found.unusable:,} rows could not be answered", markup=False)
    if found.comparison.drifted:
        return FAILED
    return REJECTED_ROWS if found.unusable and log is None else OK


def _check(source: str | None, model: str, log: Path | None, since: str | None, until: str | None) -> None:
    """Raise ConfigError if the options contradict one another."""
    if not model:
        raise ConfigError("the model is missing", hint="Pass --model BUNDLE: the folder of the bundle.")
    if (source is None) == (log is None):
        raise ConfigError(
            "drift compares either a file or a prediction log",
            found="neither" if source is None else "both",
            expected="a file, or --log FOLDER",
        )
    if log is None and (since or until):
        raise ConfigError("--since and --until need --log", hint="A file has no times.")


def _draw(found: DriftResult, path: Path) -> None:
    """Draw the summaries that are numbers."""
    from glossator.workflows.extras import require_extra
    from glossator.workflows.report_files import write_text

    require_extra("evaluation")
    from glossator.evaluation.reports.plots.drift_plot import SummaryPanel, drift_svg

    panels = [
        SummaryPanel(
            each.summary,
            found.reference.samples[each.summary],
            found.sample.numbers.get(each.summary, ()),
            each.distance.value,
            each.distance.low,
            each.distance.high,
            each.verdict == "drifted",
        )
        for each in found.comparison.summaries
        if each.usual is not None
    ]
    title = f"{found.model}: {found.comparison.texts:,} texts and {found.comparison.reference_texts:,} reference texts"
    write_text(path, drift_svg(title, panels))
