"""The card of a model as a page: its Markdown, with the pictures that stand in the bundle."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markupsafe import Markup

from glossator.service.api.problems import RouteNotFound
from glossator.service.bundle import file_names
from glossator.service.inference.model import Model


def rendered(model: Model, pictures: str) -> Markup:
    """The card as HTML. Raw HTML in it is shown, not run; pictures are asked for below the path `pictures`."""
    text = (model.bundle.path / file_names.CARD).read_text(encoding="utf-8")
    if text.startswith("---\n"):  # metadata for the Hugging Face hub
        text = text.partition("\n---\n")[2]
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in (child for block in tokens for child in block.children or ()):
        if token.type == "image":
            source = str(token.attrs["src"])
            token.attrs = {**token.attrs, "src": pictures + source, "loading": "lazy"} if "://" not in source else {}
        elif token.type == "link_open" and "://" not in str(token.attrs.get("href", "")):
            token.attrs = {}  # to a file of the bundle, which is not served
    html = markdown.renderer.render(tokens, markdown.options, {})
    # The page has its own first heading.
    for level in range(5, 0, -1):
        html = html.replace(f"<h{level}>", f"<h{level + 1}>").replace(f"</h{level}>", f"</h{level + 1}>")
    return Markup(html)


def picture_of(model: Model, path: str) -> Path:
    """The file of a picture; raises RouteNotFound for what is no picture that the bundle's manifest lists."""
    if path not in model.bundle.manifest.files or PurePosixPath(path).suffix != ".svg":
        raise RouteNotFound("there is no such picture", found=path, hint="The card names its pictures.")
    return model.bundle.path / path
