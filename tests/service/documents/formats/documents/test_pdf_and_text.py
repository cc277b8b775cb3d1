from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable

import docx
import pypdf
import pytest

from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, UndecodableFile

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


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages that reach the user; pytest sees those of pypdf too."""
    return [record.getMessage() for record in caplog.records if record.name == "glossator.documents"]


def test_a_page_without_text_is_an_error_of_its_row(read: Read) -> None:
    one, two, three = read("a.pdf", pdf(["one", "", "three"]))
    assert (one.fields["text"], three.fields) == ("one", {"text": "three", "page": 3, "offset": 5})
    assert two.error is not None
    assert two.error.message.endswith("a.pdf has no text")
    (joined,) = read("a.pdf", pdf(["one", "", "three"]), whole_file=True)
    assert joined.fields == {"text": "one\f\fthree"}


def test_a_page_of_pictures_is_an_error_and_reported_in_a_whole_file(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    data = pdf(["one", "two"]).replace(b"/Contents 6 0 R /Resources <<", b"/Resources << /XObject << /P 9 0 R >>", 1)
    picture = (
        b"9 0 obj\n<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /Length 0 >>\nstream\n\nendstream\nendobj\n"
    )
    data = data.replace(b"xref\n", picture + b"xref\n", 1)
    _, two = read("scan.pdf", data)
    assert two.error is not None
    assert two.error.message.endswith("scan.pdf has no text layer")
    assert "OCR" in (two.error.hint or "")
    caplog.clear()
    (joined,) = read("scan.pdf", data, whole_file=True)
    assert joined.fields == {"text": "one\f"}
    assert any("scan.pdf: pages without a text layer, only pictures, are not read: 2" in each for each in ours(caplog))


def test_warnings_about_a_damaged_pdf_are_one_line_with_the_name_of_the_file(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    data = pdf(["one"])
    moved = data.replace(data[data.index(b"startxref") :], b"startxref\n3\n%%EOF\n")
    (record,) = read("moved.pdf", moved)
    assert record.fields["text"] == "one"
    (message,) = ours(caplog)
    assert "moved.pdf: the PDF is damaged: " in message
    assert logging.getLogger("pypdf").propagate is False


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
