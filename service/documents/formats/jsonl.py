"""JSON lines: an object a line. Blank lines are skipped, and counted in line numbers.

Strict where leniency would change data in silence: a repeated key, NaN, Infinity and a number too large for a double
are faults of their row. Lone surrogates (`\\ud83d` with no second half) stay in the fields: whoever uses the text
refuses it.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from glossator.service.documents.decoding.encodings import undecodable
from glossator.service.documents.decoding.lines import Line, raw_text
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options, Source, open_lines, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

MAX_DEPTH = 100
"""Lists and objects within one another. Deeper ones could exhaust the stack of whoever writes the row back."""


_BLANK = " \t\r\n"
"""JSON's white space, and no other: U+2028 alone on a line is a fault, not a blank."""

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Strings, to step over, and brackets. Possessive, and content with a string cut off: linear on any input."""


class JsonlSource(Source):
    """Objects of a JSON lines file. `columns` are the keys of the first rows; later rows may bring others."""

    format = "jsonl"

    def __init__(self, path: str, options: Options) -> None:
        refuse_options("JSON lines", delimiter=options.delimiter, header=options.header)
        self._lines = open_lines(path, options)
        self.name = self._lines.name
        self.encoding = self._lines.encoding
        lines = [line for line in self._lines.sample() if line.text.strip(_BLANK)]
        first = [self._read(line) for line in lines]
        opening = lines[0].text.strip(_BLANK) if lines else ""
        if opening == "[" or (opening.startswith("[") and all(record.error for record in first)):
            self.close()
            raise InputError(
                f"{self.name} holds a JSON array, not an object a line",
                found=shorten(lines[0].content, 40),
                hint="Say --input-format json (format='json' in Python), or let its name end in .json.",
            )
        self.columns = tuple(dict.fromkeys(key for record in first for key in record.fields))

    def _records(self) -> Iterator[Record]:
        for line in self._lines:
            if line.error is not None or line.text.strip(_BLANK):
                yield self._read(line)

    def close(self) -> None:
        self._lines.close()

    def details(self) -> list[str]:
        return [self._lines.encoding_described()]

    def _read(self, line: Line) -> Record:
        error = line.error or undecodable(line.text, line.number, self._lines.encoding)
        if error is None:
            try:
                return Record(line.number, parse_object(line.content, line.number))
            except UnreadableRow as fault:
                error = fault
        return Record(line.number, {}, error, raw_text(line.text))


def parse_object(text: str, line: int) -> dict[str, object]:
    """The JSON object in `text`; raises UnreadableRow that names the line.

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
    except (ValueError, RecursionError) as error:  # ValueError: ours, or an integer of more digits than Python reads
        raise UnreadableRow(f"line {line}: {error}", found=text, expected="one JSON object") from None
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a string", type(None): "null", bool: "a truth value"}.get(type(value), "a number")
        raise UnreadableRow(
            f"line {line}: the row is {kind}",
            found=text,
            expected='an object such as {"text": "..."}',
            hint="Write one object a line." if kind == "a list" else None,
        )
    return value


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise ValueError(f"the key {shorten(', '.join(repeated))} is repeated")
    return fields


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
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
            raise ValueError(f"lists and objects lie more than {MAX_DEPTH} deep")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unrepeated, parse_constant=_refuse_constant, parse_float=_finite_float
)  # `json.loads` would make one for each row
