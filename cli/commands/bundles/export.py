"""`glossator export`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support import run_recording
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, need, print_json, stderr, stdout

if TYPE_CHECKING:
    from glossator.export.exporter import Exported


def export(
    checkpoint: Annotated[Path, typer.Argument(help="The folder that `glossator train` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle's folder; its name becomes the model's.")],
    test: Annotated[
        str | None, typer.Option(help="Labelled file to measure the bundle on; default: the checkpoint's test rows.")
    ] = None,
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    name: Annotated[str | None, typer.Option(help="The model's name, if not that of the folder.")] = None,
    precision: Annotated[
        Literal["auto", "int8", "fp32"], typer.Option(help="auto: int8 if validation shows it non-inferior.")
    ] = "auto",
    fast: Annotated[
        Path | None,
        typer.Option(help="A bundle that answers what it is sure of, in front of this model: makes a cascade."),
    ] = None,
    overwrite: Overwrite = False,
    runs: run_recording.Runs = run_recording.RUNS,
    accept_changed_test: run_recording.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Convert a checkpoint into a self-verifying ONNX bundle.

    Converts to ONNX, proves the graph against PyTorch, quantises to int8, serves int8 only if validation shows it
    non-inferior, measures what will be served, and writes the bundle whole or not at all. Exits with 3 if some rows
    of --test could not be used.

    \b
    Examples:
      glossator export checkpoints/tickets --output models/tickets
      glossator export checkpoints/tickets --fast models/tickets-static -o models/tickets-cascade
    """
    need("export")
    from glossator.export.exporter import export as build
    from glossator.modeling.checkpoint_reader import read_task
    from glossator.workflows.run_records import RunStore

    console = stderr(quiet=quiet)
    task = read_task(checkpoint)
    rows, rejected = None, 0
    store = RunStore(runs)
    if test is not None:
        store.check_frozen(test, accept=accept_changed_test)
        options = corpora.ReadingOptions(text_column, label_column, label_separator, drop_duplicates=False)
        corpus = corpora.read_and_show(test, options, console, None, held=corpora.held_by(task)).corpus
        rows, rejected = corpus.rows(), len(corpus.rejects)
    with run_recording.recorded("export", runs, console) as record:
        exported = build(
            checkpoint,
            output,
            name=name,
            test=rows,
            precision=None if precision == "auto" else precision,
            fast=fast,
            overwrite=overwrite,
            stage=lambda stage: console.print(f"· {stage}"),
        )
        record.run.config = {"checkpoint": str(checkpoint), "training_run": task.provenance.run}
        record.run.data = {} if test is None or rows is None else {"test": store.data(test, rows=len(rows))}
        record.run.outputs = {"bundle": str(output), "digest": exported.manifest.digest}
        record.run.metrics = {
            f"{each.split} {name}": estimate.value
            for each in exported.manifest.evaluation
            for name, estimate in each.metrics.items()
        }
    if as_json:
        print_json({"output": str(output), "seconds": exported.seconds, "manifest": exported.manifest.model_dump()})
    else:
        _show(exported)
    return REJECTED_ROWS if rejected else OK


def _show(exported: Exported) -> None:
    from rich.table import Table

    from glossator.export.model_card import cascade_told, graph_name

    manifest = exported.manifest
    parity = Table("graph", "rows", "max |Δ|", "flips", "metric", "PyTorch", "here", "texts/s")
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
    console.print(parity, measured)
    console.print(f"serving {manifest.served.precision}: {manifest.served.reason}", markup=False)
    if manifest.cascade is not None:
        console.print(cascade_told(manifest.cascade), markup=False)
    if manifest.speed is not None:
        console.print(f"{manifest.speed.texts_per_second:,.0f} texts/s on {manifest.speed.machine}", markup=False)
    console.print(f"wrote {exported.output} ({manifest.name}@{manifest.digest[:12]})", markup=False)
