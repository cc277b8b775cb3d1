from __future__ import annotations

import datetime
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError, InputError, UndecodableFile, UnreadableRow

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path: Path, columns: dict[str, object], **options: object) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_rows_are_read_in_order_across_row_groups_with_their_types(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(3000)]
    path = write(tmp_path / "a.parquet", {"text": texts, "id": list(range(3000))}, row_group_size=700)
    with open_reader(path) as source:
        assert (source.columns, source.encoding) == (("text", "id"), None)
        assert "parquet, 3,000 rows, columns text, id" in source.describe()
        records = list(source.records())
    assert [record.fields for record in records] == [{"text": text, "id": i} for i, text in enumerate(texts)]
    assert [record.line for record in records] == list(range(1, 3001))


def test_values_of_every_kind_keep_their_type(tmp_path: Path) -> None:
    row = {
        "null": None,
        "nested": [{"a": 1, "b": ["x"]}],
        "decimal": Decimal("1.10"),
        "bytes": b"\x00\xff",
        "day": datetime.date(2024, 2, 29),
    }
    path = write(tmp_path / "a.parquet", {name: [value] for name, value in row.items()})
    with open_reader(path) as source:
        (record,) = source.records()
    assert record.fields == row


def test_nanoseconds_are_kept_as_text(tmp_path: Path) -> None:
    columns = {
        "at": pa.array([1, None], pa.timestamp("ns")),
        "clock": pa.array([1, None], pa.time64("ns")),
        "took": pa.array([1, None], pa.duration("ns")),
    }
    with open_reader(write(tmp_path / "a.parquet", columns)) as source:
        first, second = source.records()
    assert first.fields == {"at": "1970-01-01 00:00:00.000000001", "clock": "00:00:00.000000001", "took": 1}
    assert second.fields == {"at": None, "clock": None, "took": None}


def test_damage_in_the_middle_gives_the_rows_before_it_and_an_error_for_each_row_after(tmp_path: Path) -> None:
    texts = [f"{number * 7919 % 10007}" for number in range(4000)]
    path = write(tmp_path / "a.parquet", {"text": texts}, row_group_size=1000, use_dictionary=False, compression="gzip")
    column = pq.ParquetFile(path).metadata.row_group(2).column(0)
    content = bytearray(path.read_bytes())
    start = column.data_page_offset + 60
    content[start : start + 400] = b"\xff" * 400
    path.write_bytes(content)
    with open_reader(path) as source:
        records = list(source.records())
    assert len(records) == 4000
    good = [record for record in records if record.error is None]
    assert [record.fields["text"] for record in good] == texts[: len(good)]
    assert 1000 <= len(good) <= 2000
    assert isinstance(records[-1].error, UnreadableRow)
    assert [record.line for record in records] == list(range(1, 4001))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["a", "b"]})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UndecodableFile, match="not a complete Parquet file"):
        open_reader(path)


@pytest.mark.parametrize(("content", "message"), [(b"text,label\n", "not a complete Parquet"), (b"PK\x03\x04", "ZIP")])
def test_another_format_with_this_suffix_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(UndecodableFile, match=message):
        open_reader(path)


def test_parquet_with_another_suffix_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"text": ["a"]})
    with pytest.raises(UndecodableFile, match="is a Parquet file"):
        open_reader(path)
    with open_reader(path, format="parquet") as source:
        assert len(list(source.records())) == 1


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    with pytest.raises(InputError, match="empty"):
        open_reader(tmp_path / "a.parquet")


def test_repeated_column_names_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="same name"):
        open_reader(tmp_path / "a.parquet")


def test_a_stream_gzip_and_text_options_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["a"]})
    with pytest.raises(InputError, match="from a stream"):
        open_reader("-", format="parquet", stdin=io.BufferedReader(io.BytesIO(path.read_bytes())))
    with pytest.raises(InputError, match="cannot be read from gzip data"):
        open_reader(path, format="parquet.gz")
    with pytest.raises(ConfigError, match="takes no encoding"):
        open_reader(path, encoding="utf-8")


def test_without_pyarrow_the_error_names_the_extra(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["a"]})
    program = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"  # as if it were not installed
        "from glossator.service.documents.sources.open_reader import open_reader\n"
        "from glossator.service.errors import ExtraMissing\n"
        "try:\n"
        "    open_reader(sys.argv[1])\n"
        "except ExtraMissing as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'glossator[files]'\n"


def test_importing_the_readers_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "import glossator.service.documents.sources.open_reader, glossator.service.documents.row_writer\n"
        "import glossator.service.labelling.row_labelling\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & set(sys.argv[1:])))\n"
    )
    heavy = ["pyarrow", "pandas", "torch", "tokenizers", "onnxruntime", "charset_normalizer"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
