"""Draws a speed measurement: throughput by batch size, latency by number of concurrent callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glossator.evaluation.reports.plots.svg_drawing import BLUE, GREY, ORANGE, add_title, render_svg


def speed_svg(speed: Mapping[str, Any]) -> str:
    """Return the plot; `speed` has the fields of `glossator.service.measuring.speed.Speed.to_dict`."""
    return render_svg(lambda: _figure(speed))


def _figure(speed: Mapping[str, Any]) -> tuple[Any, str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.4), facecolor="white")
    left = figure.add_axes((0.09, 0.15, 0.38, 0.62))
    right = figure.add_axes((0.59, 0.15, 0.35, 0.62))
    rates = speed["throughput"]
    budgets = [str(each["most_tokens"]) for each in rates]
    medians = [each["texts_per_second"] for each in rates]
    spread = [
        [value - each["low"] for value, each in zip(medians, rates, strict=True)],
        [each["high"] - value for value, each in zip(medians, rates, strict=True)],
    ]
    left.bar(budgets, medians, color=BLUE, width=0.7, yerr=spread, ecolor=GREY, capsize=3)
    left.set(xlabel="tokens per batch, at most", ylabel="texts per second", ylim=(0, None))
    callers = [each["callers"] for each in speed["latency"]]
    for name, colour, marker in (("p50", BLUE, "o"), ("p99", ORANGE, "s")):
        values = [each[name] for each in speed["latency"]]
        right.plot(callers, values, color=colour, marker=marker)
        right.annotate(
            name, (callers[-1], values[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=colour
        )
    right.set(xlabel="concurrent callers, one text each", ylabel="milliseconds", xscale="log", ylim=(0, None))
    right.set_xticks(callers, [str(each) for each in callers])
    right.minorticks_off()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    title = f"Speed of {speed['model']}"
    add_title(figure, title, 4.4)
    figure.text(0.02, 0.865, speed["machine"], color=GREY, fontsize=8.5)
    best = max(medians)
    first, last = speed["latency"][0], speed["latency"][-1]
    description = (
        f"At most {best:,.0f} texts per second. Latency with one caller: p50 {first['p50']:.1f} ms, p99 "
        f"{first['p99']:.1f} ms; with {last['callers']} callers: p50 {last['p50']:.1f} ms, p99 {last['p99']:.1f} ms."
    )
    return figure, title, description
