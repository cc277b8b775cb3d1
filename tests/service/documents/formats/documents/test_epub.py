from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

from glossator.service.documents.record import Record

Read = Callable[..., list[Record]]

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
BOOK = (
    '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
    '<item id="two" href="Text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="one" href="Text/one.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="cover" href="cover.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="style" href="a.css" media-type="text/css"/></manifest>'
    '<spine><itemref idref="cover"/><itemref idref="one"/><itemref idref="two"/></spine></package>'
)


def epub(**changed: str | bytes) -> bytes:
    files: dict[str, str | bytes] = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": BOOK,
        "OEBPS/cover.xhtml": "<html><body><img src='c.png'/></body></html>",
        "OEBPS/Text/one.xhtml": "<html><head><title>t</title></head><h1>One</h1><p>First&nbsp;text.</p></html>",
        "OEBPS/Text/two b.xhtml": '<?xml version="1.0" encoding="utf-8"?><html><body><p>Größe</p></body></html>',
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, content in (files | {key.replace("__", "/"): value for key, value in changed.items()}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_book_has_one_row_per_chapter_in_reading_order(read: Read) -> None:
    assert [record.fields for record in read("a.epub", epub())] == [
        {"text": "One\n\nFirst\xa0text.", "chapter": "OEBPS/Text/one.xhtml"},
        {"text": "Größe", "chapter": "OEBPS/Text/two b.xhtml"},
    ]
    (whole,) = read("a.epub", epub(), whole_file=True)
    assert whole.fields == {"text": "One\n\nFirst\xa0text.\fGröße"}


def test_a_chapter_that_cannot_be_decoded_is_an_error_of_its_row(read: Read) -> None:
    bad = b'<?xml version="1.0" encoding="utf-8"?><html><body>caf\xe9</body></html>'
    one, two = read("a.epub", epub(**{"OEBPS/Text/one.xhtml": bad}))
    assert one.error is not None
    assert two.fields["text"] == "Größe"
    (whole,) = read("a.epub", epub(**{"OEBPS/Text/one.xhtml": bad}), whole_file=True)
    assert whole.error is not None


def test_protected_empty_and_damaged_books_are_errors(read: Read) -> None:
    locked = '<encryption><CipherReference URI="OEBPS/Text/one.xhtml"/></encryption>'
    (record,) = read("a.epub", epub(**{"META-INF/encryption.xml": locked}))
    assert record.error is not None
    assert "is protected (DRM)" in record.error.message
    pictures = {"OEBPS/Text/one.xhtml": "<html/>", "OEBPS/Text/two b.xhtml": "<html/>"}
    (record,) = read("a.epub", epub(**pictures))
    assert record.error is not None
    assert "has no text" in record.error.message
    (record,) = read("a.epub", epub(**{"OEBPS/book.opf": "<!DOCTYPE a [<!ENTITY b 'c'>]><package>&b;</package>"}))
    assert record.error is not None
    (record,) = read("a.epub", b"PK\x03\x04 cut")
    assert record.error is not None


def test_encrypted_fonts_are_no_protection(read: Read) -> None:
    fonts = '<encryption><CipherReference URI="OEBPS/a.otf"/></encryption>'
    assert len(read("a.epub", epub(**{"META-INF/encryption.xml": fonts}))) == 2


def test_a_book_that_expands_too_far_is_refused(read: Read) -> None:
    (record,) = read("bomb.epub", epub(**{"OEBPS/big.bin": bytes(64 << 20)}))
    assert record.error is not None
    assert "expands to" in record.error.message
