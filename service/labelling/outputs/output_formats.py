"""The formats that labelled rows are written in, by ending or by name."""

from __future__ import annotations

from glossator.service.bundle.task import Task
from glossator.service.documents import row_formats
from glossator.service.documents.row_formats import Layout
from glossator.service.labelling.column_plan import Columns
from glossator.service.labelling.outputs.annotation_tools import LabelStudioView, ProdigyView
from glossator.service.labelling.outputs.conll import ConllView
from glossator.service.labelling.outputs.docbin import DocBinView
from glossator.service.labelling.outputs.openai_batch import OpenAIBatchView
from glossator.service.labelling.outputs.parquet import ParquetLayout
from glossator.service.labelling.outputs.tool_format import View

SUFFIXES: dict[str, type[Layout]] = {
    **row_formats.SUFFIXES, ".parquet": ParquetLayout, ".spacy": DocBinView, ".conll": ConllView, ".iob": ConllView,
}  # fmt: skip
"""Each may be followed by one of `codecs.SUFFIXES`."""

NAMED: dict[str, type[Layout]] = {kind.format: kind for kind in (LabelStudioView, ProdigyView, OpenAIBatchView)}
"""Formats that are asked for by name: JSON and JSON lines in the shapes of other tools."""


def output_kind(path: str, asked: str | None) -> tuple[type[Layout], str | None]:
    """The class of an output's format and the ending of its compression; raises ConfigError where nothing tells it."""
    return row_formats.kind_of(path, asked, SUFFIXES, NAMED)


def layout_of(
    path: str, asked: str | None, columns: Columns, task: Task, *, formula_safe: bool = True
) -> tuple[Layout, str | None]:
    """The format of an output, ready for rows of `columns`, and the ending of its compression. Raises ConfigError where
    there is no such format, or it has no form for the task."""
    kind, codec = output_kind(path, asked)
    if issubclass(kind, View):
        return kind(columns, task), codec
    if issubclass(kind, ParquetLayout):
        return kind(columns), codec
    assert issubclass(kind, row_formats.JsonlLayout | row_formats.CsvLayout)
    return kind(columns.all, formula_safe=formula_safe), codec
