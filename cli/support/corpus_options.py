"""The options of commands that read labelled rows, declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from glossator.cli.support.panels import READING
from glossator.service.errors import ConfigError
from glossator.service.files.text_lines import text_lines
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
    typer.Option(
        help="Format of the file, such as csv; default: detected from its name and content.", rich_help_panel=READING
    ),
]
Encoding = Annotated[
    str | None, typer.Option(help="Character encoding of the file; default: detected.", rich_help_panel=READING)
]
Delimiter = Annotated[
    str | None, typer.Option(help="Column delimiter of the file; default: detected.", rich_help_panel=READING)
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row of a table has the column names; default: detected.",
        rich_help_panel=READING,
    ),
]
Quotes = Annotated[
    Literal["csv", "literal"] | None,
    typer.Option(
        help="Quotes in a table: csv: they enclose cells; literal: they are text; default: detected.",
        rich_help_panel=READING,
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        help="Sheet of a workbook, by name or number; default: the first with cells.", rich_help_panel=READING
    ),
]
LabelNames = Annotated[
    str | None,
    typer.Option(
        help="Names for labels that are numbers or vectors: a file with one name per line, or names with commas.",
        rich_help_panel=READING,
    ),
]
Annotator = Annotated[
    str | None,
    typer.Option(
        help="Whose labels count if annotators disagree: first, majority, or a name.",
        metavar="first|majority|NAME",
        rich_help_panel=READING,
    ),
]
DatasetSplit = Annotated[
    str | None,
    typer.Option(
        help="Split of a dataset or JSON file that has several; default: the usual one, for label all.",
        rich_help_panel=READING,
    ),
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
    "header": Header,
    "quotes": Quotes,
    "sheet": Sheet,
    "label_names": LabelNames,
    "annotator": Annotator,
    "dataset_split": DatasetSplit,
}
FORMAT = ("input_format", "encoding", "delimiter", "header", "quotes", "sheet", "dataset_split")
"""How any source is read."""
LABELLED = (
    "text_column", "label_column", "label_separator", "second_column", "label_names", "annotator", *FORMAT,
)  # fmt: skip
"""How a labelled source is read: every command that reads labelled rows has all of these options."""


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
            values = {name: given.pop(name) for name in names if name in given}
            if values.get("label_names") is not None:
                values["label_names"] = read_label_names(values["label_names"])
            reading = ReadingOptions(**values)
            return command(*arguments, reading=reading, **given)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _read_lines(path: Path) -> list[str]:
    try:
        return text_lines(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigError("the file of --label-names cannot be read", found=path, expected="a UTF-8 file") from None


def read_label_names(value: str) -> tuple[str, ...]:
    """Return the names in a file with one name per line, or those of a list with commas. Raises ConfigError."""
    path = Path(value)
    names = _read_lines(path) if path.is_file() else value.split(",")
    names = [name.strip() for name in names if name.strip()]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(
            "--label-names needs at least two different names",
            found=value,
            expected="a file with one name per line, or names separated by commas",
        )
    return tuple(names)
