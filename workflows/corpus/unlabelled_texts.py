"""The texts of a file without labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from glossator.service.errors import CorpusError, InputError
from glossator.workflows.reporter import Reporter


@dataclass(frozen=True, slots=True)
class UnlabelledTexts:
    """Distinct texts, each with line and columns of the first row that has it."""

    texts: list[str]
    lines: list[int]
    rows: list[dict[str, object]]
    text_column: str
    unusable: dict[str, int] = field(default_factory=dict)
    """How many rows have no usable text, by error code."""


def read_unlabelled(
    source: str,
    reporter: Reporter,
    *,
    text_column: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> UnlabelledTexts:
    """Read the texts of a file.

    Raises UnknownColumn if the text column cannot be detected, CorpusError if no row has a usable text.
    """
    from glossator.service.documents.open_source import open_source
    from glossator.service.inference.encoding import check_text
    from glossator.service.labelling.column_plan import plan_columns

    unusable: Counter[str] = Counter()
    found: dict[str, tuple[int, dict[str, object]]] = {}
    with open_source(source, format=input_format, encoding=encoding, delimiter=delimiter) as opened:
        column = plan_columns(opened.columns, text_column=text_column, prefix="_unused_").text
        reporter.stage(f"{opened.describe()}, text column '{column}', no labels")
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
        counts = ", ".join(f"{count:,} {code}" for code, count in sorted(unusable.items()))
        reporter.detail(f"rows without a usable text: {counts}")
    if not found:
        raise CorpusError("no row has a usable text", found=source, hint="Name the column: --text-column NAME.")
    return UnlabelledTexts(
        list(found), [line for line, _ in found.values()], [row for _, row in found.values()], column, dict(unusable)
    )
