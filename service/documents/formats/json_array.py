"""JSON files: an array of objects is read item by item and may be larger than memory; other shapes are read whole.

The rules of JSON Lines apply to each item. Common streaming parsers replace lone surrogates by question marks and
silently use the last of repeated keys; here a repeated key is a fault of its row, and lone surrogates are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import TextStream, empty_file_error, excerpt, too_long_error
from glossator.service.documents.formats.json_shapes import find_rows
from glossator.service.documents.formats.jsonl import JsonlSource, parse_json, parse_object
from glossator.service.documents.record import Record
from glossator.service.documents.sources.budgets import MAX_IN_MEMORY
from glossator.service.documents.sources.source import Source, SourceOptions
from glossator.service.errors import InputError, UnreadableRow, shorten
from glossator.service.files.paths import STANDARD_STREAM

_LINES_CHARACTERS = 4 << 20
"""Longest first line that is recognised as a line of JSON Lines."""
_HEAD_ITEMS = 1_000
_BLANK = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class JsonSource(Source):
    """Rows of a JSON file. `Record.line` is the number of the row, from 1; `columns` are the keys of the first rows.

    The content decides: an array of objects, one object per line, or one of the shapes in `json_shapes`. A row that is
    not an object is a row with an error. After invalid JSON in an array, the rest of the file is one such row.
    Raises InputError if the file holds no rows.
    """

    format = "json"
    takes_split = True

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_unused("JSON", "header")
        self._text = TextStream(path, codec=options.codec, encoding=options.encoding, stdin=options.stdin)
        self.name = self._text.name
        self.encoding = self._text.encoding
        self._limit = options.max_row
        self._decisions: list[Decision] = []
        self._may_have_header = False
        self._lines: JsonlSource | None = None
        try:
            buffer = _Buffer(self._text.blocks())
            if _is_array_of_objects(buffer):
                items = self._items(buffer)
            elif path != STANDARD_STREAM and _is_lines(buffer):
                self._lines = JsonlSource(path, replace(options, header=None))
                self._decisions.append(Decision("format", "JSON Lines", "each line is an object", "", "--input-format"))
                items = self._lines.records()
            else:
                items = self._shaped(buffer, options)
            head = list(islice(items, _HEAD_ITEMS))
            if not self._may_have_header:
                options.refuse_unused("JSON of objects")
        except BaseException:
            self.close()
            raise
        self._all = chain(head, items)
        self.columns = tuple(dict.fromkeys(key for record in head for key in record.fields))

    def _records(self) -> Iterator[Record]:
        return self._all

    def close(self) -> None:
        self._text.close()
        if self._lines is not None:
            self._lines.close()

    def decisions(self) -> list[Decision]:
        return [*self._text.decisions(), *self._decisions]

    def details(self) -> list[str]:
        return [self._text.describe_encoding()]

    def _shaped(self, buffer: _Buffer, options: SourceOptions) -> Iterator[Record]:
        """Read the whole file and find its rows."""
        text = buffer.read_all(MAX_IN_MEMORY)
        if not text.strip(_BLANK) and buffer.error is None:
            raise empty_file_error(self.name)
        if buffer.error is not None:
            raise buffer.error
        if len(text) > MAX_IN_MEMORY:
            raise InputError(
                f"{self.name} is too large for JSON of this shape",
                found=f"more than {MAX_IN_MEMORY:,} characters",
                expected=f"at most {MAX_IN_MEMORY:,}, or a list of objects, which is read item by item",
                hint="Write one object per line (.jsonl).",
            )
        wrong = undecodable_error(text, 1, self._text.encoding)
        if wrong is not None:
            raise wrong
        value = parse_json(text, self.name)
        shaped = find_rows(
            value,
            self.name,
            split=options.split,
            preferred_split=options.preferred_split,
            header=options.header,
        )
        self._may_have_header = shaped.may_have_header
        self._decisions += shaped.decisions
        for number, row in enumerate(shaped.rows, start=1):
            if isinstance(row, dict):
                yield Record(number, row)
            else:
                shown = shorten(json.dumps(row, ensure_ascii=False), 60)
                fault = UnreadableRow(f"line {number}: the row is no object", found=shown, expected="an object")
                yield Record(number, {}, fault, shown)

    def _items(self, buffer: _Buffer) -> Iterator[Record]:
        number, after = 0, "["
        while True:
            buffer.skip()
            if buffer.peek() == "]" and after == "[":
                return
            number += 1
            item = self._item(buffer, number)
            yield item
            after = buffer.peek()
            if after == "]":
                return
            if after != ",":
                if item.error is None or after:
                    yield self._unreadable_rest(buffer, number + 1, buffer.error or "a comma or ] is missing")
                return

    def _item(self, buffer: _Buffer, number: int) -> Record:
        """Return the next item. If it is longer than the limit or not JSON, it includes the rest of the file."""
        while True:
            buffer.peek()
            try:
                _, end = _decode(buffer.text, buffer.at)
                if end < len(buffer.text) or not buffer.grow():  # a number may continue
                    break
            except (ValueError, RecursionError) as error:
                if len(buffer.text) - buffer.at > self._limit:
                    fault = too_long_error(number, len(buffer.text) - buffer.at, self._limit)
                    return buffer.discard_rest(number, fault)
                if isinstance(error, RecursionError) or not buffer.grow():
                    what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    if isinstance(error, RecursionError):
                        what = "lists and objects are nested too deeply"
                    return self._unreadable_rest(buffer, number, buffer.error or what)
        text = buffer.take(end)
        wrong: InputError | None = undecodable_error(text, number, self._text.encoding)
        if wrong is None:
            try:
                return Record(number, parse_object(text, number))
            except UnreadableRow as unreadable:
                wrong = unreadable
        return Record(number, {}, wrong, excerpt(text))

    def _unreadable_rest(self, buffer: _Buffer, number: int, why: str | InputError) -> Record:
        what = why.message if isinstance(why, InputError) else why
        fault = UnreadableRow(
            f"line {number}: item {number} and all that follow cannot be read: {what}",
            found=shorten(buffer.remaining(), 60),
            expected="JSON objects with commas between them, and ] at the end",
            hint="Fix the file there; the items before are complete.",
        )
        return buffer.discard_rest(number, fault)


def _is_array_of_objects(buffer: _Buffer) -> bool:
    """Whether the text begins with `[` and its first item is an object, or is missing."""
    if buffer.peek() != "[":
        return False
    rest = buffer.remaining()[1:].lstrip(_BLANK)
    while not rest and buffer.grow():
        rest = buffer.remaining()[1:].lstrip(_BLANK)
    return rest[:1] not in ("[", '"')


def _is_lines(buffer: _Buffer) -> bool:
    """Whether the first two lines that are not blank are complete objects."""
    lines = [line for line in buffer.remaining().split("\n") if line.strip(_BLANK)][:2]
    while len(lines) < 2 and len(buffer.remaining()) < _LINES_CHARACTERS and buffer.grow():
        lines = [line for line in buffer.remaining().split("\n") if line.strip(_BLANK)][:2]
    if len(lines) < 2 or not lines[1].lstrip(_BLANK).startswith("{"):
        return False
    try:
        return isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return False


class _Buffer:
    """The part of the text that is needed now; `at` is where the next item begins."""

    def __init__(self, blocks: Iterator[str | InputError]) -> None:
        self._blocks = blocks
        self.text = ""
        self.at = 0
        self.error: InputError | None = None

    def grow(self) -> bool:
        """Double the text, or add at least a block; return False if nothing is left."""
        wanted = len(self.text) - self.at
        pieces = [self.text[self.at :]]
        found = 0
        while found <= wanted:
            block = next(self._blocks, None)
            if block is None:
                break
            if isinstance(block, InputError):
                self.error = block
                break
            pieces.append(block)
            found += len(block)
        self.text, self.at = "".join(pieces), 0
        return found > 0

    def peek(self) -> str:
        """Skip white space and return the next character without taking it; "" at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _BLANK:
                    return self.text[self.at]
                self.at += 1
            if not self.grow():
                return ""

    def skip(self) -> None:
        """Skip a character."""
        self.at += 1

    def take(self, end: int) -> str:
        """Take the text up to `end`."""
        text, self.at = self.text[self.at : end], end
        return text

    def remaining(self) -> str:
        """Return the text from `at` on, as far as it is in the buffer."""
        return self.text[self.at :]

    def read_all(self, limit: int) -> str:
        """Return the rest of the text, or at least `limit` characters of it."""
        while len(self.text) - self.at <= limit and self.grow():
            pass
        return self.remaining()

    def discard_rest(self, number: int, fault: InputError) -> Record:
        """Return one row for the rest of the file."""
        record = Record(number, {}, fault, excerpt(self.remaining()))
        self.text, self.at, self._blocks = "", 0, iter(())
        return record
