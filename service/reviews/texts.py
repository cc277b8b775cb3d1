"""The texts of items, from the prediction log: they are in no other place, so that erasing them there is enough."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from glossator.service.errors import TextTooLong
from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.lookup import MOST_FOUND_BYTES, Wanted, find_answers
from glossator.service.monitoring.prediction_log.reader import LogReader
from glossator.service.reviews.records import Item, Period

Texts = dict[str, str]
"""`text`, and `second` for pairs; empty if the text was not logged, or was erased."""
KEEP_SECONDS = 600.0
_MOST_PERIODS = 4
READ_AHEAD = 200
"""Items whose texts are read from the log together with those that are asked for."""


def texts_of(log: Path, period: Period, items: Collection[int], *, most_bytes: int = sys.maxsize) -> dict[int, Texts]:
    """Return the texts of items that are in the log.

    Raises FileMissing if there is no log, TextTooLong if the records have more than `most_bytes` together.
    """
    LogReader(log)  # an error if there is no log
    order = list(dict.fromkeys(items))
    wanted = [_wanted(period, period.items[item]) for item in order]
    records = find_answers(log, wanted, most_bytes=sys.maxsize, most_found_bytes=most_bytes)
    return {
        item: {name: record[name] for name in ("text", "second") if name in record}
        for item, record in zip(order, records, strict=True)
        if record is not None
    }


class TextCache:
    """Texts that were read before, for a while: a server is asked for a few items at a time. Thread-safe.

    Texts that are erased from the log are not returned any more.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[int, Texts]]] = {}
        """By period: when the log was searched, and what was found."""

    def texts(self, period: Period, items: Sequence[int], likely: Sequence[int] = ()) -> dict[int, Texts]:
        """Return the texts of `items`. If the log has to be searched, some of the `likely` next ones are kept too.

        Raises TextTooLong if the texts are too long together.
        """
        with self._lock:
            read, kept = self._kept.get(period.id, (0.0, {}))
            if time.monotonic() - read > KEEP_SECONDS or not kept.keys() >= set(items):
                kept = self._load(period, items, likely)
                self._kept.pop(period.id, None)
                while len(self._kept) >= _MOST_PERIODS:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[period.id] = (time.monotonic(), kept)
            found = {item: kept[item] for item in items}
        erasures = read_erasures(self._log)
        return {item: {} if erasures.cover(_fields(period.items[item])) else texts for item, texts in found.items()}

    def _load(self, period: Period, items: Sequence[int], likely: Sequence[int]) -> dict[int, Texts]:
        """Search the log. Every item gets an entry, so that it is not searched for again."""
        later = [item for item in likely if item not in set(items)]
        together = [*items, *later[:READ_AHEAD]]
        try:
            read = texts_of(self._log, period, together, most_bytes=MOST_FOUND_BYTES)
        except TextTooLong:
            together = list(items)
            read = texts_of(self._log, period, together, most_bytes=MOST_FOUND_BYTES)
        return {item: read.get(item, {}) for item in together}


def _wanted(period: Period, item: Item) -> Wanted:
    return Wanted(item.request, item.place, item.sha256, period.model, period.digest)


def _fields(item: Item) -> dict[str, object]:
    return {**item.fields, "request": item.request, "place": item.place, "sha256": item.sha256}
