"""`glossator push`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import run_options
from glossator.cli.support.console import OK, Json, Quiet, print_json, reporter, stdout
from glossator.cli.support.panels import OUTPUT


def push(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    repository: Annotated[str, typer.Argument(help="Repository on the Hugging Face hub: owner/name.")],
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public",
            help="Who can read a repository that is created; default: private. With --private, an existing public one "
            "is refused.",
            show_default=False,
        ),
    ] = None,
    branch: Annotated[str, typer.Option(help="Branch; it is created if it is missing.")] = "main",
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Message of the commit; default: the model's version.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace the files of another model in the repository.", rich_help_panel=OUTPUT
        ),
    ] = False,
    runs: run_options.Runs = run_options.RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Upload a bundle to the Hugging Face hub.

    Verifies the bundle, creates the repository if it is missing, uploads the files that have changed, and prints the
    commit. Golden rows are texts of your data: a new repository is private. The token comes from HF_TOKEN or from
    `hf auth login`, the address of the hub from HF_ENDPOINT.

    \b
    Examples:
      glossator push models/tickets owner/tickets
      glossator push models/tickets owner/tickets --branch v2 -m "more training rows"
    """
    from glossator.workflows.models.hub_push import push_bundle

    pushed = push_bundle(
        bundle,
        repository,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        private=private,
        branch=branch,
        message=message,
        overwrite=overwrite,
        bars=not (quiet or as_json) and sys.stderr.isatty(),
    )
    if as_json:
        print_json(asdict(pushed))
        return OK
    what = f"{len(pushed.changed)} files changed, {len(pushed.deleted)} deleted"
    unchanged = not (pushed.changed or pushed.deleted)
    stdout().print(
        f"{'unchanged' if unchanged else 'pushed'} {pushed.repository} {pushed.branch}, commit {pushed.commit}"
        f"{'' if unchanged else f': {what}'}\n{pushed.url}",
        markup=False,
    )
    return OK
