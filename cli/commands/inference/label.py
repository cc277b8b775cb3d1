"""`glossator label`"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options, decoder_options
from glossator.cli.support.console import (
    OK,
    REJECTED_ROWS,
    Device,
    Json,
    Quiet,
    Threads,
    echo,
    print_json,
    reporter,
    stderr,
)
from glossator.cli.support.labelling_options import file_labelling
from glossator.cli.support.panels import JOB_SIZE, OUTPUT, RAY, READING, ZERO_SHOT
from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from glossator.service.labelling.estimate import LabellingEstimate
    from glossator.service.labelling.file_labelling import FileLabelling
    from glossator.service.labelling.summary import LabelSummary


_LINE_EVERY_SECONDS = 30.0


@corpus_options.with_reading_options("text_column", "second_column", *corpus_options.FORMAT)
def label(
    source: Annotated[
        str, typer.Argument(help="File, folder, archive, glob pattern or URL to label, or - for standard input.")
    ],
    model: Annotated[Path, typer.Option("--model", "-m", help="Folder of the bundle.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File to write, in the format of its suffix; - for standard output.")
    ] = "-",
    head: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a further head of the model's backbone; adds the columns NAME_label and NAME_score. May be "
            "repeated: each text is read once for all heads."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Label nothing: estimate rows, tokens, time and cost.")
    ] = False,
    cost_per_hour: Annotated[
        float | None, typer.Option(min=0.0, help="With --dry-run: the cost of an hour of this machine.")
    ] = None,
    max_error_rate: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Stop if a larger share of the rows has an error.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again instead of resuming an earlier run.")] = False,
    threshold: decoder_options.Threshold = None,
    min_confidence: decoder_options.MinConfidence = None,
    coverage: decoder_options.Coverage = None,
    empty_sets: decoder_options.EmptySets = False,
    aggregation: decoder_options.Aggregation = None,
    truncate: decoder_options.Truncate = False,
    zero_shot: Annotated[
        list[str] | None,
        typer.Option(help="A label; give the option once per label, at least twice.", rich_help_panel=ZERO_SHOT),
    ] = None,
    hypothesis: Annotated[
        str | None,
        typer.Option(
            help="The sentence that a label completes, such as 'This example is {}.'", rich_help_panel=ZERO_SHOT
        ),
    ] = None,
    multi_label: Annotated[
        bool,
        typer.Option(
            "--multi-label", help="Give every label that fits, also none or several.", rich_help_panel=ZERO_SHOT
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Label only the first N rows.", metavar="N", rich_help_panel=JOB_SIZE)
    ] = None,
    sample: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Label a random share of the rows, such as 0.01.", rich_help_panel=JOB_SIZE
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.", rich_help_panel=JOB_SIZE)] = 13,
    *,
    reading: ReadingOptions,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Read a text file or a PDF as one text, not by lines or pages.",
            rich_help_panel=READING,
        ),
    ] = False,
    threads: Threads = None,
    device: Device = "cpu",
    ray: Annotated[
        str | None,
        typer.Option(help="Run on a Ray cluster: HOST:PORT, auto, or local for this machine.", rich_help_panel=RAY),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(
            min=1, help="Worker processes; default: as many as the cluster's CPUs allow.", rich_help_panel=RAY
        ),
    ] = None,
    actor_cpus: Annotated[int, typer.Option(min=1, help="CPUs per worker process.", rich_help_panel=RAY)] = 1,
    output_format: Annotated[
        str | None, typer.Option(help="Format of the output; default: its suffix.", rich_help_panel=OUTPUT)
    ] = None,
    prefix: Annotated[str, typer.Option(help="Prefix for the names of added columns.", rich_help_panel=OUTPUT)] = "",
    raw_cells: Annotated[
        bool,
        typer.Option(
            "--raw-cells",
            help="Do not escape CSV cells that a spreadsheet would run as formulas.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Label every row of a file.

    Writes one output row per input row, in order, with all its columns; a row that cannot be labelled has an error.
    The output is complete or does not exist. An interrupted run resumes when you repeat the command, and the output is
    identical to the byte. Exits with 3 if some rows have an error.

    \b
    Examples:
      glossator label tickets.csv --model models/tickets --output labelled.jsonl
      glossator label archive.zip --model models/tickets --dry-run
      glossator label tickets.csv -m models/topic --head models/urgency --head models/spam -o out.csv
      glossator label notes.txt --model models/nli --zero-shot delivery --zero-shot refund
      zcat notes.txt.gz | glossator label - --model models/tickets | jq .label
    """
    from glossator.service.documents.sources.remote import is_remote, local_copy
    from glossator.service.inference.model import load
    from glossator.service.labelling.file_labelling import ZeroShotOptions
    from glossator.service.labelling.label_file import check_output, estimate_file, label_file
    from glossator.service.labelling.row_labelling import RowSelection

    progress = reporter(quiet=quiet)
    if not zero_shot and (hypothesis is not None or multi_label):
        raise ConfigError("--hypothesis and --multi-label need --zero-shot", hint="Give the labels too.")
    if ray is not None and output == "-":
        raise ConfigError("--ray needs an output file", found="-", hint="Name one: --output FILE.")

    if head and (ray is not None or zero_shot or dry_run):
        raise ConfigError("--head cannot be combined with --ray, --zero-shot or --dry-run", hint="Leave one out.")

    with ExitStack() as stack:
        here = stack.enter_context(local_copy(source, progress.stage)) if is_remote(source) else source
        job = replace(
            file_labelling(
                here,
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
                whole=whole,
            ),
            zero_shot=ZeroShotOptions(tuple(zero_shot), hypothesis, multi_label) if zero_shot else None,
            output_format=output_format,
            selection=RowSelection(limit, sample, seed),
            max_error_rate=max_error_rate,
        )
        if dry_run:
            found = estimate_file(job, load(model, threads=threads, device=device), cost_per_hour=cost_per_hour)
            if as_json:
                print_json(asdict(found))
            else:
                echo(_estimate_text(found, source))
            return OK
        check_output(job, overwrite=overwrite, fresh=fresh)
        loaded = load(model, threads=threads, device=device)
        remote_start = None
        if ray is not None:
            from glossator.service.labelling.ray_cluster import RayCluster, start_actors

            remote_start = stack.enter_context(start_actors(RayCluster(ray, actors, actor_cpus), loaded))
        counter = stack.enter_context(_RowProgress(job, quiet=quiet))
        summary = label_file(
            job,
            loaded,
            overwrite=overwrite,
            fresh=fresh,
            progress=counter,
            remote_start=remote_start,
            heads=[load(each, threads=threads, device=device) for each in head or ()],
            report=progress.stage,
        )
    if as_json:
        print_json(asdict(summary), to_stderr=output == "-")
    else:
        written = "stdout" if output == "-" else output
        stderr(quiet=quiet).print(f"{written}: {summary.describe()}", markup=False)
    return REJECTED_ROWS if summary.failed else OK


def _estimate_text(found: LabellingEstimate, source: str) -> str:
    minutes, seconds = divmod(round(found.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    time = (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{found.seconds:.1f} s"
    )
    lines = [
        f"{source}: {found.rows:,} rows, {found.unreadable:,} without a usable text",
        f"about {found.tokens:,} tokens and {time} on this machine, {found.rows_per_second:,.0f} rows/s "
        f"(from {found.sampled:,} rows, {found.failed:,} of them with an error)",
    ]
    return "\n".join(lines if found.cost is None else [*lines, f"about {found.cost:,.2f} for the machine"])


class _RowProgress:
    """Rows, share, speed, errors and time left: a bar on a terminal, elsewhere a line every half minute.

    The rows of the source are counted in a thread, while the first ones are labelled.
    """

    def __init__(self, job: FileLabelling, *, quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = stderr(quiet=quiet)
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.fields[line]} ·"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal or quiet,
        )
        self._task = self._progress.add_task("", total=None, line="starting")
        self._total: int | None = None
        self._counter = threading.Thread(target=self._count, args=(job,), daemon=True)
        self._last_line = time.monotonic()

    def __enter__(self) -> _RowProgress:
        self._counter.start()
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, summary: LabelSummary) -> None:
        line = progress_line(summary, self._total)
        total = None if self._total is None else max(self._total, summary.rows)
        self._progress.update(self._task, completed=summary.rows, total=total, line=line)
        if not self._console.is_terminal and time.monotonic() - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(f"  {line}", markup=False)

    def _count(self, job: FileLabelling) -> None:
        from glossator.service.labelling.row_count import estimate_rows

        self._total = estimate_rows(job)


def progress_line(summary: LabelSummary, total: int | None) -> str:
    """Return how far a labelling is: rows of about `total`, speed, errors, time left."""
    from glossator.cli.support.progress import duration

    speed = summary.rows_per_second
    parts = [f"{summary.rows:,} rows" if total is None else f"{summary.rows:,} of about {total:,} rows"]
    parts += [f"{speed:,.0f} rows/s", f"{summary.failed:,} errors"]
    if total is not None and speed > 0 and total > summary.rows:
        parts.append(f"{duration((total - summary.rows) / speed)} left")
    return " · ".join(parts)
