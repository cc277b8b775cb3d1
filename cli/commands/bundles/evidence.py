"""`glossator evidence`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support import run_options
from glossator.cli.support.console import FAILED, OK, Json, Overwrite, Quiet, print_json, reporter, stdout
from glossator.cli.support.panels import OUTPUT
from glossator.service.errors import ConfigError


def evidence(
    bundle: Annotated[
        str | None, typer.Argument(help="The bundle's folder, or with --registry NAME or NAME@VERSION.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The evidence folder to write.", rich_help_panel=OUTPUT)
    ] = None,
    verify: Annotated[Path | None, typer.Option(help="Verify this evidence folder instead of writing one.")] = None,
    registry: Annotated[
        Path | None, typer.Option(help="Registry whose audit says who promoted the model, when and why.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the prediction log: live accuracy and drift; with --verify, it is estimated again."
        ),
    ] = None,
    runs: run_options.Runs = run_options.RUNS,
    data_card: Annotated[
        Path | None, typer.Option(help="File that describes the data; `glossator wrangle` writes one.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Private key (elliptic curve, PEM) to sign with; needs glossator[signing]."),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="With --verify: the public key of the signer, from a source that you trust.")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="With --verify BUNDLE: the test rows of the checkpoint, to measure the figures again."),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Collect what auditors ask for about a model in one folder, or verify such a folder.

    The folder holds copies of the records and, made from them: a page, a draft of the technical documentation of Annex
    IV of the EU AI Act, a CycloneDX bill of materials, and SHA256SUMS. --verify finds every altered byte, recomputes
    the figures, and checks the signatures; it exits with 1 if anything differs.

    \b
    Examples:
      glossator evidence models/tickets -o evidence --registry registry --log predictions
      glossator evidence models/tickets -o evidence --key signing.pem
      glossator evidence --verify evidence --public-key signing.pub
      glossator evidence models/tickets --verify evidence --test test.jsonl --log predictions
    """
    if (verify is None) == (output is None):
        raise ConfigError(
            "give either --output or --verify",
            found="both" if output is not None else "neither",
            hint="glossator evidence BUNDLE -o FOLDER, or glossator evidence --verify FOLDER",
        )
    if verify is not None:
        return _verify(verify, bundle, public_key, test, log, quiet=quiet, as_json=as_json)
    assert output is not None
    if bundle is None:
        raise ConfigError("no bundle was given", hint="glossator evidence BUNDLE -o FOLDER")
    from glossator.workflows.evidence.folder import write_evidence
    from glossator.workflows.loop.drift_files import find_bundle

    written = write_evidence(
        find_bundle(bundle, registry, folder_first=True),
        output,
        reporter(quiet=quiet),
        registry=registry,
        log=log,
        runs=runs if runs != run_options.RUNS or runs.is_dir() else None,
        data_card=data_card,
        key=key,
        overwrite=overwrite,
    )
    if as_json:
        print_json(written.to_dict())
        return OK
    console = stdout()
    signed = "signed" if written.signed else "not signed"
    console.print(f"wrote {output}: {written.files} files on {written.model}, {signed}", markup=False)
    console.print(f"digest {written.digest}", markup=False)
    for sentence in written.missing:
        console.print(f"· {sentence}", markup=False)
    return OK


def _verify(
    folder: Path,
    bundle: str | None,
    public_key: Path | None,
    test: Path | None,
    log: Path | None,
    *,
    quiet: bool,
    as_json: bool,
) -> int:
    from glossator.workflows.evidence.verification import verify_evidence

    if test is not None and bundle is None:
        raise ConfigError("--test needs the bundle that answers the rows", hint="glossator evidence BUNDLE --verify …")
    found = verify_evidence(
        folder,
        reporter(quiet=quiet),
        bundle=None if bundle is None else Path(bundle),
        rows=test,
        log=log,
        public_key=public_key,
    )
    if as_json:
        print_json(found.to_dict())
        return OK if found.verified else FAILED
    console = stdout()
    console.print("verified" if found.verified else "refused", style="green" if found.verified else "red", end=" ")
    console.print(f"{folder}, digest {found.digest}", markup=False)
    for fault in found.faults:
        console.print(f"  {fault}", markup=False)
    for sentence in found.checked:
        console.print(f"· {sentence}", markup=False)
    for sentence in found.unchecked:
        console.print(f"· not checked: {sentence}", markup=False)
    return OK if found.verified else FAILED
