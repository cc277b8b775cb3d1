"""Reviews and items of periods in the form of the columns that hold them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from glossator.service.reviews.records import UNDONE, HistoryRow, Item, Review


def history_row(row: Mapping[str, Any]) -> HistoryRow:
    """Return a row of the table of reviews."""
    undone = row["verdict"] == UNDONE
    gold = row["gold"]
    review = Review(
        item=row["item"],
        verdict="skipped" if undone else row["verdict"],
        reviewer=row["reviewer"],
        gold=None if gold is None else json.loads(gold),
        comment=row["comment"],
        made=row["made"],
        seconds=row["seconds"],
        role=row["role"],
    )
    return HistoryRow(row["number"], review, undone, row["author"])


def pack_items(items: Sequence[Item]) -> str:
    """Return the items of a period as text: JSON, compressed, in base64."""
    rows = [[each.request, each.place, each.sha256, each.served, each.confidence, dict(each.fields)] for each in items]
    content = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return base64.b64encode(zlib.compress(content)).decode("ascii")


def unpack_items(text: str) -> list[Item]:
    """Return the items in a text of `pack_items`."""
    return [Item(*row) for row in json.loads(zlib.decompress(base64.b64decode(text)))]
