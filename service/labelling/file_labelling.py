"""What to label, how, and into what: the options of labelling one file."""

from __future__ import annotations

from dataclasses import dataclass, field

from glossator.service.documents.formats.tables.csv_dialect import Quotes
from glossator.service.labelling.chunks import CHUNK_ROWS
from glossator.service.labelling.row_labelling import ALL_ROWS, RowSelection
from glossator.service.tasks.options import DecodeKeywords


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How to read the input. None: detected from the file."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    whole_file: bool = False
    """Read a text file or a PDF as one text."""
    quotes: Quotes | None = None
    """What quotes in CSV and TSV mean."""
    sheet: str | None = None
    """The sheet of a workbook, by name or by its number from 1."""
    split: str | None = None
    """The split of a JSON file that has several; by default all of them."""


@dataclass(frozen=True, slots=True)
class ZeroShotOptions:
    """Labels that the model was not trained on."""

    labels: tuple[str, ...]
    hypothesis: str | None = None
    multi_label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLabelling:
    """The options of labelling one file. `source` and `output` are paths, or `-` for the standard streams."""

    source: str
    output: str
    input_options: InputOptions = InputOptions()
    text_column: str | None = None
    second_column: str | None = None
    """The column of the second text, for tasks that read two."""
    task_options: DecodeKeywords = field(default_factory=DecodeKeywords)
    zero_shot: ZeroShotOptions | None = None
    prefix: str = ""
    """Put before the names of the added columns."""
    output_format: str | None = None
    formula_safe: bool = True
    """Protect cells of CSV and TSV that a spreadsheet would run as a formula."""
    selection: RowSelection = ALL_ROWS
    chunk_rows: int = CHUNK_ROWS
    max_error_rate: float | None = None
    """Stop when more than this share of the rows carry an error."""

    def given_options(self) -> dict[str, object]:
        """Return the task options that are set."""
        return {name: value for name, value in self.task_options.items() if value not in (None, False)}
