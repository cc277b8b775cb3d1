"""The texts of items, from the prediction log: they are in no other place, so that erasing them there is enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from pathlib import Path

from glossator.service.monitoring.prediction_log.erasures import read_erasures
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.reviews.records import Item, Period

Texts = dict[str, str]
"""`text`, and `second` for pairs; empty if the text was not logged, or was erased."""
KEEP_SECONDS = 600.0
_MOST_CHARACTERS = 16_000_000


def texts_of(log: Path, period: Period, items: Collection[int]) -> dict[int, Texts]:
    """Return the texts of items that are in the log. It is read once. Raises FileMissing if there is no log."""
    wanted = {_key(period.items[item]): item for item in items}
    found: dict[int, Texts] = {}
    for record in LogReader(log, LogFilter(model=period.model, digest=period.digest)):
        item = wanted.get((str(record["request"]), int(record["place"]), str(record["sha256"])))
        if item is not None:
            found[item] = {name: record[name] for name in ("text", "second") if name in record}
    return found


class TextCache:
    """Texts that were read before, for a while: a server is asked for a few items at a time. Thread-safe.

    Texts that are erased from the log are not returned any more.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._period = ""
        self._read = 0.0
        self._texts: dict[int, Texts] = {}

    def texts(self, period: Period, items: Collection[int], likely: Collection[int]) -> dict[int, Texts]:
        """Return the texts of `items`. If the log has to be read, those of the `likely` next ones are kept too."""
        with self._lock:
            stale = period.id != self._period or time.monotonic() - self._read > KEEP_SECONDS
            if stale or not self._texts.keys() >= set(items):
                self._texts = self._load(period, [*items, *likely])
                self._period, self._read = period.id, time.monotonic()
            found = {item: self._texts[item] for item in items}
        erasures = read_erasures(self._log)
        model = {"model": period.model, "digest": period.digest}
        return {
            item: {} if erasures.cover(model | _fields(period.items[item])) else texts for item, texts in found.items()
        }

    def _load(self, period: Period, items: list[int]) -> dict[int, Texts]:
        """Read the log. Every item has an entry, up to a number of characters, so that it is not read for it again."""
        read = texts_of(self._log, period, items)
        kept: dict[int, Texts] = {}
        characters = 0
        for number, item in enumerate(dict.fromkeys(items)):
            texts = read.get(item, {})
            characters += sum(map(len, texts.values()))
            if number >= 1_000 and characters > _MOST_CHARACTERS:
                break
            kept[item] = texts
        return kept


def _key(item: Item) -> tuple[str, int, str]:
    return item.request, item.place, item.sha256


def _fields(item: Item) -> dict[str, object]:
    return {**item.fields, "request": item.request, "place": item.place, "sha256": item.sha256}
