"""`glossator label`"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.cli.support.console import OK, REJECTED_ROWS, Device, Json, Quiet, print_json, stderr
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.labelling.estimate import LabellingEstimate
    from glossator.service.labelling.summary import LabelSummary


def label(
    source: Annotated[
        str, typer.Argument(help="File, folder, archive, pattern or URL to label, or - for standard input.")
    ],
    model: Annotated[Path, typer.Option("--model", "-m", help="The bundle's folder.")],
    output: Annotated[str, typer.Option("--output", "-o", help="File to write, its format by its ending, or -.")] = "-",
    text_column: Annotated[str | None, typer.Option(help="Column with the text; default: told from its name.")] = None,
    second_column: Annotated[
        str | None, typer.Option(help="Column with the second text, for models that read two (context, hypothesis).")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Replaces the thresholds of a multi-label model.")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Give no label where its probability is lower.")
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Give the set of labels that holds the true one this often, 0.95 say."),
    ] = None,
    aggregation: Annotated[
        Literal["none", "simple", "first", "average", "max"] | None,
        typer.Option(help="How tokens become entities; default: first."),
    ] = None,
    zero_shot: Annotated[
        list[str] | None,
        typer.Option(help="A label that the model was not trained on; give it once for each of two or more."),
    ] = None,
    hypothesis: Annotated[
        str | None,
        typer.Option(help="With --zero-shot: the sentence that a label completes, such as 'This example is {}.'"),
    ] = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="With --zero-shot: give each label that fits, none or several.")
    ] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Read only the first window of a long text, and say so in its row.")
    ] = False,
    prefix: Annotated[str, typer.Option(help="Put before the names of the columns that are added.")] = "",
    input_format: Annotated[str | None, typer.Option(help="Format of the input; default: by its suffix.")] = None,
    output_format: Annotated[str | None, typer.Option(help="Format of the output; default: by its suffix.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the input; default: sniffed and shown.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of the input; default: sniffed and shown.")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The CSV or TSV has no header line.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="A text file or a PDF is one text, not its lines or pages.")
    ] = False,
    raw_cells: Annotated[
        bool, typer.Option("--raw-cells", help="Do not guard CSV cells that a spreadsheet would take for formulas.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the CPUs allowed.")] = None,
    device: Device = "cpu",
    limit: Annotated[int | None, typer.Option(min=1, help="Label the first rows alone, so many.")] = None,
    sample: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Label a random share of the rows, 0.01 say.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which rows --sample takes.")] = 13,
    max_error_rate: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Stop where a larger share of the rows carries an error.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Label nothing: tell rows, tokens, time and cost.")
    ] = False,
    cost_per_hour: Annotated[
        float | None, typer.Option(min=0.0, help="With --dry-run: what an hour of this machine costs.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Answer on a Ray cluster: HOST:PORT, auto, or local for this machine.")
    ] = None,
    actors: Annotated[
        int | None, typer.Option(min=1, help="With --ray: processes that answer; default: as many as its CPUs allow.")
    ] = None,
    actor_cpus: Annotated[int, typer.Option(min=1, help="With --ray: CPUs of each of them.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again, whatever an earlier run has done.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Label every row of a file.

    One row out for each row in, in order, with its columns as they were; a row that cannot be labelled carries its
    error. The output appears whole or not at all. A run that was broken off goes on when the same command is given
    again, and the output is the same to the byte. Exits with 3 if some rows carry an error.

    \b
    Examples:
      glossator label tickets.csv --model models/tickets --output labelled.jsonl
      glossator label archive.zip --model models/tickets --dry-run
      glossator label notes.txt --model models/nli --zero-shot delivery --zero-shot refund
      zcat notes.txt.gz | glossator label - --model models/tickets | jq .label
    """
    from glossator.service.documents.remote import is_remote, local_copy
    from glossator.service.inference.model import load
    from glossator.service.labelling.file_labelling import FileLabelling, InputOptions, ZeroShotOptions
    from glossator.service.labelling.label_file import check_output, label_file
    from glossator.service.labelling.label_file import estimate_file as estimate
    from glossator.service.labelling.row_labelling import RowSelection

    console = stderr(quiet=quiet)
    if not zero_shot and (hypothesis is not None or multi_label):
        raise ConfigError("--hypothesis and --multi-label go with --zero-shot", hint="Give the labels too.")
    if ray is not None and output == "-":
        raise ConfigError("--ray writes to a file", found="-", hint="Name it: --output FILE. It keeps what is done.")

    def told(line: str) -> None:
        console.print(f"· {line}", markup=False)

    with ExitStack() as stack:
        here = stack.enter_context(local_copy(source, told)) if is_remote(source) else source
        job = FileLabelling(
            source=here,
            output=output,
            reading=InputOptions(input_format, encoding, delimiter, False if no_header else None, whole),
            text_column=text_column,
            second_column=second_column,
            asked={
                "threshold": threshold,
                "min_confidence": min_confidence,
                "coverage": coverage,
                "aggregation": aggregation,
                "truncate": truncate,
            },
            zero_shot=ZeroShotOptions(tuple(zero_shot), hypothesis, multi_label) if zero_shot else None,
            prefix=prefix,
            output_format=output_format,
            formula_safe=not raw_cells,
            part=RowSelection(limit, sample, seed),
            max_error_rate=max_error_rate,
        )
        if dry_run:
            found = estimate(job, load(model, threads=threads, device=device), cost_an_hour=cost_per_hour)
            if as_json:
                print_json(asdict(found))
            else:
                typer.echo(_projection(found, source))
            return OK
        check_output(job, overwrite=overwrite, fresh=fresh)
        loaded = load(model, threads=threads, device=device)
        elsewhere = None
        if ray is not None:
            from glossator.service.labelling.ray_cluster import RayCluster, start_actors

            elsewhere = stack.enter_context(start_actors(RayCluster(ray, actors, actor_cpus), loaded))
        counter = stack.enter_context(_Counter(quiet=quiet))
        summary = label_file(
            job, loaded, overwrite=overwrite, fresh=fresh, progress=counter, elsewhere=elsewhere, told=told
        )  # fmt: skip
    if as_json:
        # Where the rows themselves go to stdout, the summary may not stand among them.
        print_json(asdict(summary), to_stderr=output == "-")
    else:
        console.print(_sentence(summary, output), markup=False)
    return REJECTED_ROWS if summary.failed else OK


def _sentence(summary: LabelSummary, output: str) -> str:
    parts = [f"{summary.rows:,} rows: {summary.labelled:,} labelled, {summary.failed:,} with an error"]
    parts += [f"{count:,} {code}" for code, count in summary.errors.items()]
    parts.append(f"{summary.tokens:,} tokens in {summary.windows:,} windows, {summary.truncated:,} rows truncated")
    parts.append(f"{summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows/s")
    return f"{'stdout' if output == '-' else output}: " + "; ".join(parts)


def _projection(found: LabellingEstimate, source: str) -> str:
    minutes, seconds = divmod(round(found.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    time = (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{found.seconds:.1f} s"
    )
    lines = [
        f"{source}: {found.rows:,} rows, {found.unreadable:,} without a text that can be read",
        f"about {found.tokens:,} tokens and {time} on this machine, {found.rows_per_second:,.0f} rows/s "
        f"(from {found.sampled:,} rows, {found.failed:,} of them with an error)",
    ]
    return "\n".join(lines if found.cost is None else [*lines, f"about {found.cost:,.2f} for the machine"])


class _Counter:
    """A line of progress on a terminal; nothing elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = stderr(quiet=quiet)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn(
                "{task.completed:,.0f} rows · {task.fields[speed]:,.0f} rows/s · {task.fields[failed]:,} errors"
            ),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal or quiet,
        )
        self._task = self._progress.add_task("", total=None, speed=0.0, failed=0)

    def __enter__(self) -> _Counter:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, summary: LabelSummary) -> None:
        self._progress.update(self._task, completed=summary.rows, speed=summary.rows_per_second, failed=summary.failed)
