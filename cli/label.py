"""`glossator label`"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.console import OK, REJECTED_ROWS, Device, Json, Quiet, print_json, stderr

if TYPE_CHECKING:
    from service.labelling.summary import LabelSummary


_LARGE_BYTES = 4 << 20


def label(
    source: Annotated[str, typer.Argument(help="File to label (txt, CSV, TSV, JSONL, .gz of these, Parquet), or -.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="The bundle's folder.")],
    output: Annotated[str, typer.Option("--output", "-o", help="JSONL, CSV or TSV file, .gz of these, or -.")] = "-",
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
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Read only the first window of a long text, and say so in its row.")
    ] = False,
    prefix: Annotated[str, typer.Option(help="Put before the names of the columns that are added.")] = "",
    input_format: Annotated[str | None, typer.Option(help="Format of the input; default: by its suffix.")] = None,
    output_format: Annotated[str | None, typer.Option(help="Format of the output; default: by its suffix.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the input; default: sniffed and shown.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Delimiter of the input; default: sniffed and shown.")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The CSV or TSV has no header line.")] = False,
    raw_cells: Annotated[
        bool, typer.Option("--raw-cells", help="Do not guard CSV cells that a spreadsheet would take for formulas.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the CPUs allowed.")] = None,
    device: Device = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Label every row of a file.

    One row out for each row in, in order, with its columns as they were; a row that cannot be labelled carries its
    error. The output appears whole or not at all. Exits with 3 if some rows carry an error.

    \b
    Examples:
      glossator label tickets.csv --model models/tickets --output labelled.jsonl
      zcat notes.txt.gz | glossator label - --model models/tickets | jq .label
    """
    from service.documents.aside import refuse_same_file
    from service.documents.read import open_source
    from service.documents.write import open_sink
    from service.errors import OutputError
    from service.inference.encoding import reads_pairs
    from service.inference.model import load
    from service.labelling.answers import answer_columns
    from service.labelling.columns import plan_columns
    from service.labelling.runner import label as run

    console = stderr(quiet=quiet)
    refuse_same_file(output, [source])
    if Path(output).is_file() and not overwrite:
        raise OutputError(
            "the output file exists already", found=output, way_out="Choose another, or pass --overwrite."
        )
    with open_source(
        source, format=input_format, encoding=encoding, delimiter=delimiter, header=False if no_header else None
    ) as opened:
        loaded = load(model, threads=threads, device=device)
        columns = plan_columns(
            opened.columns,
            text_column=text_column,
            second_column=second_column,
            answers=answer_columns(loaded.task, sets=coverage is not None),
            pairs=reads_pairs(loaded.task),
            prefix=prefix,
        )
        console.print(f"· {opened.described()}", markup=False)
        beside = "" if columns.second is None else f", second {columns.second!r}"
        console.print(
            f"· text column {columns.text!r} ({columns.chosen}){beside}, model {loaded.version}", markup=False
        )

        if not loaded.calibrated and _is_large(source):
            console.print("· measuring which batches suit this machine, once: 2 s")
            loaded.calibrate()
        start = partial(
            loaded.start,
            threshold=threshold,
            min_confidence=min_confidence,
            coverage=coverage,
            aggregation=aggregation,
            truncate=truncate,
            lane="bulk",
        )

        with (
            open_sink(output, columns.all, format=output_format, formula_safe=not raw_cells, inputs=[source]) as sink,
            _Counter(quiet=quiet) as counter,
        ):
            summary = run(opened, sink, start, columns=columns, model=loaded.version, progress=counter)
    if as_json:
        # Where the rows themselves go to stdout, the summary may not stand among them.
        print_json(asdict(summary), to_stderr=output == "-")
    else:
        console.print(_sentence(summary, output), markup=False)
    return REJECTED_ROWS if summary.failed else OK


def _is_large(source: str) -> bool:
    """Whether labelling the file takes so long that two seconds of measuring pay."""
    path = Path(source)
    return path.is_file() and path.stat().st_size > _LARGE_BYTES


def _sentence(summary: LabelSummary, output: str) -> str:
    speed = summary.rows / max(summary.seconds, 1e-9)
    parts = [f"{summary.rows:,} rows: {summary.labelled:,} labelled, {summary.failed:,} with an error"]
    parts += [f"{count:,} {code}" for code, count in summary.errors.items()]
    parts.append(f"{summary.tokens:,} tokens in {summary.windows:,} windows, {summary.truncated:,} rows truncated")
    parts.append(f"{summary.seconds:.1f} s, {speed:,.0f} rows/s")
    return f"{'stdout' if output == '-' else output}: " + "; ".join(parts)


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
        speed = summary.rows / max(summary.seconds, 1e-9)
        self._progress.update(self._task, completed=summary.rows, speed=speed, failed=summary.failed)
