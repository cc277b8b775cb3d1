"""Files that are made to exhaust or to crash their reader: each is an error, within the limits."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from office_files import docx, epub, ods, ods_cell, odt, xlsx, xlsx_cell, zipped

from glossator.service.documents.many_files.file_lists import list_files
from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import GlossatorError, InputError, UndecodableFile
from glossator.service.files import compression

TITLE = xlsx_cell("A1", "text", 1)
DEEP = 20_000


def read(path: Path) -> list[Record]:
    with open_reader(path) as source:
        return list(source.records())


def error_of(path: Path) -> InputError:
    """Return the error of the file or of its only row."""
    try:
        (record,) = read(path)
    except InputError as error:
        return error
    assert record.error is not None
    return record.error


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("far.xlsx", xlsx(TITLE + xlsx_cell("XFD1048576", "x", 1048576)), "is nearly empty and too large"),
        ("wide.xlsx", xlsx(TITLE + xlsx_cell("XFD3000", "x", 3000)), "is nearly empty and too large"),
        ("row.xlsx", xlsx(TITLE + xlsx_cell("A4294967295", "x", 9)), "has an impossible cell"),
        ("column.xlsx", xlsx(TITLE + xlsx_cell("ZZZZZZ9", "x", 9)), "has an impossible cell"),
        ("none.xlsx", xlsx(TITLE + xlsx_cell("99A", "x", 2)), "not a complete spreadsheet"),
        ("end.xlsx", xlsx(TITLE + "<row>"), "is damaged"),
        ("end.ods", ods(f"<table:table-row>{ods_cell('text')}</table:table-row></table:tabl"), "is damaged"),
        ("tags.ods", ods(f"<table:table-row>{ods_cell('text</text:q>')}</table:table-row>"), "is damaged"),
        ("deep.docx", docx("<w:sdt>" * DEEP + "</w:sdt>" * DEEP), "cannot be read as a Word document"),
        ("deep.odt", odt("<text:section>" * DEEP + "</text:section>" * DEEP), "cannot be read as an OpenDocument text"),
        ("deep.epub", epub(f"<html><body>{'<div>' * DEEP}x"), "cannot be read to its end"),
        ("deep.html", b"<div>" * DEEP + b"x", "cannot be read to its end"),
        ("deep.rtf", b"{\\rtf1 " + b"{" * DEEP + b"x", "nested more than"),
        ("deep.json", b"[" * DEEP, "nested more than"),
        ("items.json", b'[{"a":' * DEEP, "nested too deeply"),
        ("parts.eml", b"Content-Type: message/rfc822\n\n" * 3_000, "is nested too deeply"),
        ("short.zip", b"PK\x03\x04" + bytes(100), "damaged or truncated"),
    ],
)
def test_hostile_documents_are_errors(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert message in error_of(tmp_path / name).message


def test_addresses_that_python_cannot_parse_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"From: :;<\nSubject: x\n\nbody\n")
    (record,) = read(tmp_path / "a.eml")
    assert record.error is None
    assert record.fields["text"] == "body"


def test_repeated_cells_and_spaces_of_open_documents_take_no_memory(tmp_path: Path) -> None:
    many = 2_000_000_000
    cells = f'<table:table-cell table:number-columns-repeated="{many}"><text:p>x</text:p></table:table-cell>'
    rows = f'<table:table><table:table-row table:number-rows-repeated="{many}">{cells}</table:table-row></table:table>'
    (tmp_path / "a.odt").write_bytes(odt(f'<text:p>a<text:s text:c="{many}"/>b</text:p>{rows}'))
    tracemalloc.start()
    try:
        (record,) = read(tmp_path / "a.odt")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert record.error is None
    assert len(str(record.fields["text"])) < 2_000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.txt.gz", gzip.compress(b"\n" * 300_000)),
        ("rows.csv.gz", gzip.compress(b"a,b\n" + b",\n" * 300_000)),
        (
            "rows.ods",
            ods(
                f"<table:table-row>{ods_cell('text')}</table:table-row>"
                f'<table:table-row table:number-rows-repeated="1000000">{ods_cell("x")}</table:table-row>'
            ),
        ),
    ],
)
def test_a_small_file_does_not_become_millions_of_rows(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    count = 0
    source = open_source(tmp_path / name)
    with pytest.raises(UndecodableFile, match="expands too far while it is read") as caught:  # noqa: PT012
        for _ in source.records():
            count += 1
    assert 200_000 <= count < 201_000
    assert caught.value.found == f"{len(data):,} bytes that become more than 200,000 rows"
    assert "GLOSSATOR_READER_EXPANSION" in str(caught.value.hint)


def test_a_name_of_a_column_that_is_repeated_in_every_row_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a" * 500_000 + b",text\n" + b"x,y\n" * 2_000)
    with open_source(tmp_path / "a.csv") as source, pytest.raises(UndecodableFile, match="expands too far"):
        list(source.records())


def test_the_members_of_an_archive_have_one_budget(tmp_path: Path) -> None:
    """Members of 31 MB, each below the limit of a member."""
    member = b"parcel late " * ((31 << 20) // 12)
    (tmp_path / "a.zip").write_bytes(zipped({f"{number:02}.txt": member for number in range(6)}))
    errors = [record.error for record in read(tmp_path / "a.zip") if record.error is not None]
    assert [error.message.split()[0] for error in errors] == ["01.txt", "02.txt", "03.txt", "04.txt", "05.txt"]
    assert "the members of" in errors[0].message


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    data = zipped({"a.txt": b"x" * (30 << 20)})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    count, entry = 100, data[start:end]
    entries = b"".join(entry.replace(b"a.txt", b"%05d" % number) for number in range(count))
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(entries), start, 0)
    (tmp_path / "a.zip").write_bytes(data[:start] + entries + tail)
    assert len(zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())).infolist()) == count
    error = error_of(tmp_path / "a.zip")
    assert error.message.endswith("two of its members share the same bytes")


@pytest.mark.parametrize("codec", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_data_end_where_they_expand_too_far(codec: str) -> None:
    data = io.BytesIO()
    with compression.open_compressed(data, codec) as stream:
        stream.write(bytes(40 << 20))
    data.seek(0)
    expanded, stream = 0, compression.open_decompressed(data, codec)
    with pytest.raises(UndecodableFile, match="expands to"):  # noqa: PT012
        while block := stream.read1(1 << 20):
            expanded += len(block)
    assert expanded <= compression.ALWAYS_ALLOWED_BYTES


def test_folders_that_links_join_in_circles_are_read_once(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.txt").write_text("one\n")
    for name in "abc":
        for other in "abc":
            os.symlink(tmp_path / other, tmp_path / name / f"to_{other}")
        os.symlink(tmp_path, tmp_path / name / "up")
    (tmp_path / "elsewhere").mkdir()
    expected = [tmp_path / name / "note.txt" for name in "abc"]
    assert list_files(str(tmp_path)) == expected
    assert list_files(f"{tmp_path}/**/*.txt") == expected
    found = list_files(f"{tmp_path}/[ab]/**/n*.txt")
    assert sorted(path.resolve() for path in found) == [path.resolve() for path in expected]
    os.symlink(tmp_path / "a" / "note.txt", tmp_path / "elsewhere" / "link.txt")
    assert list_files(str(tmp_path / "elsewhere")) == [tmp_path / "elsewhere" / "link.txt"]


def test_a_pattern_matches_zero_or_more_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "x/b.txt", "x/y/c.txt", "x/y/d.csv", ".hidden/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    monkeypatch.chdir(tmp_path)
    assert list_files("**/*.txt") == [Path("a.txt"), Path("x/b.txt"), Path("x/y/c.txt")]
    assert list_files("x/**/y/*") == [Path("x/y/c.txt"), Path("x/y/d.csv")]
    assert list_files("**") == [Path("a.txt"), Path("x/b.txt"), Path("x/y/c.txt"), Path("x/y/d.csv")]
    assert list_files("x/**/y/**/c.txt") == [Path("x/y/c.txt")]


def test_a_reader_that_raises_anything_is_an_error_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glossator.service.documents.formats.plain_text import PlainTextSource

    def broken(self: PlainTextSource) -> list[Record]:
        raise LookupError("a parser's own fault")

    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "b.csv").write_text("text\ntwo\n")
    monkeypatch.setattr(PlainTextSource, "_records", broken)
    first, second = read(tmp_path)
    assert first.error is not None
    assert (first.error.message, first.error.found) == (
        "a.txt is damaged and cannot be read",
        "LookupError: a parser's own fault",
    )
    assert second.fields["text"] == "two"
    assert isinstance(first.error, GlossatorError)
