"""`glossator export`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, print_json, reporter, stdout
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.export.exporter import ExportResult


@corpus_options.with_reading_options(*corpus_options.LABELLED)
def export(
    checkpoint: Annotated[Path, typer.Argument(help="The folder that `glossator train` wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the bundle; the model gets the name of the folder.")
    ],
    test: Annotated[
        str | None, typer.Option(help="Labelled file to measure the bundle on; default: the checkpoint's test rows.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; default: the name of the folder.")] = None,
    precision: Annotated[
        Literal["auto", "int8", "fp32"],
        typer.Option(help="auto: int8 if it loses little on the validation rows (see --max-loss), else fp32."),
    ] = "auto",
    fast: Annotated[
        Path | None,
        typer.Option(help="A bundle that answers first where it is confident, in front of this model: a cascade."),
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(help="For a head: the bundle that it was trained on; default: found next to the output."),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            min=0.0,
            help="Serve int8 only if the validation rows show, with 95 % confidence, that it loses at most this many "
            "percentage points. Default: 0.5, measured on these rows but not shown for others; the reason says which.",
        ),
    ] = None,
    token_vectors: Annotated[
        bool,
        typer.Option(
            "--token-vectors",
            help="For a model of vectors that heads for entities read: also give the vector of each token.",
        ),
    ] = False,
    no_training_hashes: Annotated[
        bool,
        typer.Option(
            "--no-training-hashes",
            help="Leave out the hashes of training texts, with which `evaluate` finds rows that the model has seen, "
            "and those of frequent words, with which `drift` finds unknown ones.",
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option("--license", help="Licence for the model card, such as apache-2.0 or mit."),
    ] = None,
    *,
    reading: ReadingOptions,
    overwrite: Overwrite = False,
    runs: run_options.Runs = run_options.RUNS,
    accept_changed_test: run_options.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Convert a checkpoint to a self-verifying ONNX bundle.

    Converts to ONNX, compares the graph with PyTorch, quantises to int8, chooses the graph to serve, measures it, and
    writes the bundle completely or not at all. Exits with 3 if some rows of --test could not be used.

    \b
    Examples:
      glossator export checkpoints/tickets --output models/tickets
      glossator export checkpoints/tickets --fast models/tickets-static -o models/tickets-cascade
    """
    from glossator.workflows.models.bundle_export import export_checkpoint

    result = export_checkpoint(
        checkpoint,
        output,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        test=test,
        options=reading,
        name=name,
        precision=None if precision == "auto" else precision,
        fast=fast,
        backbone=backbone,
        max_loss=None if max_loss is None else max_loss / 100.0,
        token_vectors=token_vectors,
        training_hashes=not no_training_hashes,
        licence=licence,
        overwrite=overwrite,
        accept_changed_test=accept_changed_test,
    )
    if as_json:
        print_json(to_json(result.exported))
    else:
        print_exported(result.exported)
    return REJECTED_ROWS if result.rejected_rows else OK


def to_json(exported: ExportResult) -> dict[str, object]:
    """Return a finished export as JSON-ready fields."""
    return {
        "output": str(exported.output),
        "seconds": exported.seconds,
        "manifest": exported.manifest.model_dump(),
    }


def print_exported(exported: ExportResult) -> None:
    """Print parity, evaluation and speed of a finished export."""
    from rich.table import Table

    from glossator.export.model_card import cascade_summary, graph_name

    manifest = exported.manifest
    parity = Table("graph", "rows", "max |Δ|", "flips", "metric", manifest.verification.reference, "here", "texts/s")
    for row in manifest.verification.parity:
        parity.add_row(
            graph_name(row),
            f"{row.rows:,}",
            f"{row.max_logit_difference:.2g}",
            str(row.decision_flips),
            row.metric,
            f"{row.reference_value:.4f}",
            f"{row.graph_value:.4f}",
            f"{row.texts_per_second:,.0f}",
        )
    measured = Table("served graph on", "rows", "metric", "value", "95 % interval")
    for record in manifest.evaluation:
        for metric, estimate in record.metrics.items():
            interval = f"{estimate.low:.4f} to {estimate.high:.4f}"
            measured.add_row(record.split, f"{record.rows:,}", metric, f"{estimate.value:.4f}", interval)
    console = stdout()
    if parity.rows:  # a head has no graph of its own
        console.print(parity)
    if measured.rows:  # an imported model without labelled rows was not measured
        console.print(measured)
    console.print(f"serving {manifest.served.precision}: {manifest.served.reason}", markup=False)
    if manifest.cascade is not None:
        console.print(cascade_summary(manifest.cascade), markup=False)
    if manifest.speed is not None:
        console.print(f"{manifest.speed.texts_per_second:,.0f} texts/s on {manifest.speed.machine}", markup=False)
    output, here = exported.output, Path.cwd()
    shown = output.relative_to(here) if output.is_relative_to(here) else output
    console.print(f"wrote {shown} ({manifest.name}@{manifest.digest[:12]})", markup=False)
