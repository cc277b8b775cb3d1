"""`glossator pull`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import run_options
from glossator.cli.support.console import OK, Json, Overwrite, Quiet, print_json, reporter, stdout


def pull(
    repository: Annotated[
        str, typer.Argument(help="Repository on the Hugging Face hub: owner/name, or owner/name@revision.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the bundle.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit; default: main.")] = None,
    digest: Annotated[
        str | None, typer.Option(help="The version that it must be: a digest, or its first 7 or more digits.")
    ] = None,
    overwrite: Overwrite = False,
    runs: run_options.Runs = run_options.RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Download a bundle from the Hugging Face hub.

    Every file must have the hash that the manifest lists, and the golden rows are replayed before the folder appears.
    Files that are not of the bundle are not downloaded. An interrupted download resumes when you repeat the command.
    The token comes from HF_TOKEN or from `hf auth login`, the address of the hub from HF_ENDPOINT.

    \b
    Examples:
      glossator pull owner/tickets -o models/tickets
      glossator pull owner/tickets@v2 -o models/tickets --digest 4f1c2d90ab17
    """
    from glossator.workflows.models.hub_pull import pull_bundle

    pulled = pull_bundle(
        repository,
        output,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        revision=revision,
        digest=digest,
        overwrite=overwrite,
        bars=not (quiet or as_json) and sys.stderr.isatty(),
    )
    if as_json:
        print_json({**asdict(pulled), "folder": str(pulled.folder)})
    else:
        stdout().print(
            f"{'unchanged' if pulled.unchanged else 'pulled'} {pulled.folder}: {pulled.name}@{pulled.digest[:12]} "
            f"from {pulled.repository}, commit {pulled.commit}",
            markup=False,
        )
    return OK
