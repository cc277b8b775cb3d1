"""The formats of labelled rows, by suffix or by name."""

from __future__ import annotations

from glossator.service.bundle.task import Task
from glossator.service.documents import row_formats
from glossator.service.documents.row_formats import RowFormat
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.outputs.annotation_tools import LabelStudioFormat, ProdigyFormat
from glossator.service.labelling.outputs.conll import ConllFormat
from glossator.service.labelling.outputs.docbin import DocBinFormat
from glossator.service.labelling.outputs.openai_batch import OpenAIBatchFormat
from glossator.service.labelling.outputs.parquet import ParquetFormat
from glossator.service.labelling.outputs.tool_format import ToolFormat

SUFFIXES: dict[str, type[RowFormat]] = {
    **row_formats.SUFFIXES,
    ".parquet": ParquetFormat,
    ".spacy": DocBinFormat,
    ".conll": ConllFormat,
    ".iob": ConllFormat,
}
"""Formats by suffix; one of `compression.SUFFIXES` may follow."""

NAMED_FORMATS: dict[str, type[RowFormat]] = {
    format_class.format: format_class for format_class in (LabelStudioFormat, ProdigyFormat, OpenAIBatchFormat)
}
"""Formats by name: JSON and JSON Lines in the schemas of other tools."""


def find_output_format(path: str, requested: str | None) -> tuple[type[RowFormat], str | None]:
    """Return the class of an output's format and the suffix of its compression; raises ConfigError if it is unknown."""
    return row_formats.find_row_format(path, requested, SUFFIXES, NAMED_FORMATS)


def create_output_format(
    path: str, requested: str | None, columns: ColumnPlan, task: Task, *, formula_safe: bool = True
) -> tuple[RowFormat, str | None]:
    """Return the format of an output with `columns`, and the suffix of its compression.

    Raises:
        ConfigError: The format is unknown, or cannot represent the task.
    """
    format_class, codec = find_output_format(path, requested)
    if issubclass(format_class, ToolFormat):
        return format_class(columns, task), codec
    if issubclass(format_class, ParquetFormat):
        return format_class(columns), codec
    assert issubclass(format_class, row_formats.JsonlFormat | row_formats.CsvFormat)
    return format_class(columns.all, formula_safe=formula_safe), codec
