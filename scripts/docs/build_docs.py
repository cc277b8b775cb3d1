"""Builds the documentation site from docs/ and the program, without a network.

`python scripts/docs/build_docs.py [FOLDER]` writes FOLDER/VERSION (default: build/docs), a list of the versions there,
and a page that leads to the newest. It prints each fault, such as a broken link, and exits with 1 if there is one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any

import count_blocks
import docs_links
import docs_llms
import docs_python
import docs_reference

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "zensical.toml"
REFERENCE = "reference"
_LIST = re.compile(r" *(?:[-*+]|\d+[.)]) ")
_ITEM_INDENT = re.compile(r"^( +)(?=\S)")
_REDIRECT = """<!doctype html>
<meta charset="utf-8">
<title>Glossator {0}</title>
<meta http-equiv="refresh" content="0; url={0}/index.html">
<a href="{0}/index.html">Glossator {0}</a>
"""


def collect(pages: Path, root: Path = ROOT) -> None:
    """Write every page as Markdown into `pages`: docs/, the files of the repository that it links to, the reference."""
    places = {os.path.relpath(path, root): str(path.relative_to(root / "docs")) for path in (root / "docs").rglob("*")}
    places |= {"docs/README.md": "index.md"}
    waiting = [origin for origin in places if (root / origin).is_file()]
    done: set[str] = set()
    while waiting:
        origin = waiting.pop()
        if origin in done:
            continue
        done.add(origin)
        found: list[str] = []
        _collect_file(root, origin, pages, places, found)
        waiting += found
    for name, text in _reference(root).items():
        _write(pages / REFERENCE / name, text)


def _collect_file(root: Path, origin: str, pages: Path, places: dict[str, str], found: list[str]) -> None:
    """Write one file of the repository into the site; others that it links to are added to `places` and `found`."""
    file, place = root / origin, places[origin]
    if file.is_file() and file.suffix in {".png", ".svg"}:
        (pages / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, pages / place)
        return
    if file.suffix != ".md":
        _write(pages / place, _source_page(origin, file))
        return
    text = file.read_text(encoding="utf-8")
    linked: list[str] = []
    docs_links.rewrite(text, place, places, linked, origin)
    for each in linked:
        if (root / each).exists():
            places.setdefault(each, _place(root / each, each))
            found.append(each)
    text = docs_links.rewrite(text, place, places, [], origin)
    text = docs_reference.with_error_facts(text) if origin == "docs/errors.md" else text
    _write(pages / place, to_python_markdown(text))


def _place(file: Path, origin: str) -> str:
    """Where a file of the repository outside docs/ is in the site."""
    if file.is_file() and file.suffix in {".md", ".png", ".svg"}:
        return f"source/{origin}".replace("README.md", "index.md")
    return f"source/{origin}.md"


def _source_page(origin: str, file: Path) -> str:
    """A page with the text of a file, or with the names in a folder."""
    if file.is_dir():
        return f"# {origin}\n\n" + "".join(f"- `{path.name}`\n" for path in sorted(file.iterdir()))
    language = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "sh"}.get(file.suffix, "text")
    return f"# {origin}\n\n````{language}\n{file.read_text(encoding='utf-8').rstrip()}\n````\n"


def to_python_markdown(text: str) -> str:
    """GitHub's Markdown as the site's parser reads it: an empty line before a list, items indented by four spaces."""
    lines: list[str] = []
    fence, indent = "", 0  # of the item that the line belongs to, in the source
    for line in text.split("\n"):
        mark = re.match(r" *(`{3,}|~{3,})", line)
        is_text = not fence
        if mark:
            fence = mark[1] if not fence else "" if mark[1].startswith(fence) else fence
        item = _LIST.match(line) if is_text and not mark else None
        spaces = len(line) - len(line.lstrip(" "))
        if item is not None:
            if lines and lines[-1].strip() and indent == 0:
                lines.append("")
            indent = len(item[0])
        elif line.strip() and spaces == 0:
            indent = 0
        level = -(-spaces // 2) if indent and spaces <= 3 else 0
        lines.append(f"{'    ' * level}{line.lstrip(' ')}" if level and (item or spaces >= 2) else line)
    return "\n".join(lines)


def _reference(root: Path) -> dict[str, str]:
    """The generated pages by name."""
    document = docs_reference.openapi()
    makers: dict[str, Callable[[], str]] = {
        "commands.md": docs_reference.commands_page,
        "http.md": lambda: docs_reference.http_page(document),
        "openapi.json": lambda: docs_reference.openapi_file(document),
        "settings.md": lambda: docs_reference.settings_page(root),
        "metrics.md": lambda: docs_reference.metrics_page(root),
        "python.md": lambda: docs_python.python_page(root),
    }
    return {name: make() for name, make in makers.items()}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def navigation(nav: Sequence[Any], names: Sequence[str], faults: list[str]) -> list[Any]:
    """The navigation with its patterns replaced by the pages that they match and that are not yet in the same list.

    A plain name has to exist.
    """
    found: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            found += [{title: navigation(inner, names, faults)} for title, inner in entry.items()]
            continue
        matching = sorted(name for name in names if fnmatch(name, entry))
        if not matching and "*" not in entry:
            faults.append(f"{CONFIG}: there is no page {entry}")
        found += [name for name in matching if name not in found]
    return found


def pages_of(nav: Sequence[Any]) -> Iterator[str]:
    """The pages of a navigation, in order."""
    for entry in nav:
        if isinstance(entry, dict):
            for inner in entry.values():
                yield from pages_of(inner)
        else:
            yield entry


def build(work: Path, root: Path = ROOT) -> tuple[Path, list[str]]:
    """Build the site in the folder `work`; returns the folder of the site and its faults."""
    shutil.rmtree(work, ignore_errors=True)
    pages = work / "pages"
    collect(pages, root)
    faults: list[str] = []
    names = sorted(str(path.relative_to(pages)) for path in pages.rglob("*.md"))
    config = (root / CONFIG).read_text(encoding="utf-8")
    nav = navigation(tomllib.loads(config)["project"]["nav"], names, faults)
    listed = set(pages_of(nav))
    faults += [f"{CONFIG}: {name} is not in the navigation" for name in names if name not in listed | _sources(names)]
    inserted = re.sub(r"^nav = \[.*?^\]", lambda _: f"nav = {_toml(nav)}", config, flags=re.S | re.M)
    _write(work / CONFIG, inserted)
    result = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--clean", "--strict"],
        cwd=work,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    site = work / "site"
    if result.returncode:
        shown = re.findall(r"Warning: (.+)\n\s*\W*\[ (.+?) \]", re.sub(r"\x1b\[[\d;]*m", "", result.stderr))
        faults += [f"{where}: {what}" for what, where in shown] or [result.stderr[-2000:]]
        return site, faults
    sections = {
        title: list(pages_of(inner)) for entry in nav if isinstance(entry, dict) for title, inner in entry.items()
    }
    docs_llms.write_llms(pages, site, sections)
    return site, faults + docs_links.site_faults(site)


def _sources(names: Sequence[str]) -> set[str]:
    """Pages that are reached by links alone."""
    return {name for name in names if name.startswith("source/")}


def _toml(nav: Sequence[Any]) -> str:
    """A navigation as TOML; JSON differs from it in the tables alone."""
    parts = [
        "{ " + ", ".join(f"{json.dumps(title)} = {_toml(inner)}" for title, inner in entry.items()) + " }"
        if isinstance(entry, dict)
        else json.dumps(entry)
        for entry in nav
    ]
    return f"[{', '.join(parts)}]"


def publish(site: Path, output: Path, release: str) -> None:
    """Put the site into `output` under its version, next to other versions, and list them for the version selector."""
    target = output / release
    shutil.rmtree(target, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    shutil.copytree(site, target)
    versions = sorted((path.parent.name for path in output.glob("*/index.html")), key=_order, reverse=True)
    listed = [
        {"version": each, "title": each, "aliases": ["latest"] if each == versions[0] else []} for each in versions
    ]
    _write(output / "versions.json", json.dumps(listed, indent=1) + "\n")
    _write(output / "index.html", _REDIRECT.format(versions[0]))


def _order(release: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", release)]


def main(arguments: Sequence[str]) -> int:
    """Build the site and print its faults; 1 if there are any."""
    output = Path(arguments[0]) if arguments else ROOT / "build" / "docs"
    site, faults = build(ROOT / "build" / "docs-source")
    blocks, unknown = count_blocks.summary(ROOT)
    faults += unknown
    for fault in faults:
        print(fault)
    if faults:
        print(f"{len(faults)} faults", file=sys.stderr)
        return 1
    publish(site, output, version("glossator"))
    pages, shown = len(list(site.rglob("*.html"))), os.path.relpath(output)
    print(count_blocks.described(blocks))
    print(f"{pages} pages: {shown}/index.html (with search: python -m http.server -d {shown})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
