"""`glossator label-parts`"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options, decoder_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Quiet, print_json, reporter, stderr
from glossator.cli.support.labelling_options import file_labelling
from glossator.cli.support.panels import OUTPUT, RAY
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.service.labelling.partitions.run import Executor, PartsSummary

_LINE_EVERY_SECONDS = 30.0


@corpus_options.with_reading_options("text_column", "second_column", *corpus_options.FORMAT)
def label_parts(
    source: Annotated[str, typer.Argument(help="File, folder, glob pattern or URL to label.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="Folder of the bundle.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the labelled parts, local or a URL.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes or Ray actors; default: as many as the CPUs allow.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each process.")] = 1,
    part_mb: Annotated[
        int, typer.Option("--part-mb", min=0, help="Size of a part in MiB; 0: each file is one part.")
    ] = 64,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again instead of resuming an earlier run.")] = False,
    threshold: decoder_options.Threshold = None,
    min_confidence: decoder_options.MinConfidence = None,
    coverage: decoder_options.Coverage = None,
    empty_sets: decoder_options.EmptySets = False,
    aggregation: decoder_options.Aggregation = None,
    truncate: decoder_options.Truncate = False,
    *,
    reading: ReadingOptions,
    ray: Annotated[
        str | None,
        typer.Option(help="Run on a Ray cluster: HOST:PORT, auto, or local for this machine.", rich_help_panel=RAY),
    ] = None,
    suffix: Annotated[
        str, typer.Option(help="Suffix of the labelled parts, such as .csv or .jsonl.zst.", rich_help_panel=OUTPUT)
    ] = ".jsonl",
    prefix: Annotated[str, typer.Option(help="Prefix for the names of added columns.", rich_help_panel=OUTPUT)] = "",
    raw_cells: Annotated[
        bool,
        typer.Option(
            "--raw-cells",
            help="Do not escape CSV cells that a spreadsheet would run as formulas.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Label a large input in parts.

    Several processes read, label and write parts of the input, each on its own. JSON Lines and CSV are cut after rows,
    Parquet between row groups; any other file is one part. An interrupted run resumes after the complete parts when you
    repeat the command. Exits with 3 if some rows have an error.

    \b
    Examples:
      glossator label-parts big.jsonl --model models/tickets --output labelled
      glossator label-parts 's3://corpus/in/*.csv' -m models/tickets -o s3://corpus/out
    """
    from glossator.service.inference.model import load
    from glossator.service.inference.runtime.threads import available_cpus
    from glossator.service.labelling.partitions.local_processes import LocalProcesses
    from glossator.service.labelling.partitions.run import label_parts as run_parts

    progress = reporter(quiet=quiet)
    labelling = file_labelling(
        source,
        output,
        reading,
        threshold=threshold,
        min_confidence=min_confidence,
        coverage=coverage,
        empty_sets=empty_sets,
        aggregation=aggregation,
        truncate=truncate,
        prefix=prefix,
        raw_cells=raw_cells,
    )
    loaded = load(model, threads=threads)
    if ray is None:
        count = workers or max(1, available_cpus() // threads)
        executor: Executor = LocalProcesses(model, count, threads=threads)
    else:
        from glossator.service.labelling.partitions.ray_actors import RayActors
        from glossator.service.labelling.ray_cluster import RayCluster

        executor = RayActors(RayCluster(ray, workers, threads), loaded)
    shown = time.monotonic()

    def show(summary: PartsSummary) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _LINE_EVERY_SECONDS:
            shown = time.monotonic()
            progress.stage(summary.describe())

    summary = run_parts(
        labelling,
        loaded,
        executor,
        suffix=suffix,
        part_bytes=part_mb << 20,
        fresh=fresh,
        report=progress.stage,
        progress=show,
    )
    if as_json:
        print_json(asdict(summary))
    else:
        stderr(quiet=quiet).print(f"{output}: {summary.describe()}", markup=False)
    return REJECTED_ROWS if summary.failed else OK
