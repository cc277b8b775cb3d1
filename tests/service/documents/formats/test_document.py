from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import docx
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.open_source import open_source
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, InputError, UndecodableFile

Pages = list[str]


def pdf(pages: Pages) -> bytes:
    """Return a PDF with one line of ASCII per page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in pages:
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        number = len(objects) + 1
        kids.append(f"{number} 0 R")
        font = "<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R "
            f"/Resources << /Font {font} >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    return data + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


def word(lines: list[str], table: list[list[str]] | None = None) -> bytes:
    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    if table:
        added = document.add_table(len(table), len(table[0]))
        for row, cells in zip(added.rows, table, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Record]]:
    def call(name: str, data: bytes, **options: object) -> list[Record]:
        (tmp_path / name).write_bytes(data)
        with open_source(tmp_path / name, **options) as source:  # type: ignore[arg-type]
            records = list(source.records())
            assert all(set(record.fields) <= set(source.columns) for record in records)
        return records

    return call


Read = Callable[..., list[Record]]


def test_a_pdf_gives_one_row_per_page_with_its_offset(read: Read) -> None:
    records = read("a.pdf", pdf(["one", "two words", "three"]))
    assert [dict(record.fields) for record in records] == [
        {"text": "one", "page": 1, "offset": 0},
        {"text": "two words", "page": 2, "offset": 4},
        {"text": "three", "page": 3, "offset": 14},
    ]
    (joined,) = read("a.pdf", pdf(["one", "two words", "three"]), whole_file=True)
    text = str(joined.fields["text"])
    for record in records:
        offset = int(str(record.fields["offset"]))
        assert text[offset : offset + len(str(record.fields["text"]))] == record.fields["text"]


def test_a_pdf_without_a_text_layer_gives_an_error_that_names_ocr(read: Read) -> None:
    (record,) = read("scan.pdf", pdf(["", ""]))
    assert record.error is not None
    assert "has no text layer" in record.error.message
    assert "OCR" in (record.error.hint or "")


def test_an_encrypted_pdf_gives_an_error(read: Read) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["secret"])))
    writer.encrypt("password", algorithm="RC4-128")
    stream = io.BytesIO()
    writer.write(stream)
    (record,) = read("locked.pdf", stream.getvalue())
    assert isinstance(record.error, UndecodableFile)
    assert "is encrypted" in record.error.message


def test_word_documents_give_paragraphs_and_tables_in_order(read: Read) -> None:
    (record,) = read("a.docx", word(["Hello", "", "naïve"], [["a", "b"], ["c", "d"]]))
    assert record.fields == {"text": "Hello\n\nnaïve\na\tb\nc\td"}


def test_html_gives_the_text_that_a_browser_shows(read: Read) -> None:
    page = "<html><head><title>no</title><style>p {}</style></head><body><p>One <b>two</b></p><script>x()</script>"
    (record,) = read("a.html", f"{page}<ul><li>naïve</li></ul></body></html>".encode())
    text = str(record.fields["text"])
    assert "One two" in text
    assert "naïve" in text
    assert "x()" not in text
    assert "p {}" not in text


@pytest.mark.parametrize("kind", ["plain", "html", "both"])
def test_a_mail_gives_its_text_and_headers(read: Read, kind: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Größe", "a@example.org", "b@example.org"
    if kind != "html":
        message.set_content("Where is my parcel?\n")
    if kind == "html":
        message.set_content("<p>Where is my <i>parcel</i>?</p>", subtype="html")
    if kind == "both":
        message.add_alternative("<p>other</p>", subtype="html")
        message.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="a.bin")
    (record,) = read("a.eml", bytes(message))
    assert str(record.fields["text"]).strip() == "Where is my parcel?"
    assert (record.fields["subject"], record.fields["from"], record.fields["date"]) == ("Größe", "a@example.org", None)


def test_a_text_file_can_be_read_as_one_text(read: Read) -> None:
    assert [record.fields["text"] for record in read("a.txt", b"one\ntwo\n")] == ["one", "two"]
    (record,) = read("a.txt", "one\r\nnaïve\n".encode("utf-16"), whole_file=True)
    assert record.fields == {"text": "one\r\nnaïve\n"}


def test_a_document_that_expands_too_far_is_refused(read: Read) -> None:
    stream = io.BytesIO(word(["a"]))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb", bytes(64 << 20))
    (record,) = read("bomb.docx", stream.getvalue())
    assert record.error is not None
    assert "expands to" in record.error.message


def test_options_of_other_formats_are_refused(read: Read) -> None:
    with pytest.raises(ConfigError, match="takes no delimiter"):
        read("a.pdf", pdf(["a"]), delimiter=";")
    with pytest.raises(ConfigError, match="takes no encoding"):
        read("a.docx", word(["a"]), encoding="utf-8")


VALID = {
    "pdf": pdf(["some text"]),
    "docx": word(["some text"]),
    "html": b"<p>some text</p>",
    "eml": b"Subject: a\n\nb\n",
}


@pytest.mark.parametrize("suffix", VALID)
@given(cut=st.integers(0, 40_000), place=st.integers(0, 40_000), value=st.integers(0, 255))
def test_a_damaged_document_gives_rows_or_one_row_with_an_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, cut: int, place: int, value: int
) -> None:
    data = bytearray(VALID[suffix])
    data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / f"damaged.{suffix}"
    path.write_bytes(bytes(data[: 1 + cut % len(data)]))
    with open_source(path) as source:
        records = list(source.records())
    assert records
    assert all(record.error is None or isinstance(record.error, InputError) for record in records)
