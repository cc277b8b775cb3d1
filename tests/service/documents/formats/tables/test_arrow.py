from __future__ import annotations

import io
import struct
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import UndecodableFile


@pytest.mark.parametrize("form", ["file", "stream"])
def test_arrow_files_and_streams_keep_their_values(tmp_path: Path, form: str) -> None:
    table = pa.table({"text": ["one", None], "n": [1, 2]})
    stream = io.BytesIO()
    with (pa.ipc.new_file if form == "file" else pa.ipc.new_stream)(stream, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "a.arrow").write_bytes(stream.getvalue())
    with open_reader(tmp_path / "a.arrow") as source:
        assert source.columns == ("text", "n")
        assert [record.fields for record in source.records()] == [{"text": "one", "n": 1}, {"text": None, "n": 2}]
    (tmp_path / "b.arrow").write_bytes(stream.getvalue()[:40])
    with pytest.raises(UndecodableFile, match="not a complete Arrow file"):
        open_reader(tmp_path / "b.arrow")


@pytest.mark.parametrize("name", ["a.arrow", "a.parquet"])
def test_a_value_that_python_cannot_hold_is_an_error_of_its_row(tmp_path: Path, name: str) -> None:
    days = pa.array([0, 4_000_000, 1], pa.int32()).cast(pa.date32())
    table = pa.table({"text": ["one", "two", "three"], "day": days})
    if name == "a.parquet":
        pq.write_table(table, tmp_path / name)
    else:
        with pa.ipc.new_file(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    with open_reader(tmp_path / name) as source:
        first, second, third = source.records()
    assert (first.fields, third.fields["text"]) == ({"text": "one", "day": date(1970, 1, 1)}, "three")
    assert second.error is not None
    assert (second.line, second.error.message) == (2, "a value of the row cannot be read")


def test_offsets_that_lead_out_of_the_file_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    """They would show the memory of the process as texts, or crash it."""
    stream = io.BytesIO()
    table = pa.table({"text": ["one", "two"]})
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    good, bad = struct.pack("<iii", 0, 3, 6), struct.pack("<iii", 0, 1_000_000, 6)
    assert stream.getvalue().count(good) == 1
    (tmp_path / "a.arrow").write_bytes(stream.getvalue().replace(good, bad))
    with open_reader(tmp_path / "a.arrow") as source:
        (record,) = source.records()
    assert record.error is not None
    assert "cannot be read from row 1 on" in record.error.message
