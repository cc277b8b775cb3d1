"""Builds the report of a speed measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.reports.document.report import Figure, Report, Section, Step, Tile, Verdict
from glossator.evaluation.reports.plots.speed_plot import speed_svg
from glossator.service.files.report_metadata import ReportMetadata

_HIGH_SHARE, _LOW_SHARE = 0.5, 0.2
"""Of the processor's limit for matrix products: near it, only other hardware helps."""
_SLOW_P99 = 200.0
"""Milliseconds after which a person notices that an answer is late."""


def build_speed_report(speed: Mapping[str, Any], metadata: ReportMetadata) -> Report:
    """Return the report; `speed` has the fields of `glossator.service.measuring.speed.Speed.to_dict`."""
    best = max(speed["throughput"], key=lambda each: each["texts_per_second"])
    one, many = speed["latency"][0], speed["latency"][-1]
    plot = Figure(
        "bench",
        speed_svg(speed),
        "Throughput and latency",
        "Left: texts per second by batch size, with the range of several rounds. Right: the time until an answer for "
        "half of the requests (p50) and for 99 of 100 (p99).",
    )
    hours = speed["core_hours_per_million"]
    share = speed["share_of_limit"]
    tiles = [
        Tile(
            "Throughput",
            f"{best['texts_per_second']:,.0f} texts/s",
            f"{best['low']:,.0f} to {best['high']:,.0f}",
            f"{speed['tokens'] / speed['texts']:.0f} tokens per text, {speed['workers']} threads",
        ),
        Tile(
            "Latency, one caller", f"{one['p50']:.1f} ms", f"p99 {one['p99']:.1f} ms", "half of the answers are faster"
        ),
        Tile(
            f"Latency, {many['callers']} callers",
            f"{many['p50']:.1f} ms",
            f"p99 {many['p99']:.1f} ms",
            "when many people ask at once",
            "caution" if many["p99"] > _SLOW_P99 else "neutral",
        ),
        Tile("A million texts", f"{hours:.2f} core hours", "", "multiply by the price of a core hour"),
    ]
    if share is not None:
        tiles.append(Tile("Of the processor's limit", f"{share:.0%}", "", "how much of its matrix speed is used"))
    return Report(
        metadata=replace(metadata, headline=f"{best['texts_per_second']:,.0f} texts/s"),
        verdict=Verdict(
            "neutral",
            f"{best['texts_per_second']:,.0f} texts per second, about {best['texts_per_second'] * 3.6e-3:,.1f} million "
            f"an hour, on {speed['machine']}.",
        ),
        tiles=tuple(tiles),
        sections=(
            Section("Throughput and latency", figures=(plot,)),
            Section("Where the time goes", _stages(speed["stages"])),
            Section("All figures", _tables(speed), folded=True),
        ),
        next_steps=_steps(speed, best, many),
    )


def _stages(stages: Mapping[str, float]) -> str:
    rows = [[name, f"{share:.1%}"] for name, share in stages.items()]
    return markdown_table(["stage", "share of the time"], rows, right=(1,))


def _tables(speed: Mapping[str, Any]) -> str:
    rates = [
        [
            f"{each['most_tokens']:,}",
            f"{each['texts_per_second']:,.0f}",
            f"{each['low']:,.0f} to {each['high']:,.0f}",
            f"{each['tokens_per_second']:,.0f}",
            f"{each['padding']:.1%}",
        ]
        for each in speed["throughput"]
    ]
    waits = [
        [str(each["callers"]), f"{each['texts_per_second']:,.0f}", f"{each['p50']:.2f}", f"{each['p99']:.2f}"]
        for each in speed["latency"]
    ]
    header = ["tokens per batch", "texts/s", "range", "tokens/s", "padding"]
    return (
        f"{markdown_table(header, rates, right=range(5))}\n\n"
        f"{markdown_table(['callers', 'texts/s', 'p50 ms', 'p99 ms'], waits, right=range(4))}\n\n"
        f"Padding in batches of 32 in order of arrival would be {speed['padding_in_arrival_order']:.0%}."
    )


def _steps(speed: Mapping[str, Any], best: Mapping[str, Any], many: Mapping[str, Any]) -> tuple[Step, ...]:
    steps = []
    share = speed["share_of_limit"]
    slowest, part = max(speed["stages"].items(), key=lambda each: each[1])
    if share is not None and share >= _HIGH_SHARE:
        steps.append(
            Step(
                "To be faster, use a smaller model or a bigger machine.",
                f"{share:.0%} of the processor's limit is reached already.",
                "glossator select --help",
            )
        )
    elif share is not None and share < _LOW_SHARE and slowest != "infer":
        steps.append(Step(f"Look at the stage `{slowest}`.", f"It takes {part:.0%} of the time."))
    if many["p99"] > _SLOW_P99:
        steps.append(
            Step(
                f"Plan more machines if {many['callers']} people ask at once.",
                f"One in a hundred then waits for more than {many['p99']:.0f} ms.",
            )
        )
    steps.append(
        Step(
            "Measure again with your own texts.",
            "Speed depends on their length. Run nothing else on the machine meanwhile.",
            "glossator bench BUNDLE --texts FILE",
        )
    )
    return tuple(steps)
