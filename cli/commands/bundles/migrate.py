"""`glossator migrate`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.console import OK, Json, Overwrite, Quiet, print_json, reporter, stdout


def migrate(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder; it stays as it is.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the new bundle.")],
    texts: Annotated[
        str | None,
        typer.Option(help="File of texts without labels, not from the training data: drift is measured against them."),
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the text; default: detected.")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Write a bundle of an older format in the newest format.

    Graphs and answers stay the same; the digest, which is the version of the model, is another one. The golden rows are
    replayed before the folder appears.

    \b
    Examples:
      glossator migrate models/tickets -o models/tickets-3
      glossator migrate models/tickets -o models/tickets-3 --texts mails.jsonl
    """
    from glossator.workflows.models.migration import migrate_bundle

    migrated = migrate_bundle(
        bundle, output, reporter(quiet=quiet), texts=texts, text_column=text_column, overwrite=overwrite
    )
    if as_json:
        print_json({**asdict(migrated), "folder": str(migrated.folder)})
        return OK
    samples = (
        f"drift is measured against {migrated.reference_texts:,} texts"
        if migrated.reference_texts
        else "without samples: drift cannot be measured; pass --texts to add them"
    )
    stdout().print(
        f"migrated {migrated.name}@{migrated.from_digest[:12]}, format {migrated.from_format}, to {migrated.folder}: "
        f"{migrated.name}@{migrated.digest[:12]}, format {migrated.to_format}; {samples}",
        markup=False,
    )
    return OK
