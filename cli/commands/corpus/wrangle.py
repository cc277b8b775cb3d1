"""`glossator wrangle`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import corpus_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, echo, print_json, reporter
from glossator.cli.support.panels import CHECKS, CLEANING, OUTPUT
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra


@corpus_options.with_reading_options(*corpus_options.LABELLED, "task")
def wrangle(
    source: Annotated[
        str,
        typer.Argument(help="Labelled file, - for stdin, folder of a saved dataset, or name of a hub dataset."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report, its plots and the data card.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Labelled file that must share no text with this one, such as the test file.", rich_help_panel=CHECKS
        ),
    ] = None,
    label_errors: Annotated[
        bool,
        typer.Option(
            "--label-errors",
            help="Rank the labels that are worth checking; reads every text with an encoder.",
            rich_help_panel=CHECKS,
        ),
    ] = False,
    base: Annotated[
        str,
        typer.Option(
            help="Encoder for --label-errors: starter, a local folder, or the name of a hub model.",
            rich_help_panel=CHECKS,
        ),
    ] = "starter",
    review: Annotated[
        Path | None,
        typer.Option(
            help="Write these rows as tasks for Label Studio (.json) or Prodigy (.jsonl).", rich_help_panel=CHECKS
        ),
    ] = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply", help="Write a cleaned copy and a record of every change to --output.", rich_help_panel=CLEANING
        ),
    ] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="Also clean what this finding reports, such as html-remains; may be repeated.",
            rich_help_panel=CLEANING,
        ),
    ] = None,
    without_rule: Annotated[
        list[str] | None,
        typer.Option(help="Do not clean what this finding reports; may be repeated.", rich_help_panel=CLEANING),
    ] = None,
    drop_rare: Annotated[
        bool,
        typer.Option(
            "--drop-rare",
            help="Leave out classes with a single row, in the cleaned copy too; the same as --rule rare-labels.",
            rich_help_panel=CLEANING,
        ),
    ] = False,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="Corrections by reviewers: an export of Label Studio or Prodigy, made from --review.",
            rich_help_panel=CLEANING,
        ),
    ] = None,
    *,
    reading: ReadingOptions,
    rejects: Annotated[
        Path | None, typer.Option(help="Write unusable rows to this JSON Lines file.", rich_help_panel=OUTPUT)
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Report everything notable in a labelled file; with --apply, write a cleaned copy.

    The file itself is never changed. Exits with 3 if some rows cannot be used, with 1 if the corpus as a whole cannot
    be trained on.

    \b
    Examples:
      glossator wrangle tickets.csv --label-column category -o report
      glossator wrangle tickets.csv --label-column category --label-errors --review review.json
      glossator wrangle tickets.csv --apply --rule html-remains --answers reviewed.json -o cleaned
      zcat tickets.csv.gz | glossator wrangle - --input-format csv --json
    """
    require_extra("evaluation")
    from glossator.workflows.corpus.wrangling import WranglingOptions, wrangle_corpus

    options = WranglingOptions(
        base=base,
        against=against,
        label_errors=label_errors,
        review=review,
        apply=apply,
        more_rules=tuple(rule or ()),
        without_rules=tuple(without_rule or ()),
        drop_rare=drop_rare,
        answers=answers,
        rejects=rejects,
        output=output,
        overwrite=overwrite,
    )
    wrangled = wrangle_corpus(source, reading, options, reporter(quiet=quiet))
    found, cleaned = wrangled.reading, wrangled.cleaned
    if as_json:
        fields = found.to_dict()
        fields |= {"suspects": [each.to_dict() for each in wrangled.suspects]} if wrangled.suspects else {}
        print_json(fields | ({"cleaned": asdict(cleaned)} if cleaned is not None else {}))
    else:
        echo("\n".join([*found.report_lines(), *(cleaned.report_lines(output) if cleaned is not None else [])]))
    if found.error is not None:
        raise found.error
    return REJECTED_ROWS if found.corpus.rejects else OK
