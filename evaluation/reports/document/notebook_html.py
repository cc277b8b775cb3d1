"""Results as HTML for a notebook: Markdown with its tables, and plots as images."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from markupsafe import Markup

from glossator.evaluation.reports.document.report_page import markdown_html

_BOX = "max-width:60rem;overflow-x:auto;color:inherit"
_PLOT = "max-width:100%;background:#fff;padding:0.5rem"


def notebook_html(markdown: str, plots: Mapping[str, str] | None = None) -> str:
    """Return HTML for `_repr_html_`. HTML in the Markdown is shown as text; text has the colours of the notebook.

    Args:
        markdown: The text.
        plots: SVG plots by name. They are images with a white background, so that their styles and ids stay their own.
    """
    images = Markup("").join(_image(name, svg) for name, svg in (plots or {}).items())
    folded = Markup("<details><summary>Plots</summary>{}</details>").format(images) if images else Markup("")
    return str(Markup('<div class="glossator" style="{}">{}{}</div>').format(_BOX, markdown_html(markdown), folded))


def _image(name: str, svg: str) -> Markup:
    source = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode("ascii")
    return Markup('<p><img alt="{}" style="{}" src="{}"></p>').format(name, _PLOT, source)
