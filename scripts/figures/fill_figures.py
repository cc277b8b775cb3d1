"""Fill the figures of README.md and docs/ from `benchmarks/results/*/*.json`, or check that they are current.

    python scripts/figures/fill_figures.py [FOLDER]            rewrite the documents; `make figures`
    python scripts/figures/fill_figures.py --check [FOLDER]    print faults as FILE:LINE, exit with 1; in `make check`

A figure is written between two comments on one line. Its name is defined in `figures.py`, its text comes from there:

    p99 rises <!--figure overload.p99_ratio.range-->1.80 (1.47 to 1.94)<!--/figure--> times.

It is of the newest result, or of the newest on a kind of machine where the name says one: `overload@vnni.p99_ratio`.
Every result also has the figures `machine`, `date` and `commit`.

The check also finds:

- numbers outside a marker that look measured (`1.8 times`, `40 ms`, `3.1 %`). A number that is chosen or cited, such as
  a limit, is written as `<!--fixed-->64 MB<!--/fixed-->`.
- markers at the beginning of a line, which Markdown would take for a block of HTML.
- links to `benchmarks/results/NAME/MACHINE.md` in a paragraph, list item or table row that shows no figure of NAME.

Fenced blocks are left alone.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from figure_text import Figures
from figures import FIGURES

DOCUMENTS = ("README.md", "docs/**/*.md", "benchmarks/README.md")

_FIGURE = re.compile(r"<!--figure (\S+?)-->(.*?)<!--/figure-->")
_FIXED = re.compile(r"<!--fixed-->.*?<!--/fixed-->")
_COMMENT = re.compile(r"<!--\s*/?\s*(?:figure|fixed)\b")
_AT_START = re.compile(r"\s*(?:[-*+>]\s+|\d+\.\s+)*<!--\s*(?:figure|fixed)\b")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_RESULT_LINK = re.compile(r"\]\([^)]*\bresults/([\w-]+)/([\w-]+)\.(?:md|json)\)")
_BEGINS_BLOCK = re.compile(r"\s*(?:[-*+] |\d+\. |\||$)")
_NUMBER = r"(?<![\w.,])[-+]?\d[\d,]*(?:\.\d+)?"
_MEASURED = re.compile(
    "|".join([
        rf"{_NUMBER}\s?(?:ms|[kMG]B|\w+/s|\w+ (?:a|per) second)\b",
        rf"{_NUMBER} times(?= (?:as|the|that|faster)\b)",
        rf"{_NUMBER}\s?[x\u00d7](?![\w*])(?!\s*\d)",  # but not the shape 512 x 384
        rf"(?!95\s?%){_NUMBER}\s?%",  # 95 % is the level of an interval
        rf"{_NUMBER} to {_NUMBER}(?=\))",
        r"(?<![\w.,])\d+\.\d+ (?:times|s|seconds|min|minutes|h|hours)\b",
        r"(?<![\w.,])\d\.\d{3,}(?!\.?\w)",
    ])
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a line of a document."""

    line: int
    what: str


class UnknownFigure(Exception):
    """No such figure; the message says which there are."""


class Results:
    """The figures of the result files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Figures] = {}

    def text(self, name: str) -> str:
        """The text of the figure FILE.FIGURE."""
        file, _, figure = name.partition(".")
        if file not in self._read:
            self._read[file] = self._figures(file)
        if figure not in self._read[file]:
            raise UnknownFigure(f"{file} has no figure {figure!r}. It has: {', '.join(self._read[file])}")
        return self._read[file][figure]

    def machine(self, file: str) -> str:
        """The kind of machine whose result is shown for FILE or FILE@KIND."""
        return str(self._newest(file)["machine"]["kind"])

    def _figures(self, file: str) -> Figures:
        name = file.partition("@")[0]
        if name not in FIGURES:
            raise UnknownFigure(f"scripts/figures/figures.py has no result {name!r}. It has: {', '.join(FIGURES)}")
        result = self._newest(file)
        shared = {
            "machine": result["machine"]["description"] or "an unknown machine",
            "date": result["date"],
            "commit": (result["commit"] or "unknown")[:12],
        }
        try:
            return shared | FIGURES[name](result["values"])
        except (ValueError, LookupError, TypeError) as error:
            raise UnknownFigure(f"the result of {file} cannot be read: {type(error).__name__}: {error}") from error

    def _newest(self, file: str) -> Any:
        """The newest result of a name on the kind of machine that follows `@`, or on any."""
        name, _, kind = file.partition("@")
        found = [json.loads(path.read_text(encoding="utf-8")) for path in self.folder.glob(f"{name}/{kind}*.json")]
        if not found:
            raise UnknownFigure(f"there is no result of {file} in {self.folder.name}/{name}")
        return max(found, key=lambda result: (result["date"], result["machine"]["kind"]))


class Document:
    """The text of a document, and the figures in it."""

    def __init__(self, text: str, results: Results) -> None:
        self.text = text
        self.results = results

    def filled(self) -> str:
        """The text with every figure as its result has it. A figure that is unknown stays as it is."""

        def fill(match: re.Match[str]) -> str:
            try:
                return f"<!--figure {match[1]}-->{self.results.text(match[1])}<!--/figure-->"
            except UnknownFigure:
                return match[0]

        lines = self.text.splitlines(keepends=True)
        for number, line in self._prose:
            lines[number - 1] = _FIGURE.sub(fill, line)
        return "".join(lines)

    def faults(self) -> list[Fault]:
        """Everything that is wrong, in the order of the lines."""
        return sorted([*self._wrong(), *self._unfilled(), *self._bare_links()], key=lambda fault: fault.line)

    def _wrong(self) -> Iterator[Fault]:
        """Figures that differ from their result, and markers that cannot be filled."""
        for number, line in self._prose:
            paired = len(_FIGURE.findall(line)) + len(_FIXED.findall(line))
            if len(_COMMENT.findall(line)) != 2 * paired:
                yield Fault(number, "a marker is malformed, or does not end on its line")
            if _AT_START.match(line):
                yield Fault(
                    number, "a marker begins the line: Markdown takes the whole line for HTML; put a word before it"
                )
            for name, shown in _FIGURE.findall(line):
                try:
                    stored = self.results.text(name)
                except UnknownFigure as error:
                    yield Fault(number, str(error))
                else:
                    if shown != stored:
                        yield Fault(number, f"{name} is stale. Shown: {shown!r}. Stored: {stored!r}")

    def _unfilled(self) -> Iterator[Fault]:
        """Numbers that look measured, outside every marker."""
        for number, line in self._prose:
            for pattern in (_FIGURE, _FIXED, _CODE_SPAN, _LINK_TARGET):
                line = pattern.sub("", line)
            for match in _MEASURED.finditer(line):
                yield Fault(number, f"{match[0].strip()!r} looks measured: fill it from a result, or mark it as fixed")

    def _bare_links(self) -> Iterator[Fault]:
        """Links to results whose figures are not shown next to the link."""
        for block in self._blocks():
            shown = set(self._shown(block))
            for number, line in block:
                for file, kind in _RESULT_LINK.findall(line):
                    if file in FIGURES and (file, kind) not in shown:
                        yield Fault(number, f"a link to the results of {file} on {kind}, but no figure from them")

    def _shown(self, block: Sequence[tuple[int, str]]) -> Iterator[tuple[str, str]]:
        """Name and kind of machine of the results whose figures are shown in a block."""
        for _, line in block:
            for figure, _ in _FIGURE.findall(line):
                file = figure.partition(".")[0]
                try:
                    yield file.partition("@")[0], self.results.machine(file)
                except UnknownFigure:
                    continue  # a fault of its own

    @cached_property
    def _prose(self) -> list[tuple[int, str]]:
        """The numbered lines outside fenced blocks."""
        found, fence = [], ""
        for number, line in enumerate(self.text.splitlines(keepends=True), start=1):
            match = _FENCE.match(line)
            if fence:
                fence = "" if match and match[1].startswith(fence) else fence
            elif match:
                fence = match[1]
            else:
                found.append((number, line))
        return found

    def _blocks(self) -> Iterator[list[tuple[int, str]]]:
        """Paragraphs, list items and table rows, each as numbered lines."""
        block: list[tuple[int, str]] = []
        for number, line in self._prose:
            if block and (_BEGINS_BLOCK.match(line) or number != block[-1][0] + 1):
                yield block
                block = []
            block.append((number, line))
        if block:
            yield block


def main(arguments: Sequence[str]) -> int:
    """Fill or check the documents of a folder. Returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    root: Path = options.folder
    results = Results(root / "benchmarks" / "results")
    count = 0
    for path in sorted({path for pattern in DOCUMENTS for path in root.glob(pattern)}):
        document = Document(path.read_text(encoding="utf-8"), results)
        if not options.check and (text := document.filled()) != document.text:
            path.write_text(text, encoding="utf-8")
            print(f"filled {path.relative_to(root)}", file=sys.stderr)
            document = Document(text, results)
        for fault in document.faults():
            print(f"{path.relative_to(root)}:{fault.line}: {fault.what}")
            count += 1
    if count and options.check:
        print(f"{count} faults in figures. `make figures` fills those that are stale.", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
