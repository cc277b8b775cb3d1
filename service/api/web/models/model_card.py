"""The model card of a bundle as HTML, with its pictures."""

from __future__ import annotations

from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markupsafe import Markup

from glossator.service.api.problems import RouteNotFound
from glossator.service.bundle import file_names
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import BundleInvalid


def render_card(bundle: Bundle, picture_path: str) -> Markup:
    """Render the card. Raw HTML in it is escaped; its pictures load from below `picture_path`."""
    text = _read(bundle, file_names.CARD).decode("utf-8", "replace")
    if text.startswith("---\n"):  # metadata for the Hugging Face Hub
        text = text.partition("\n---\n")[2]
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("th_open", "td_open") and token.attrs:  # the policy of the page allows no inline styles
            token.attrs = {"class": str(token.attrs["style"]).removeprefix("text-align:")}
    for token in (child for block in tokens for child in block.children or ()):
        if token.type == "image":
            source = str(token.attrs["src"])
            token.attrs = (
                {**token.attrs, "src": picture_path + source, "loading": "lazy"} if "://" not in source else {}
            )
        elif token.type == "link_open" and "://" not in str(token.attrs.get("href", "")):
            token.attrs = {}  # a link to a file of the bundle, which the server does not serve
    html = markdown.renderer.render(tokens, markdown.options, {})
    # The page has a first heading of its own.
    for level in range(5, 0, -1):
        html = html.replace(f"<h{level}>", f"<h{level + 1}>").replace(f"</h{level}>", f"</h{level + 1}>")
    return Markup(html)


def read_picture(bundle: Bundle, path: str) -> bytes:
    """The content of a picture. Raises RouteNotFound unless it is an SVG file in the bundle's manifest."""
    if path not in bundle.manifest.files or PurePosixPath(path).suffix != ".svg":
        raise RouteNotFound("no such picture", found=path, hint="The model card shows its pictures.")
    return _read(bundle, path)


def _read(bundle: Bundle, name: str) -> bytes:
    """The content of a file of the bundle, as it was when the model was loaded. Raises RouteNotFound if it is gone."""
    try:
        return bundle.read(name)
    except BundleInvalid as error:
        raise RouteNotFound(
            "this file of the bundle is missing or has changed since the model was loaded",
            found=name,
            hint="The operator can copy the bundle to the server again.",
        ) from error
