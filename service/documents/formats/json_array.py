"""A JSON array of objects, read item by item: the array may be larger than memory.

The rules of JSON Lines apply to each item. Common streaming parsers replace lone surrogates by question marks and
silently use the last of repeated keys; here a repeated key is a fault of its row, and lone surrogates are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice

from glossator.service.documents.decoding.encodings import undecodable_error
from glossator.service.documents.decoding.lines import TextStream, excerpt, too_long_error
from glossator.service.documents.formats.jsonl import parse_object
from glossator.service.documents.record import Record
from glossator.service.documents.source import Source, SourceOptions, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

_HEAD_ITEMS = 1_000
_BLANK = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class JsonSource(Source):
    """Objects of one array. `Record.line` is the item's number, from 1; `columns` are the keys of the first items.

    An item that is not an object is a row with an error. After invalid JSON, the rest of the file is one such row.
    Raises InputError if the file does not contain an array.
    """

    format = "json"

    def __init__(self, path: str, options: SourceOptions) -> None:
        refuse_options("JSON", delimiter=options.delimiter, header=options.header)
        self._text = TextStream(path, codec=options.codec, encoding=options.encoding, stdin=options.stdin)
        self.name = self._text.name
        self.encoding = self._text.encoding
        self._limit = options.max_row
        try:
            items = self._items(_Buffer(self._text.blocks()))
            head = list(islice(items, _HEAD_ITEMS))
        except BaseException:
            self.close()
            raise
        self._all = chain(head, items)
        self.columns = tuple(dict.fromkeys(key for record in head for key in record.fields))

    def _records(self) -> Iterator[Record]:
        return self._all

    def close(self) -> None:
        self._text.close()

    def details(self) -> list[str]:
        return [self._text.describe_encoding()]

    def _items(self, buffer: _Buffer) -> Iterator[Record]:
        first = buffer.peek()
        if first != "[":
            raise InputError(
                f"{self.name} is not a JSON array",
                found=f"it begins with {shorten(buffer.remaining(), 40)}" if first else "only white space",
                expected='an array of objects: [{"text": "..."}, ...]',
                hint="Write one object per line, and rename the file to end in .jsonl.",
            )
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

    def discard_rest(self, number: int, fault: InputError) -> Record:
        """Return one row for the rest of the file."""
        record = Record(number, {}, fault, excerpt(self.remaining()))
        self.text, self.at, self._blocks = "", 0, iter(())
        return record
