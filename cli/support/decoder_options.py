"""The options of commands that decode answers, declared once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from glossator.cli.support.panels import ANSWERS

Threshold = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="Replaces the thresholds of a multi-label model.", rich_help_panel=ANSWERS),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="Give no label if its probability is lower.", rich_help_panel=ANSWERS),
]
Coverage = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Give a set of labels that contains the true one with this probability, such as 0.95.",
        rich_help_panel=ANSWERS,
    ),
]
EmptySets = Annotated[
    bool,
    typer.Option(
        "--empty-sets",
        help="With --coverage: a text that no label fits gets an empty set, not its most probable label.",
        rich_help_panel=ANSWERS,
    ),
]
Aggregation = Annotated[
    Literal["none", "simple", "first", "average", "max"] | None,
    typer.Option(help="How tokens become entities; default: first.", rich_help_panel=ANSWERS),
]
Truncate = Annotated[
    bool,
    typer.Option(
        "--truncate",
        help="Read only the first window of a long text; the answer says so.",
        rich_help_panel=ANSWERS,
    ),
]
