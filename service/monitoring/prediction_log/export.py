"""Writes the records of a prediction log to one file: Parquet, or JSON lines."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from glossator.service.errors import ConfigError
from glossator.service.files.atomic_file import AtomicFile
from glossator.service.monitoring.drift.summaries import SUMMARIES
from glossator.service.monitoring.prediction_log.reader import Record
from glossator.service.optional_packages import import_optional

_ROWS = 8_192
"""Records per row group."""


def export_records(records: Iterable[Record], output: str) -> int:
    """Write records to `output`, which appears complete or not at all. Return how many there were.

    The format follows from the name: `.parquet` (needs pyarrow, of the extra `files`) or `.jsonl`; `-` writes JSON
    lines to standard output.

    Raises ConfigError for another name, and OutputError if the file cannot be written.
    """
    if output.endswith(".parquet"):
        return _write_parquet(records, output)
    if output == "-" or output.endswith(".jsonl"):
        return _write_lines(records, output)
    raise ConfigError("the format of the output is not known", found=output, expected="a .parquet or a .jsonl file")


def _write_lines(records: Iterable[Record], output: str) -> int:
    count = 0
    with _committed(output) as file:
        for record in records:
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8"))
            count += 1
    return count


def _write_parquet(records: Iterable[Record], output: str) -> int:
    pq = import_optional("pyarrow.parquet", "Parquet", package="pyarrow")
    import pyarrow as pa

    schema, count = _schema(), 0
    rest = iter(records)
    with _committed(output) as file, tempfile.TemporaryFile() as temporary:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            while rows := list(islice(rest, _ROWS)):
                writer.write_table(pa.Table.from_pylist([_row(record) for record in rows], schema=schema))
                count += len(rows)
        temporary.seek(0)
        while data := temporary.read(1 << 20):
            file.write(data)
    return count


def _row(record: Record) -> Record:
    return {"role": "served", **record, "time": datetime.fromisoformat(record["time"])}


def _schema() -> Any:
    import pyarrow as pa

    text, number, count = pa.string(), pa.float64(), pa.int64()
    entity = pa.struct([("start", count), ("end", count), ("label", text), ("score", number)])
    return pa.schema(
        [
            ("time", pa.timestamp("us", tz="UTC")),
            ("role", text),
            ("request", text),
            ("place", count),
            ("model", text),
            ("version", text),
            ("digest", text),
            ("route", text),
            ("key", text),
            ("sha256", text),
            ("text", text),
            ("second", text),
            ("labels", pa.list_(text)),
            ("scores", pa.list_(pa.struct([("label", text), ("score", number)]))),
            ("confidence", number),
            ("score", number),
            ("entities", pa.list_(entity)),
            ("span", pa.struct([("start", count), ("end", count), ("score", number)])),
            ("offset_unit", text),
            ("tokens", count),
            ("windows", count),
            ("truncated", pa.bool_()),
            ("tier", text),
            ("seconds", number),
            ("summaries", pa.struct([(name, number) for name in SUMMARIES])),
        ]
    )


@contextmanager
def _committed(output: str) -> Iterator[AtomicFile]:
    """Yield a file that appears when the block ends without an error. It has a private mode: it may hold texts."""
    file = AtomicFile(output, mode=0o600)
    try:
        yield file
        file.commit()
    except BaseException:
        file.discard()
        raise
