"""A JSON array of objects, read item by item: an array larger than memory is no trouble.

An item is held to the rules of JSON lines. Streaming parsers that others keep turn lone surrogates into question marks
and let the second of two equal keys win: here both are faults of their row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice

from glossator.service.documents.decoding.encodings import undecodable
from glossator.service.documents.decoding.lines import Text, raw_text, too_long
from glossator.service.documents.formats.jsonl import parse_object
from glossator.service.documents.record import Record
from glossator.service.documents.source import Options, Source, refuse_options
from glossator.service.errors import InputError, UnreadableRow, shorten

_HEAD_ITEMS = 1_000
_BLANK = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


class JsonSource(Source):
    """Objects of one array. `Record.line` is the item's number, from 1; `columns` are the keys of the first items.

    An item that is no object is a row with an error. From where the JSON breaks, all that follows is one such row.
    Raises InputError where the file holds no array.
    """

    format = "json"

    def __init__(self, path: str, options: Options) -> None:
        refuse_options("JSON", delimiter=options.delimiter, header=options.header)
        self._text = Text(path, codec=options.codec, encoding=options.encoding, stdin=options.stdin)
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
        return [self._text.encoding_described()]

    def _items(self, buffer: _Buffer) -> Iterator[Record]:
        first = buffer.peek()
        if first != "[":
            raise InputError(
                f"{self.name} is no JSON array",
                found=f"it begins with {shorten(buffer.rest(), 40)}" if first else "nothing but white space",
                expected='an array of objects: [{"text": "..."}, ...]',
                hint="Write an object a line, and let its name end in .jsonl.",
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
                    yield self._lost(buffer, number + 1, buffer.error or "a comma or ] is missing")
                return

    def _item(self, buffer: _Buffer, number: int) -> Record:
        """The next item. One that does not end within the limit, or is no JSON, takes all that follows with it."""
        while True:
            buffer.peek()
            try:
                _, end = _decode(buffer.text, buffer.at)
                if end < len(buffer.text) or not buffer.grow():  # a number may go on
                    break
            except (ValueError, RecursionError) as error:
                if len(buffer.text) - buffer.at > self._limit:
                    fault = too_long(number, len(buffer.text) - buffer.at, self._limit)
                    return buffer.give_up(number, fault)
                if isinstance(error, RecursionError) or not buffer.grow():
                    what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    return self._lost(buffer, number, buffer.error or what)
        text = buffer.take(end)
        wrong: InputError | None = undecodable(text, number, self._text.encoding)
        if wrong is None:
            try:
                return Record(number, parse_object(text, number))
            except UnreadableRow as unreadable:
                wrong = unreadable
        return Record(number, {}, wrong, raw_text(text))

    def _lost(self, buffer: _Buffer, number: int, why: str | InputError) -> Record:
        what = why.message if isinstance(why, InputError) else why
        fault = UnreadableRow(
            f"line {number}: item {number}, and all that follow it, cannot be read: {what}",
            found=shorten(buffer.rest(), 60),
            expected="JSON objects with commas between them, and ] at the end",
            hint="Mend the file there; the items before are whole.",
        )
        return buffer.give_up(number, fault)


class _Buffer:
    """Text as far as it is needed: `at` is where the next item begins."""

    def __init__(self, blocks: Iterator[str | InputError]) -> None:
        self._blocks = blocks
        self.text = ""
        self.at = 0
        self.error: InputError | None = None

    def grow(self) -> bool:
        """Adds as much again as there is, at least a block; False where nothing is left."""
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
        """The next character that is not white space, which is stepped over; "" at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _BLANK:
                    return self.text[self.at]
                self.at += 1
            if not self.grow():
                return ""

    def skip(self) -> None:
        """Steps over a character."""
        self.at += 1

    def take(self, end: int) -> str:
        """The text up to `end`, which is stepped over."""
        text, self.at = self.text[self.at : end], end
        return text

    def rest(self) -> str:
        """What is to hand of the text that follows."""
        return self.text[self.at :]

    def give_up(self, number: int, fault: InputError) -> Record:
        """The row that stands for all that follows."""
        record = Record(number, {}, fault, raw_text(self.rest()))
        self.text, self.at, self._blocks = "", 0, iter(())
        return record
