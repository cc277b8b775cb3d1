"""Texts without labels: those of a file that a model can read, and how many it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """The texts, each once, with line and columns of the row that it first stood in; `unusable` counts rows without."""

    texts: list[str]
    lines: list[int]
    rows: list[dict[str, object]]
    text_column: str
    unusable: dict[str, int] = field(default_factory=dict)


def read_unlabelled(
    source: str, console: Console, *, text_column: str | None = None, input_format: str | None = None,
    encoding: str | None = None, delimiter: str | None = None,
) -> Unlabelled:  # fmt: skip
    """The texts of a file; raises UnknownColumn where no column stands out as the text, CorpusError where none can be
    used."""
    from collections import Counter

    from glossator.service.documents.open_source import open_source
    from glossator.service.errors import CorpusError, InputError
    from glossator.service.inference.encoding import check_text
    from glossator.service.labelling.column_plan import plan_columns

    unusable: Counter[str] = Counter()
    found: dict[str, tuple[int, dict[str, object]]] = {}
    with open_source(source, format=input_format, encoding=encoding, delimiter=delimiter) as opened:
        column = plan_columns(opened.columns, text_column=text_column, prefix="_unused_").text
        console.print(f"· {opened.described()}, text column {column!r}, no labels", markup=False)
        for record in opened.records():
            try:
                if record.error is not None:
                    raise record.error
                text = check_text(record.fields.get(column))
            except InputError as error:
                unusable[error.code] += 1
                continue
            found.setdefault(text, (record.line, dict(record.fields)))
    if unusable:
        told = ", ".join(f"{count:,} {code}" for code, count in sorted(unusable.items()))
        console.print(f"  rows without a text that can be read: {told}")
    if not found:
        raise CorpusError("there is no text in this file", found=source, hint="Name the column: --text-column NAME.")
    return Unlabelled(
        list(found), [line for line, _ in found.values()], [row for _, row in found.values()], column, dict(unusable)
    )
