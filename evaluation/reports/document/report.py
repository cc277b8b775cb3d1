"""A report as data. Markdown and HTML are rendered from it, so both say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from glossator.service.files.report_metadata import ReportMetadata

Judgement = Literal["good", "caution", "bad", "neutral"]
"""What a number or a result means for the reader; always shown with a word or a symbol, not by colour alone."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One big number: what it is, its value, its uncertainty or comparison, and what it means in plain words."""

    label: str
    value: str
    note: str = ""
    meaning: str = ""
    judgement: Judgement = "neutral"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result in one sentence of Markdown that needs no knowledge of statistics."""

    judgement: Judgement
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot. `name` is the name of its SVG file without `.svg`; `caption` says how to read it."""

    name: str
    svg: str
    title: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text with labelled parts: `(start, end, label)`, in code points, in their order and without overlaps."""

    title: str
    text: str
    marks: tuple[tuple[int, int, str], ...]

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the text in pieces, each with its label or an empty one."""
        place = 0
        for start, end, label in self.marks:
            yield self.text[place:start], ""
            yield self.text[start:end], label
            place = end
        yield self.text[place:], ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: Markdown without headings, marked texts, plots. `folded`: HTML shows it closed at first."""

    title: str
    body: str = ""
    figures: tuple[Figure, ...] = ()
    folded: bool = False
    texts: tuple[MarkedText, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next: what, why (both Markdown), and the command that does it, if there is one."""

    action: str
    reason: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        metadata: Title, model, data, date and run.
        verdict: The result in one sentence.
        warnings: Paragraphs of Markdown on why the result may mislead; they come first.
        summary: One paragraph of Markdown.
        tiles: Three to six big numbers.
        sections: The details.
        next_steps: What to do next, the most useful first.
    """

    metadata: ReportMetadata
    verdict: Verdict | None = None
    warnings: tuple[str, ...] = ()
    summary: str = ""
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = ()
    next_steps: tuple[Step, ...] = field(default=())

    def figures(self) -> tuple[Figure, ...]:
        """Return all plots in their order."""
        return tuple(figure for section in self.sections for figure in section.figures)
