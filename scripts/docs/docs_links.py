"""Links of the documentation: from the repository's layout to the site's, and a check of the built pages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LINK = re.compile(r"(\]\(<?)([^)\s>#]+)(#[^)\s>]*)?(>?(?:\s+\"[^\"]*\")?\))")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}
"""Attributes whose address a browser loads with the page."""
_NOT_LOADED = {"canonical", "prev", "next", "alternate"}


def rewrite(text: str, page: str, places: Mapping[str, str], found: list[str], origin: str) -> str:
    """The text of `origin` with its relative links for its place `page` in the site.

    `places` maps files of the repository to their places; `found` collects the files that links lead to.
    """

    def place(match: re.Match[str]) -> str:
        target = match[2]
        if re.match(r"[a-z]+:", target):
            return match[0]
        file = os.path.normpath(os.path.join(os.path.dirname(origin), target))
        found.append(file)
        to = os.path.relpath(places.get(file, file), os.path.dirname(page) or ".")
        return f"{match[1]}{to}{match[3] or ''}{match[4]}"

    fence, lines = "", []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        lines.append(line if fence else _LINK.sub(place, line))
    return "\n".join(lines)


class _Page(HTMLParser):
    """The links, the loaded addresses and the anchors of a built page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        is_reference = tag == "link" and values.get("rel") in _NOT_LOADED
        self.loaded += [value for name, value in values.items() if (tag, name) in _LOADED and not is_reference]


def site_faults(site: Path, start: str = "index.html") -> list[str]:
    """What is wrong with a built site: links that lead nowhere, unreachable pages, addresses of other hosts."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults, seen, waiting = list[str](), set[Path](), [site / start]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [target for target, _ in _targets(path, pages[path].links) if target in pages]
    for path, page in pages.items():
        name = path.relative_to(site)
        if path not in seen and name.name != "404.html":
            faults.append(f"{name}: no page links to it")
        for target, anchor in _targets(path, page.links):
            if name.name == "404.html":
                continue
            if not target.exists():
                faults.append(f"{name}: the link leads nowhere: {os.path.relpath(target, site)}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                faults.append(f"{name}: no such anchor: {os.path.relpath(target, site)}#{anchor}")
        faults += [f"{name}: loads from another host: {each}" for each in page.loaded if urlsplit(each).netloc]
    for path in sorted(site.rglob("*.css")):
        hosts = re.findall(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^)\"']+)", path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(site)}: loads from another host: {each}" for each in hosts]
    return list(dict.fromkeys(faults))


def _targets(page: Path, links: list[str]) -> Iterator[tuple[Path, str]]:
    """The files and anchors that the relative links of a page lead to."""
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        file = Path(os.path.normpath(page.parent / unquote(parts.path))) if parts.path else page
        yield (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)
