"""A labelling whose input is open and whose options are checked: columns, output format and model call are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from glossator.service.documents.row_formats import RowFormat
from glossator.service.documents.sources.open_source import open_source
from glossator.service.documents.sources.source import Source
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.answer_forms.answer_cells import LABEL, LABELS, answer_columns
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.heads.bulk_answers import StartHeads, further_columns
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.column_plan import ColumnPlan, plan_columns
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.outputs.output_formats import create_output_format, find_output_format
from glossator.service.labelling.outputs.tool_format import ToolFormat
from glossator.service.labelling.row_labelling import StartAnswers, label_rows
from glossator.service.labelling.summary import LabelSummary
from glossator.service.tasks.encoded import Text

_HEAD_ROWS = 200


@dataclass(frozen=True, slots=True)
class PreparedLabelling:
    """A labelling that is ready to start."""

    labelling: FileLabelling
    """With the options that the input brings."""
    source: Source
    columns: ColumnPlan
    row_format: RowFormat
    codec: str | None
    """The suffix of the output's compression."""
    start: StartAnswers
    label_into: Callable[..., LabelSummary]
    """`label_rows` for this source: takes a destination and a StartAnswers."""


@contextmanager
def prepare(
    labelling: FileLabelling,
    model: Model,
    report: Callable[[str], None] = lambda _: None,
    *,
    heads: Sequence[Model] = (),
) -> Iterator[PreparedLabelling]:
    """Open the input and check all options; the input is closed when the block ends.

    Args:
        labelling: What to label.
        model: The model that answers.
        report: Called with sentences about what was detected.
        heads: Further heads of the backbone of `model`, which answer too.

    Raises:
        ConfigError: Options do not fit the model or one another.
        InputError: The source cannot be read.
        UnknownColumn: The source has no text column.
    """
    with open_input(labelling) as source:
        if source.request_options:
            merged: Any = {**source.request_options, **labelling.given_options()}
            labelling = replace(labelling, task_options=merged)
            report(f"with the options of the first request: {', '.join(source.request_options)}")
        columns = plan_output_columns(labelling, source, model, heads)
        second = "" if columns.second is None else f", second '{columns.second}'"
        report(source.describe())
        shown = source.all_decisions()
        for decision in shown:
            report(decision.message)
        report(f"text column '{columns.text}' ({columns.text_reason}){second}, model {model.version}")
        row_format, codec = create_output_format(
            labelling.output, labelling.output_format, columns, model.task, formula_safe=labelling.formula_safe
        )
        if heads and isinstance(row_format, ToolFormat):
            raise ConfigError(
                "this format cannot hold the answers of several heads",
                found=row_format.format,
                expected="JSON Lines, CSV, TSV or Parquet",
            )
        label_into = partial(
            label_rows,
            source,
            columns=columns,
            model=model.version,
            selection=labelling.selection,
            chunk_rows=labelling.chunk_rows,
            max_error_rate=labelling.max_error_rate,
        )
        yield PreparedLabelling(
            labelling, source, columns, row_format, codec, create_start(labelling, model, heads), label_into
        )
        for decision in source.all_decisions():  # those for many files are known when they have been read
            if decision not in shown:
                report(decision.message)


def open_input(labelling: FileLabelling) -> Source:
    """Return the rows of the input."""
    return open_source(labelling.source, **asdict(labelling.input_options))


def plan_output_columns(
    labelling: FileLabelling, source: Source, model: Model, heads: Sequence[Model] = ()
) -> ColumnPlan:
    """Return the columns that are read and written."""
    if labelling.zero_shot is not None:
        answers: Sequence[str] = LABELS if labelling.zero_shot.multi_label else LABEL
    else:
        sets = labelling.task_options.get("coverage") is not None
        answers = answer_columns(model.task, label_sets=sets, cascade=model.bundle.manifest.cascade is not None)
        answers = (*answers, *further_columns(heads, label_sets=sets))
    return plan_columns(
        source.columns,
        text_column=labelling.text_column,
        second_column=labelling.second_column,
        answers=answers,
        pairs=reads_pairs(model.task) and labelling.zero_shot is None,
        prefix=labelling.prefix,
        head=_first_rows(labelling, source),
    )


def _first_rows(labelling: FileLabelling, source: Source) -> list[Mapping[str, object]]:
    """Return the first rows of a file that has several columns, to find its text column."""
    if labelling.text_column is not None or len(source.columns) < 2 or not os.path.isfile(labelling.source):
        return []
    return [record.fields for record in source.head(_HEAD_ROWS) if record.error is None]


def create_start(labelling: FileLabelling, model: Model, heads: Sequence[Model] = ()) -> StartAnswers:
    """Return the function that starts to answer texts; raises ConfigError for options that contradict one another."""
    if heads and labelling.zero_shot is None:
        return StartHeads([model, *heads], **labelling.task_options)
    if labelling.zero_shot is None:
        return partial(model.start, lane="bulk", **labelling.task_options)
    if given := labelling.given_options():
        name, value = next(iter(given.items()))
        raise ConfigError(f"{name} does not apply to --zero-shot", found=value, hint="Leave it out.")
    classify: Any = partial(model.zero_shot, **asdict(labelling.zero_shot), lane="bulk")
    return partial(_ImmediateAnswers, classify)


class _ImmediateAnswers:
    """Answers that are computed when they are started."""

    def __init__(
        self, answer: Callable[[Sequence[Any]], list[Answer | InputError]], texts: Sequence[Text | InputError]
    ) -> None:
        self._answers = answer(texts)

    def result(self) -> list[Answer | InputError]:
        return self._answers


def check_options(labelling: FileLabelling, model: Model) -> None:
    """Raise ConfigError for options that are wrong for any input: unfit for the model, or of an unknown format."""
    find_output_format(labelling.output, labelling.output_format)
    if reads_pairs(model.task) is False and labelling.second_column is not None:
        raise ConfigError("this model reads one text per row", found=f"second column {labelling.second_column}")
    create_start(labelling, model)([])
