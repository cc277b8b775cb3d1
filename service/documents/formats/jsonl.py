"""JSON Lines: one object per line. Blank lines are skipped but counted in line numbers.

Strict where tolerance would silently change data: a repeated key, NaN, Infinity and a number too large for a double are
faults of their row. Lone surrogates (`\\ud83d` without its second half) stay in the fields: encoding refuses such a
text later.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import Line, excerpt
from glossator.service.documents.record import Record
from glossator.service.documents.sources.source import Source, SourceOptions, open_lines
from glossator.service.errors import InputError, UnreadableRow, shorten

MAX_DEPTH = 100
"""Levels of nested lists and objects. Deeper ones could overflow the stack when the row is written."""

_BLANK = " \t\r\n"
"""The white space of JSON: a line with only U+2028 is a fault, not a blank line."""

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Strings, which are skipped, and brackets. Possessive, and accepts unclosed strings: linear on any input."""


class JsonlSource(Source):
    """Objects of a JSON Lines file. `columns` are the keys of the first rows; later rows may have others."""

    format = "jsonl"

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_unused("JSON Lines")
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding
        lines = [line for line in self._lines.sample() if line.text.strip(_BLANK)]
        first = [self._read(line) for line in lines]
        opening = lines[0].text.strip(_BLANK) if lines else ""
        if opening in ("[", "{") or (opening.startswith("[") and all(record.error for record in first)):
            self.close()
            kind = "array" if opening.startswith("[") else "object over several lines"
            raise InputError(
                f"{self.name} contains a JSON {kind}, not one object per line",
                found=shorten(lines[0].content, 40),
                hint="Pass --input-format json (format='json' in Python), or rename it to end in .json.",
            )
        self.columns = tuple(dict.fromkeys(key for record in first for key in record.fields))

    def _records(self) -> Iterator[Record]:
        for line in self._lines:
            if line.error is not None or line.text.strip(_BLANK):
                yield self._read(line)

    def close(self) -> None:
        self._lines.close()

    def decisions(self) -> list[Decision]:
        return self._lines.decisions()

    def details(self) -> list[str]:
        return [self._lines.describe_encoding()]

    def _read(self, line: Line) -> Record:
        error = line.error or undecodable_error(line.text, line.number, self._lines.encoding)
        if error is None:
            try:
                return Record(line.number, parse_object(line.content, line.number))
            except UnreadableRow as fault:
                error = fault
        return Record(line.number, {}, error, excerpt(line.text))


def parse_object(text: str, line: int) -> dict[str, object]:
    """Return the JSON object in `text`; raises UnreadableRow, which names the line.

    >>> parse_object('{"text": "hello"}', 1)
    {'text': 'hello'}
    """
    try:
        _check_depth(text)
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableRow(
            f"line {line}: not valid JSON: {error.msg.removesuffix(' at')} at column {error.colno}",
            found=text[max(0, error.pos - 20) : error.pos + 40],
            expected="one JSON object",
        ) from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: raised below, or an integer with more digits than Python reads
        raise UnreadableRow(f"line {line}: {error}", found=text, expected="one JSON object") from None
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}.get(type(value), "a number")
        raise UnreadableRow(
            f"line {line}: the row is {kind}",
            found=text,
            expected='an object such as {"text": "..."}',
            hint="Write one object per line." if kind == "a list" else None,
        )
    return value


def parse_json(text: str, name: str) -> object:
    """Return the JSON value of a whole file. Raises InputError."""
    try:
        _check_depth(text)
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{name} is not valid JSON: {error.msg.removesuffix(' at')} in line {error.lineno}, column {error.colno}",
            found=text[max(0, error.pos - 20) : error.pos + 40] or "the end of the file",
            expected="one JSON value",
            hint="Correct it there, or name another format: --input-format jsonl for one object per line.",
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name} cannot be read: {error}",
            expected="JSON, which has no NaN, no infinite numbers and no repeated keys",
            hint="Correct it; a missing value is null.",
        ) from None


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise ValueError(f"the key {shorten(', '.join(repeated))} is repeated")
    return fields


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {shorten(text, 40)} is too large")
    return number


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _STRUCTURE.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"lists and objects are nested more than {MAX_DEPTH} levels deep")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant, parse_float=_parse_float
)  # `json.loads` would create a decoder for each row
