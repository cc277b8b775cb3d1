"""`glossator verify`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.console import FAILED, OK, Json, print_json, stdout
from glossator.service.errors import BundleError


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    as_json: Json = False,
) -> int:
    """Check a bundle: hashes, schema, graph safety, and a replay of its golden rows.

    Exits with 1 and lists every fault if anything differs from the export.

    \b
    Example:
      glossator verify models/tickets
    """
    from glossator.service.inference.model import load
    from glossator.service.inference.runtime.machine import describe_machine, other_instructions

    try:
        model = load(bundle)
    except BundleError as error:
        if as_json:
            print_json({"bundle": str(bundle), "verified": False, "error": error.to_dict()})
        else:
            console = stdout()
            console.print("refused", style="red", end=" ")
            console.print(f"{bundle}\n  {error}", markup=False)
        return FAILED
    manifest = model.bundle.manifest
    differs = other_instructions(manifest.speed.machine, describe_machine()[0]) if manifest.speed else None
    if as_json:
        print_json(
            {
                "bundle": str(bundle),
                "verified": True,
                "name": manifest.name,
                "digest": manifest.digest,
                "files": len(manifest.files),
                "golden_rows": len(model.bundle.golden),
                "tolerance": manifest.verification.tolerance,
                "evidence": manifest.verification.evidence or "labelled",
                "reference": manifest.verification.reference,
                "batch_difference": manifest.verification.batch_difference,
                "batch_flips": manifest.verification.batch_flips(manifest.served.scheme),
                "other_instructions": differs,
            }
        )
    else:
        stdout().print(
            f"[green]verified[/green] {model.version}: {len(manifest.files)} files, "
            f"{len(model.bundle.golden)} golden rows within {manifest.verification.tolerance:g}, "
            f"serving {manifest.served.precision}"
        )
        if not manifest.verification.measured:
            stdout().print(
                "· not measured on labelled rows: how often the answers are right is not known", markup=False
            )
        flips = manifest.verification.batch_flips(manifest.served.scheme)
        if flips is not None:
            stdout().print(
                "· the int8 graph is that of the model's source: in a batch, logits differed by up to "
                f"{manifest.verification.batch_difference:.3g}, and {flips:,} decisions changed",
                markup=False,
            )
        if differs:
            stdout().print(
                f"· exported on another kind of processor: {differs}; the golden rows were checked on this one",
                markup=False,
            )
    return OK
