"""Rows of public corpora, as they are published."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file or of JSON lines, compressed or not."""
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    text = data.decode("utf-8")
    if file.suffix == ".csv":
        return list(csv.DictReader(text.splitlines(keepends=True)))
    return [json.loads(line) for line in text.strip().split("\n")]
