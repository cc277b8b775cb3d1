"""`glossator bench`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.console import OK, Json, Quiet, Threads, print_json, reporter, stdout
from glossator.cli.support.panels import OUTPUT

if TYPE_CHECKING:
    from glossator.service.measuring.speed import Speed


def bench(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    texts: Annotated[
        str | None,
        typer.Option(help="File with the texts to answer; default: generated, as long as the training texts."),
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the text; default: detected.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Read at most this many texts of the file.")] = 2_000,
    price: Annotated[
        float | None, typer.Option(min=0.0, help="Price of a core hour, to compute the cost of a million texts.")
    ] = None,
    threads: Threads = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for bench.json and the plot bench.svg.", rich_help_panel=OUTPUT),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Measure how fast a bundle answers on this machine.

    Reports throughput by batch size, latency by number of callers, padding, time by stage, and which share of the
    processor's limit for matrix products the bundle reaches. Takes about half a minute; run nothing else meanwhile.

    \b
    Examples:
      glossator bench models/tickets
      glossator bench models/tickets --texts tickets.csv --price 0.05 -o speed
    """
    from glossator.workflows.models.speed_measurement import measure_bundle_speed

    speed = measure_bundle_speed(
        bundle,
        reporter(quiet=quiet),
        texts=texts,
        text_column=text_column,
        limit=limit,
        threads=threads,
        output=output,
    )
    if as_json:
        cost = {} if price is None else {"cost_per_million": speed.core_hours_per_million() * price}
        print_json(speed.to_dict() | cost)
    else:
        _print_speed(speed, price)
    return OK


def _print_speed(speed: Speed, price: float | None) -> None:
    from rich.table import Table

    console = stdout()
    console.print(f"{speed.model} on {speed.machine}", markup=False)
    console.print(f"{speed.texts:,} texts, {speed.tokens / speed.texts:.1f} tokens each, {speed.workers} workers")
    rates = Table("tokens per batch", "texts/s", "range", "tokens/s", "padding")
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
    console.print(f"padding in batches of 32 in order of arrival would be {speed.padding_in_arrival_order:.0%}")
    console.print(f"int8 products: {speed.kernels.summary()}")
    if speed.limit is None or speed.share_of_limit is None:
        console.print("this model has no matrix products, so the processor's limit for them does not apply")
    else:
        console.print(
            f"matrix products alone would allow {speed.limit.tokens_per_second:,.0f} tokens/s "
            f"({speed.limit.operations_per_second / 1e9:,.0f} GOP/s): this bundle reaches {speed.share_of_limit:.0%} "
            "of it"
        )
    hours = speed.core_hours_per_million()
    cost = "" if price is None else f", {hours * price:.3f} at a price of {price:g} each"
    console.print(f"a million of these texts take {hours:.2f} core hours{cost}")
