"""The one way out: rows to JSON lines, CSV or TSV, each written aside and renamed when whole.

JSON lines keep every value; what JSON lacks becomes its nearest form: times as ISO 8601 text, decimals as text, bytes
as base64, NaN and infinities as null. Lone surrogates are escaped (`\\ud83d`), and read back as they were.

CSV and TSV hold text: None is an empty cell, a number and a truth value stand as in JSON, a list or an object is its
JSON. Lone surrogates are written as `\\ud83d`. Text that a spreadsheet would run as a formula, because it starts with
`=`, `+`, `-`, `@`, TAB or CR and is not simply a number, gets a leading `'`. Rows end with LF.
"""

from __future__ import annotations

import base64
import datetime
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

from service.documents.aside import Aside, refuse_same_file
from service.documents.lines import STANDARD_STREAM
from service.errors import ConfigError

_GZIP = ".gz"


class Sink(ABC):
    """Rows on their way to a file. A context manager: the file appears when the block ends well, and not otherwise."""

    format: ClassVar[str]
    nested: ClassVar[bool]
    """Whether a value may be a list or an object, and a row may have fields of its own."""

    def __init__(self, aside: Aside, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        """`formula_safe` is for the formats that spreadsheets open."""
        self.name = aside.name
        self.columns = tuple(columns)
        self._aside = aside

    def write(self, row: Mapping[str, object]) -> None:
        """Adds one row. Raises OutputError where it cannot be written, ConfigError for a field with no column."""
        self._put(self._line(row))

    def commit(self) -> None:
        """Makes the file whole and gives it its name."""
        self._aside.commit()

    def discard(self) -> None:
        """Leaves nothing behind."""
        self._aside.discard()

    @abstractmethod
    def _line(self, row: Mapping[str, object]) -> str: ...

    def _put(self, line: str) -> None:
        # backslashreplace meets lone surrogates alone: all else is UTF-8. Inside a JSON string it makes a JSON escape.
        self._aside.write(f"{line}\n".encode("utf-8", "backslashreplace"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


class JsonlSink(Sink):
    """An object a line, with the fields of its row in their order."""

    format = "jsonl"
    nested = True

    def _line(self, row: Mapping[str, object]) -> str:
        return to_json(row)


class CsvSink(Sink):
    """A header, then a line a row, RFC 4180 save for LF at the line's end. A missing field is an empty cell."""

    format = "csv"
    nested = False
    _delimiter: ClassVar[str] = ","

    def __init__(self, aside: Aside, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        super().__init__(aside, columns)
        self._formula_safe = formula_safe
        self._quoted = re.compile(f'["\\r\\n{self._delimiter}]|^\ufeff')
        self._known = frozenset(self.columns)
        self._put(self._joined(self.columns))

    def _line(self, row: Mapping[str, object]) -> str:
        if not self._known.issuperset(row):
            raise ConfigError(
                f"{self.format.upper()} has no column for a field of this row",
                found=", ".join(row.keys() - self._known),
                expected=", ".join(self.columns),
            )
        return self._joined([row.get(column) for column in self.columns])

    def _joined(self, values: Sequence[object]) -> str:
        cells = [self._cell(value) for value in values]
        return '""' if cells == [""] else self._delimiter.join(cells)  # one empty cell alone would be a blank line

    def _cell(self, value: object) -> str:
        value = _plain(value)
        text = value if isinstance(value, str) else "" if value is None else to_json(value)
        if self._formula_safe and isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            text = f"'{text}"
        return '"' + text.replace('"', '""') + '"' if self._quoted.search(text) else text


class TsvSink(CsvSink):
    """As CSV, with tabs between the cells; cells that hold a tab, a quote or a line break are quoted."""

    format = "tsv"
    _delimiter = "\t"


SUFFIXES: dict[str, type[Sink]] = {".jsonl": JsonlSink, ".ndjson": JsonlSink, ".csv": CsvSink, ".tsv": TsvSink}
"""Each may be followed by `.gz`."""

FORMATS: dict[str, type[Sink]] = {sink.format: sink for sink in SUFFIXES.values()}


def open_sink(
    path: str | Path,
    columns: Sequence[str],
    *,
    format: str | None = None,
    formula_safe: bool = True,
    inputs: Sequence[str | Path] = (),
    stdout: BinaryIO | None = None,
) -> Sink:
    """A sink that writes rows of `columns` to a file, or to standard output where `path` is `-`.

    `format` is one of FORMATS, with `.gz` after it for compressed data; by default the file's suffix says, and standard
    output gets JSON lines. `formula_safe=False` writes cells of CSV and TSV as they are. `inputs` are files that the
    output may not be. `stdout` stands in for the process's own.

    Raises ConfigError for an unknown format or an output that is an input, OutputError where the file cannot be made.
    """
    path = str(path)
    kind, compressed = _kind(path, format)
    refuse_same_file(path, [str(source) for source in inputs])
    aside = Aside(path, compressed=compressed, stdout=stdout)
    try:
        return kind(aside, columns, formula_safe=formula_safe)
    except BaseException:
        aside.discard()
        raise


def _kind(path: str, asked: str | None) -> tuple[type[Sink], bool]:
    name = Path(path).name.lower()
    if asked is None and path == STANDARD_STREAM:
        return JsonlSink, False
    found = Path(name.removesuffix(_GZIP)).suffix if asked is None else f".{asked.removesuffix(_GZIP)}"
    if found not in SUFFIXES:
        raise ConfigError(
            f"the format of the output is not written: {path}",
            found=asked or found or "no suffix",
            expected=f"one of {', '.join(SUFFIXES)}, or one of these and {_GZIP}",
            way_out="Give it such an ending, or name its format: --output-format jsonl (format='jsonl' in Python).",
        )
    return SUFFIXES[found], name.endswith(_GZIP) or (asked or "").endswith(_GZIP)


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def to_json(value: object) -> str:
    """The value as JSON on one line, also for readers who take U+2028 and U+2029 for line ends.

    >>> to_json({"score": float("nan"), "text": "naïve"})
    '{"score": null, "text": "naïve"}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False, default=_plain)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(value: object) -> object:
    """A value that JSON has for one that JSON may lack; None for NaN and infinities."""
    if value is None or isinstance(value, str | int | list | dict | tuple):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _without_nan(value: object) -> object:
    value = _plain(value)
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list | tuple) else value
