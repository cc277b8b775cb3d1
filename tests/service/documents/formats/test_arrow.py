from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from glossator.service.documents.open_source import open_source
from glossator.service.errors import UndecodableFile


@pytest.mark.parametrize("form", ["file", "stream"])
def test_arrow_files_and_streams_keep_their_values(tmp_path: Path, form: str) -> None:
    table = pa.table({"text": ["one", None], "n": [1, 2]})
    stream = io.BytesIO()
    with (pa.ipc.new_file if form == "file" else pa.ipc.new_stream)(stream, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "a.arrow").write_bytes(stream.getvalue())
    with open_source(tmp_path / "a.arrow") as source:
        assert source.columns == ("text", "n")
        assert [record.fields for record in source.records()] == [{"text": "one", "n": 1}, {"text": None, "n": 2}]
    (tmp_path / "b.arrow").write_bytes(stream.getvalue()[:40])
    with pytest.raises(UndecodableFile, match="not a complete Arrow file"):
        open_source(tmp_path / "b.arrow")
