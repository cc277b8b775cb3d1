"""`glossator bench`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.console import OK, Json, Quiet, print_json, stderr, stdout

if TYPE_CHECKING:
    from glossator.service.measuring.speed import Speed


def bench(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    texts: Annotated[
        str | None, typer.Option(help="File whose texts are asked; default: made up, as long as the training texts.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the text; default: told from its name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many texts of the file.")] = 2_000,
    price: Annotated[
        float | None, typer.Option(min=0.0, help="Price of a core hour: tells what a million texts cost.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the CPUs allowed.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for bench.json and the picture bench.svg.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Measure how fast a bundle answers on this machine.

    Throughput by size of batch, latency by number of callers, padding, time by stage, and how near all of it comes to
    what the processor's matrix products allow. Takes about half a minute; let nothing else run meanwhile.

    \b
    Examples:
      glossator bench models/tickets
      glossator bench models/tickets --texts tickets.csv --price 0.05 -o speed
    """
    from glossator.service.inference.model import load
    from glossator.service.measuring.speed import measure_speed, typical_texts

    console = stderr(quiet=quiet)
    model = load(bundle, threads=threads)
    asked = typical_texts(model) if texts is None else _read(texts, text_column, limit)
    speed = measure_speed(model, asked, stage=lambda name: console.print(f"· {name}"))
    if output is not None:
        _write(output, speed)
    if as_json:
        cost = {} if price is None else {"cost_per_million": speed.core_hours_per_million() * price}
        print_json(speed.to_dict() | cost)
    else:
        _show(speed, price)
    return OK


def _read(source: str, text_column: str | None, limit: int) -> list[str]:
    """The first texts of a file that can be read."""
    from itertools import islice

    from glossator.service.documents.open_source import open_source
    from glossator.service.errors import InputError
    from glossator.service.labelling.column_plan import plan_columns
    from glossator.service.labelling.row_mapping import RowMapper

    with open_source(source) as opened:
        rows = RowMapper(plan_columns(opened.columns, text_column=text_column, prefix="_bench_"), nested=True, model="")
        found = (rows.text(record) for record in opened.records())
        texts = list(islice((text for text in found if isinstance(text, str) and text.strip()), limit))
    if not texts:
        raise InputError(
            "there is no text to measure with",
            found=source,
            expected="at least one row with a text",
            hint="Name the right column with --text-column, or leave --texts out.",
        )
    return texts


def _show(speed: Speed, price: float | None) -> None:
    from rich.table import Table

    console = stdout()
    console.print(f"{speed.model} on {speed.machine}", markup=False)
    console.print(f"{speed.texts:,} texts, {speed.tokens / speed.texts:.1f} tokens each, {speed.workers} workers")
    rates = Table("tokens a batch", "texts/s", "range", "tokens/s", "padding")
    for each in speed.throughput:
        mark = " *" if each is speed.best else ""
        rates.add_row(
            f"{each.most_tokens:,}{mark}",
            f"{each.texts_per_second:,.0f}",
            f"{each.low:,.0f} to {each.high:,.0f}",
            f"{each.tokens_per_second:,.0f}",
            f"{each.padding:.1%}",
        )
    waits = Table("callers", "texts/s", "p50 ms", "p99 ms")
    for wait in speed.latency:
        waits.add_row(f"{wait.callers}", f"{wait.texts_per_second:,.0f}", f"{wait.p50:.2f}", f"{wait.p99:.2f}")
    console.print(rates, waits)
    stages = ", ".join(f"{name} {share:.1%}" for name, share in speed.stages.items())
    console.print(f"time by stage: {stages}")
    console.print(f"padding in batches of 32 as texts come would be {speed.padding_in_arrival_order:.0%}")
    console.print(
        f"the matrix products alone would allow {speed.limit.tokens_per_second:,.0f} tokens/s "
        f"({speed.limit.operations_per_second / 1e9:,.0f} GOP/s): {speed.share_of_limit:.0%} of that is reached"
    )
    hours = speed.core_hours_per_million()
    cost = "" if price is None else f", which cost {hours * price:.3f} at {price:g} each"
    console.print(f"a million such texts take {hours:.2f} core hours{cost}")


def _write(folder: Path, speed: Speed) -> None:
    from glossator.cli.support.console import need
    from glossator.cli.support.files import write_files

    need("evaluation")
    import json

    from glossator.evaluation.reports.speed_plot import speed_svg

    fields = speed.to_dict()
    write_files(folder, {"bench.json": json.dumps(fields, indent=2) + "\n", "bench.svg": speed_svg(fields)})
