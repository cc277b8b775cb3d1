"""The options of commands that read labelled rows, declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer

from glossator.cli.support.panels import READING
from glossator.workflows.corpus.reading_options import ReadingOptions

TextColumn = Annotated[
    str | None, typer.Option(help="Column with the text; default: detected.", rich_help_panel=READING)
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column with the label or labels; default: detected.", rich_help_panel=READING)
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(help="Separates several labels in one cell; makes the task multi-label.", rich_help_panel=READING),
]
SecondColumn = Annotated[
    str | None,
    typer.Option(help="Column with the second text of pairs; default: detected.", rich_help_panel=READING),
]
TaskOption = Annotated[
    Literal["text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"] | None,
    typer.Option(help="What the model learns; default: detected from the columns.", rich_help_panel=READING),
]
InputFormat = Annotated[
    str | None,
    typer.Option(help="Format of the file, such as csv; default: detected from its name.", rich_help_panel=READING),
]
Encoding = Annotated[
    str | None, typer.Option(help="Character encoding of the file; default: detected.", rich_help_panel=READING)
]
Delimiter = Annotated[
    str | None, typer.Option(help="Column delimiter of the file; default: detected.", rich_help_panel=READING)
]
DatasetSplit = Annotated[
    str | None,
    typer.Option(help="Split of a Hugging Face dataset; needed if it has several.", rich_help_panel=READING),
]

_OPTIONS: dict[str, Any] = {
    "text_column": TextColumn,
    "label_column": LabelColumn,
    "label_separator": LabelSeparator,
    "second_column": SecondColumn,
    "task": TaskOption,
    "input_format": InputFormat,
    "encoding": Encoding,
    "delimiter": Delimiter,
    "dataset_split": DatasetSplit,
}
LABELS = ("text_column", "label_column", "label_separator")
FORMAT = ("input_format", "encoding", "delimiter")


def with_reading_options(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Replace the parameter `reading` of a command by one option for each named field of `ReadingOptions`.

    `reading` must be keyword-only. The signature is rewritten because the parser reads the options from it.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(command, eval_str=True)
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[name])
            for name in names
        ]
        parameters = [
            each
            for parameter in signature.parameters.values()
            for each in (options if parameter.name == "reading" else [parameter])
        ]

        @functools.wraps(command)
        def run(*arguments: Any, **given: Any) -> int:
            reading = ReadingOptions(**{name: given.pop(name) for name in names if name in given})
            return command(*arguments, reading=reading, **given)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate
