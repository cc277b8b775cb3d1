"""Finds single answers in a prediction log, the newest first, without parsing the others.

Segments are read from their ends in blocks. Only lines whose request or text is wanted are parsed. A search ends when
everything is found, or after `MOST_BYTES`.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glossator.service.errors import TextTooLong
from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.reader import LogFilter, Record
from glossator.service.monitoring.prediction_log.segments import list_segments

MOST_BYTES = 1 << 30
"""The newest part of the log that is searched."""
MOST_FOUND_BYTES = 64 << 20
"""What all records that are found may have together."""
BLOCK_BYTES = 1 << 20
"""Small, so that other threads run in between."""
_KEYS = re.compile(rb'"(?:request": ?"([A-Za-z0-9._~-]{1,128})|sha256": ?"([0-9a-f]{64}))"')
"""The request and the text of a record. Quotes inside of texts are escaped, so it does not match there."""
_FEW = 8
"""Up to this number of keys, it is faster to search for each."""

_NEEDED = {"time", "request", "place", "model", "digest", "sha256"}

_Key = tuple[str | None, int | None, str | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that is looked for: by its request, by its text, or by both. None: any."""

    request: str | None = None
    place: int | None = None
    sha256: str | None = None
    model: str | None = None
    digest: str | None = None
    key: str | None = None
    """The name of the API key that got the answer."""

    def matches(self, record: Record) -> bool:
        """Return whether the record is that answer."""
        pairs = (
            (self.request, "request"), (self.place, "place"), (self.sha256, "sha256"), (self.model, "model"),
            (self.digest, "digest"), (self.key, "key"),
        )  # fmt: skip
        return all(value is None or record.get(name) == value for value, name in pairs)


def find_answers(
    folder: Path,
    wanted: Sequence[Wanted],
    *,
    most_bytes: int = MOST_BYTES,
    most_found_bytes: int = MOST_FOUND_BYTES,
    until: float = math.inf,
    block_bytes: int = BLOCK_BYTES,
) -> list[Record | None]:
    """Return the newest record of each wanted answer that was served; None where the log has none, or it was erased.

    It reads at most about `most_bytes` of the log, `block_bytes` at a time. A record that was written a moment ago may
    be missing. It gives up at the time `until` of `time.monotonic`.

    Raises TextTooLong if the found records have more than `most_found_bytes` together.
    """
    found: dict[Wanted, Record] = {}
    pending: dict[_Key, set[Wanted]] = {}
    for each in wanted:
        if each.request is not None or each.sha256 is not None:
            pending.setdefault((each.request, each.place, each.sha256), set()).add(each)
    served, erasures, size = LogFilter(), read_erasures(folder), 0
    for block in _blocks(folder, most_bytes, block_bytes):
        if not pending or time.monotonic() > until:
            break
        for line in _candidates(block, pending):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if not _is_answer(record) or not served.accepts(record) or erasures.cover(record):
                continue
            if _assign(record, pending, found) and (size := size + len(line)) > most_found_bytes:
                raise TextTooLong(
                    "the texts of these answers are too long together",
                    expected=f"at most {most_found_bytes:,} bytes",
                    hint="Look for fewer answers at once.",
                )
    return [found.get(each) for each in wanted]


def _is_answer(record: object) -> bool:
    return isinstance(record, dict) and record.keys() >= _NEEDED


def _assign(record: Record, pending: dict[_Key, set[Wanted]], found: dict[Wanted, Record]) -> bool:
    """Give the record to all that want it. Return whether somebody does."""
    is_wanted = False
    request, place, text = record.get("request"), record.get("place"), record.get("sha256")
    for asked in (request, None):
        for position in (place, None):
            for sha256 in (text, None):
                key = (asked, position, sha256)
                if key not in pending:
                    continue
                matched = {each for each in pending[key] if each.matches(record)}
                found.update(dict.fromkeys(matched, record))
                pending[key] -= matched
                is_wanted |= bool(matched)
                if not pending[key]:
                    del pending[key]
    return is_wanted


def _candidates(block: bytes, pending: dict[_Key, set[Wanted]]) -> list[bytes]:
    """Return the lines of a block with a wanted request or text, the last line first."""
    requests = {request.encode("utf-8", "replace") for request, _, _ in pending if request is not None}
    texts = {text.encode("utf-8", "replace") for request, _, text in pending if request is None and text is not None}
    keys = requests | texts
    if len(keys) <= _FEW and not any(key in block for key in keys):
        return []
    lines: dict[int, bytes] = {}
    for match in _KEYS.finditer(block):
        request, text = match.groups()
        if (request is not None and request in requests) or (text is not None and text in texts):
            start = block.rfind(b"\n", 0, match.start()) + 1
            if start not in lines:
                lines[start] = block[start : block.find(b"\n", match.end())]
    return list(reversed(lines.values()))


def _blocks(folder: Path, most_bytes: int, block_bytes: int) -> Iterator[bytes]:
    """Yield the complete lines of a log in blocks that end with a line break, the newest segment and its end first."""
    left = most_bytes
    for segment in reversed(list_segments(folder)):
        for block in _segment_blocks(segment, block_bytes):
            yield block
            left -= len(block)
            if left <= 0:
                return


def _segment_blocks(path: Path, block_bytes: int) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # it has just been removed
        return
    try:
        begun = False
        rest: list[bytes] = []
        position = os.fstat(descriptor).st_size
        while position > 0:
            start = max(0, position - block_bytes)
            data = os.pread(descriptor, position - start, start)
            position = start
            if not begun:  # behind the last line break is a line that is being written
                end = data.rfind(b"\n")
                if end < 0:
                    continue
                data, begun = data[: end + 1], True
            cut = data.find(b"\n") + 1 if start > 0 else 0
            if start > 0 and cut == 0:
                rest.append(data)
                continue
            block = data[cut:] + b"".join(reversed(rest))
            rest = [data[:cut]] if cut else []
            if block:
                yield block
    finally:
        os.close(descriptor)
