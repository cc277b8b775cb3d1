"""The one way out: rows to the bytes of a format, and these to a file, written aside and renamed when whole.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Self, TypeVar

from glossator.service.errors import ConfigError
from glossator.service.files import compression
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.files.paths import STANDARD_STREAM, refuse_same_file

Row = Mapping[str, object]
Put = Callable[[bytes], object]


class Layout(ABC):
    """A format: rows to bytes, part by part. The parts of a file depend on their rows alone, so that they can be made
    at any time, in any order, by any process, and be joined at the end."""

    format: ClassVar[str]
    nested: ClassVar[bool] = True
    """Whether a value may be a list or an object, and a row may have fields of its own."""
    streamed: ClassVar[bool] = True
    """Whether a file is `head`, its parts with `separator` between them, and `tail`."""
    separator: ClassVar[bytes] = b""

    def head(self) -> bytes:
        """What stands before the first row."""
        return b""

    @abstractmethod
    def part(self, rows: Iterable[Row]) -> bytes:
        """Some rows. Raises ConfigError for a field with no column."""

    def tail(self) -> bytes:
        """What stands after the last row."""
        return b""

    def join(self, parts: Sequence[Path], put: Put) -> None:
        """Puts a whole file together from the files that hold its parts, in order."""
        put(self.head())
        begun = False
        for file in parts:
            data = file.read_bytes()
            if data and begun:
                put(self.separator)
            put(data)
            begun = begun or bool(data)
        put(self.tail())


class TextLayout(Layout):
    """A format of lines in UTF-8."""

    def part(self, rows: Iterable[Row]) -> bytes:
        return b"".join([encoded(self.line(row)) for row in rows])

    @abstractmethod
    def line(self, row: Row) -> str:
        """A row, without the line's end."""


def encoded(line: str) -> bytes:
    """A line as it stands in a file."""
    # backslashreplace meets lone surrogates alone: all else is UTF-8. Inside a JSON string it makes a JSON escape.
    return f"{line}\n".encode("utf-8", "backslashreplace")


class JsonlLayout(TextLayout):
    """An object a line, with the fields of its row in their order."""

    format = "jsonl"

    def __init__(self, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        del columns, formula_safe  # as all who write tables take them

    def line(self, row: Row) -> str:
        return to_json(row)


class CsvLayout(TextLayout):
    """A header, then a line a row, RFC 4180 save for LF at the line's end. A missing field is an empty cell."""

    format = "csv"
    nested = False
    _delimiter: ClassVar[str] = ","

    def __init__(self, columns: Sequence[str], *, formula_safe: bool = True) -> None:
        self._columns = tuple(columns)
        self._formula_safe = formula_safe
        self._quoted = re.compile(f'["\\r\\n{self._delimiter}]|^\ufeff')
        self._known = frozenset(self._columns)

    def head(self) -> bytes:
        return encoded(self._joined(self._columns))

    def line(self, row: Row) -> str:
        if not self._known.issuperset(row):
            raise ConfigError(
                f"{self.format.upper()} has no column for a field of this row",
                found=", ".join(row.keys() - self._known),
                expected=", ".join(self._columns),
            )
        return self._joined([row.get(column) for column in self._columns])

    def _joined(self, values: Sequence[object]) -> str:
        cells = [self._cell(value) for value in values]
        return '""' if cells == [""] else self._delimiter.join(cells)  # one empty cell alone would be a blank line

    def _cell(self, value: object) -> str:
        value = plain(value)
        text = value if isinstance(value, str) else "" if value is None else to_json(value)
        if self._formula_safe and isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
            text = f"'{text}"
        return '"' + text.replace('"', '""') + '"' if self._quoted.search(text) else text


class TsvLayout(CsvLayout):
    """As CSV, with tabs between the cells; cells that hold a tab, a quote or a line break are quoted."""

    format = "tsv"
    _delimiter = "\t"


Table = type[JsonlLayout] | type[CsvLayout]
SUFFIXES: dict[str, Table] = {".jsonl": JsonlLayout, ".ndjson": JsonlLayout, ".csv": CsvLayout, ".tsv": TsvLayout}
"""Each may be followed by one of `codecs.SUFFIXES`."""

FORMATS: dict[str, Table] = {layout.format: layout for layout in SUFFIXES.values()}


class Sink:
    """Rows on their way to a file. A context manager: the file appears when the block ends well, and not otherwise."""

    def __init__(self, aside: AtomicFile, layout: Layout) -> None:
        if not layout.streamed:
            raise ConfigError(
                f"{layout.format} cannot be written to a stream", found=aside.name, hint="Name a file: -o FILE."
            )
        self.name = aside.name
        self.nested = layout.nested
        self._aside = aside
        self._layout = layout
        self._begun = False
        aside.write(layout.head())

    def write(self, row: Row) -> None:
        """Adds one row. Raises OutputError where it cannot be written, ConfigError for a field with no column."""
        self._aside.write((self._layout.separator if self._begun else b"") + self._layout.part([row]))
        self._begun = True

    def commit(self) -> None:
        """Makes the file whole and gives it its name."""
        self._aside.write(self._layout.tail())
        self._aside.commit()

    def discard(self) -> None:
        """Leaves nothing behind."""
        self._aside.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


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

    `format` is one of FORMATS, with one of `codecs.SUFFIXES` after it for compressed data; by default the file's suffix
    says, and standard output gets JSON lines. `formula_safe=False` writes cells of CSV and TSV as they are. `inputs`
    are files that the output may not be. `stdout` stands in for the process's own.

    Raises ConfigError for an unknown format or an output that is an input, OutputError where the file cannot be made.
    """
    path = str(path)
    kind, codec = kind_of(path, format, SUFFIXES)
    refuse_same_file(path, [str(source) for source in inputs])
    return sink_of(path, kind(columns, formula_safe=formula_safe), codec=codec, stdout=stdout)


def sink_of(path: str, layout: Layout, *, codec: str | None = None, stdout: BinaryIO | None = None) -> Sink:
    """A sink in a format that is told already."""
    aside = AtomicFile(path, codec=codec, stdout=stdout)
    try:
        return Sink(aside, layout)
    except BaseException:
        aside.discard()
        raise


_Kind = TypeVar("_Kind", bound=Layout)


def kind_of(
    path: str, asked: str | None, suffixes: Mapping[str, type[_Kind]], named: Mapping[str, type[_Kind]] | None = None
) -> tuple[type[_Kind], str | None]:
    """The format of an output and the ending of its compression: what was asked for by name, else what its suffix
    says. `named` are formats that no suffix stands for. Raises ConfigError where neither tells."""
    formats = {kind.format: kind for kind in suffixes.values()} | dict(named or {})
    name, codec = compression.split_suffix(Path(path).name)
    if asked is None and path == STANDARD_STREAM:
        return suffixes[".jsonl"], None
    if asked is None:
        suffix = Path(name.lower()).suffix
        kind, found = suffixes.get(suffix), suffix
    else:
        found, asked_codec = compression.split_suffix(asked)
        kind, codec = formats.get(found), asked_codec or codec
    if kind is None:
        raise ConfigError(
            f"the format of the output is not written: {path}",
            found=asked or found or "no suffix",
            expected=f"one of {', '.join(suffixes)}, or one of these and {', '.join(compression.SUFFIXES)}",
            hint="Give it such an ending, or name its format: --output-format jsonl (format='jsonl' in Python); "
            f"there are {', '.join(formats)}.",
        )
    return kind, codec


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def to_json(value: object) -> str:
    """The value as JSON on one line, also for readers who take U+2028 and U+2029 for line ends.

    >>> to_json({"score": float("nan"), "text": "naïve"})
    '{"score": null, "text": "naïve"}'
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        text = _ENCODER.encode(_without_nan(value))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def plain(value: object) -> object:
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


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=plain)


def _without_nan(value: object) -> object:
    value = plain(value)
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list | tuple) else value
