"""The example texts of a model: its golden rows, as a few short buttons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.task import Task
from glossator.service.errors import shorten

MOST_EXAMPLES = 8
_REAL = "validation-"
"""The names of golden rows that are rows of the validation file begin so; the others are edge cases."""
_EDGES = ("emoji", "other-script", "many-windows")
"""The edge cases that say something about a model to people."""
_SHOWN_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Example:
    """A golden row as the page fills it in. `second` is empty for tasks that read one text."""

    name: str
    title: str
    text: str
    second: str


def list_examples(rows: Iterable[GoldenRow], task: Task) -> list[Example]:
    """The rows to choose from, at most MOST_EXAMPLES with different titles: real rows first, then some edge cases.

    Rows without an answer are left out. Of a bundle that names its rows otherwise, all others count.
    """
    answered = [row for row in rows if row.error is None and row.text.strip()]
    real = [row for row in answered if row.name.startswith(_REAL)]
    edges = [row for row in answered if row.name in _EDGES]
    found: dict[str, Example] = {}
    for row in [*real, *edges] if real else answered:
        example = _example(row, task)
        found.setdefault(example.title, example)
    return list(found.values())[:MOST_EXAMPLES]


def find_example(rows: Iterable[GoldenRow], task: Task, name: str) -> Example | None:
    """The row of this name; None if there is none."""
    return next((_example(row, task) for row in rows if row.name == name), None)


def _example(row: GoldenRow, task: Task) -> Example:
    if row.second is None:
        return Example(row.name, _title(row.text), row.text, "")
    title = f"{_title(row.text, _SHOWN_CHARACTERS // 2)} · {_title(row.second, _SHOWN_CHARACTERS // 2)}"
    if task.task == "question-answering":  # the page's main text is the context
        return Example(row.name, title, row.second, row.text)
    return Example(row.name, title, row.text, row.second)


def _title(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    return shorten(" ".join(text[: 4 * most].split()), most)
