"""`glossator label`"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.console import OK, REJECTED_ROWS, Device, Json, Quiet, print_json, stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.errors import InputError
    from service.inference.pipeline import Answer
    from service.labelling.runner import Start
    from service.labelling.summary import LabelSummary
    from service.tasks.encoded import Text
    from service.tasks.options import Asked


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
      glossator label notes.txt --model models/nli --zero-shot delivery --zero-shot refund
      zcat notes.txt.gz | glossator label - --model models/tickets | jq .label
    """
    from service.documents.aside import refuse_same_file
    from service.documents.read import open_source
    from service.documents.write import open_sink
    from service.errors import ConfigError, OutputError
    from service.inference.encoding import reads_pairs
    from service.inference.model import load
    from service.labelling.answers import LABEL, LABELS, answer_columns
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
            answers=(LABELS if multi_label else LABEL)
            if zero_shot
            else answer_columns(
                loaded.task, sets=coverage is not None, tiers=loaded.bundle.manifest.cascade is not None
            ),
            pairs=reads_pairs(loaded.task) and not zero_shot,
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
        asked: Asked = {
            "threshold": threshold,
            "min_confidence": min_confidence,
            "coverage": coverage,
            "aggregation": aggregation,
            "truncate": truncate,
        }
        start: Start = partial(loaded.start, lane="bulk", **asked)
        if zero_shot:
            _refuse_options(asked)
            fit = partial(loaded.zero_shot, labels=zero_shot, hypothesis=hypothesis, multi_label=multi_label)
            start = partial(_Done, partial(fit, lane="bulk"))
        elif hypothesis is not None or multi_label:
            raise ConfigError("--hypothesis and --multi-label go with --zero-shot", way_out="Give the labels too.")

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


class _Done:
    """Answers that are there as soon as they are asked for."""

    def __init__(
        self, answer: Callable[[Sequence[Any]], list[Answer | InputError]], texts: Sequence[Text | InputError]
    ) -> None:
        self._answers = answer(texts)

    def result(self) -> list[Answer | InputError]:
        return self._answers


def _refuse_options(asked: Asked) -> None:
    from service.errors import ConfigError

    given = [(name, value) for name, value in asked.items() if value not in (None, False)]
    if given:
        name, value = given[0]
        raise ConfigError(f"{name} does not apply to --zero-shot", found=value, way_out="Leave it out.")


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
