"""Shared drawing tools: colours, a titled figure, a bar chart, and the conversion of a figure to SVG text.

The same figure gives the same bytes. Text stays text (`svg.fonttype: none`): it can be searched, read aloud and shown
in any script.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from glossator.evaluation.markdown import display_width
from glossator.service.errors import shorten

TEXT_COLOUR = "#1b1f24"
GREY = "#57606a"
LINE_COLOUR = "#d0d7de"
BLUE = "#0072b2"
"""Blue of Okabe and Ito (2008), whose colours people with any colour vision can tell apart."""
ORANGE = "#b45309"
"""Their vermilion, dark enough for text on white (5.0:1)."""
PALETTE = {
    "text": TEXT_COLOUR,
    "quiet": GREY,
    "line": LINE_COLOUR,
    "blue": BLUE,
    "orange": ORANGE,
    "paper": "#ffffff",
}
"""All colours of the plots by what they are for; a page replaces them in its dark mode."""
MAX_NAME_WIDTH = 50
"""Longer names are shortened."""
_MAX_DESCRIPTION = 2000
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "glossator",
    "font.size": 10.0,
    "text.color": TEXT_COLOUR,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": TEXT_COLOUR,
    "ytick.labelcolor": TEXT_COLOUR,
}


def render_svg(draw: Callable[[], tuple[Any, str, str]]) -> str:
    """Return the figure, title and description that `draw` returns as one SVG element with `<title>` and `<desc>`.

    The element can be written to a file or embedded in a page.
    """
    from matplotlib import style

    drawing = io.StringIO()
    with style.context(["default", _STYLE]), warnings.catch_warnings():  # independent of the user's matplotlibrc
        # The viewer draws the text, with fonts that have the glyph; matplotlib only lacks it for measuring.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        figure, title, description = draw()
        figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    body = drawing.getvalue()
    start = re.search(r"<svg\b[^>]*>", body)
    assert start is not None
    key = hashlib.sha256(body.encode()).hexdigest()[:12]  # ids must differ between the plots of a page
    opening = f'{start.group(0)[:-1]} role="img" aria-labelledby="title-{key} description-{key}">'
    title_tag = f'<title id="title-{key}">{_escape(title)}</title>'
    description_tag = f'<desc id="description-{key}">{_escape(description)}</desc>'
    return f"{opening}\n {title_tag}\n {description_tag}{body[start.end() :]}"


def add_title(figure: Any, text: str, height: float) -> None:
    """Write the title into the upper left corner of a figure of `height` inches."""
    figure.text(0.02, 1 - 0.35 / height, text, fontsize=12, fontweight="bold", parse_math=False)


def bar_figure(names: Sequence[str], values: Sequence[float]) -> tuple[Any, Any, float]:
    """Return a figure with one bar per name, the first on top, its axes, and its height in inches."""
    from matplotlib.figure import Figure

    names = [shorten(name, MAX_NAME_WIDTH) for name in names]
    margin = names_width(names, 9.0) + 0.2
    width, height = margin + 5.4, 0.22 * len(names) + 1.5
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((margin / width, 0.6 / height, 4.0 / width, (height - 1.5) / height))
    places = range(len(names))
    axes.barh(places, values, color=BLUE, height=0.7)
    axes.set_yticks(places, names, fontsize=9, parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes, height


def plain_log_ticks(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers, such as 2,000, instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = sorted(axis.get_view_interval())
    steps = (1.0, 2.0, 5.0) if high / max(low, 1e-9) < 200.0 else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def names_width(names: Sequence[str], size: float) -> float:
    """Return the inches that the longest name takes in letters of `size` points."""
    return max(map(display_width, names)) * size * 0.0092


def _escape(text: str) -> str:
    return escape(shorten(text, _MAX_DESCRIPTION))
