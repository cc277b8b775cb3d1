"""What the options of commands that label files mean for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
    from glossator.service.tasks.options import DecodeKeywords
    from glossator.workflows.corpus.reading_options import ReadingOptions


def input_options(reading: ReadingOptions, *, whole: bool = False) -> InputOptions:
    """Return how the service reads a file with these options."""
    from glossator.service.labelling.file_labelling import InputOptions

    return InputOptions(
        reading.input_format,
        reading.encoding,
        reading.delimiter,
        reading.header,
        whole,
        quotes=reading.quotes,
        sheet=reading.sheet,
        split=reading.dataset_split,
    )


def file_labelling(
    source: str,
    output: str,
    reading: ReadingOptions,
    *,
    prefix: str,
    raw_cells: bool,
    whole: bool = False,
    **task_options: Unpack[DecodeKeywords],
) -> FileLabelling:
    """Return the labelling that `label` and `label-parts` describe with the options that both have."""
    from glossator.service.labelling.file_labelling import FileLabelling

    return FileLabelling(
        source=source,
        output=output,
        input_options=input_options(reading, whole=whole),
        text_column=reading.text_column,
        second_column=reading.second_column,
        task_options=task_options,
        prefix=prefix,
        formula_safe=not raw_cells,
    )
