from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from glossator.service.documents.record import Record

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("style", "style"),
        ("draw", "drawing"),
    )
)


def odt(body: str, styles: str = "", manifest: str = "<m/>") -> bytes:
    content = (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return stream.getvalue()


def p(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def cell(text: str) -> str:
    return f"<table:table-cell>{p(text)}</table:table-cell>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<text:h>Head</text:h>" + p("One <text:span>two</text:span>\n   three") + p(""), "Head\nOne two three\n"),
        (p('a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d'), "a   b\tc\nd"),
        (
            "<text:tracked-changes><text:deletion>" + p("deleted") + "</text:deletion></text:tracked-changes>"
            + p("<text:change-start/>inserted<text:change-end/>"),
            "inserted",
        ),
        ("<text:list>" + "".join(f"<text:list-item>{p(each)}</text:list-item>" for each in "xy") + "</text:list>",
         "• x\n• y"),
        (p("see<text:note><text:note-citation>1</text:note-citation><text:note-body>" + p("note")
           + "</text:note-body></text:note>."), "see.\nnote"),
        ("<table:table><table:table-row>" + cell("a") + cell("b") + "</table:table-row><table:table-row>"
         + cell("wide") + "<table:covered-table-cell/>" + "</table:table-row></table:table>", "a\tb\nwide"),
        (p("around<draw:frame><draw:text-box>" + p("boxed") + "</draw:text-box></draw:frame>"), "around\nboxed"),
        (p('a <text:a>link</text:a><office:annotation>' + p("comment") + "</office:annotation>"), "a link"),
        ("<text:section>" + p("in a section") + "</text:section>", "in a section"),
        (p("caf\u00e9 &amp; 漢"), "café & 漢"),
    ],
)  # fmt: skip
def test_what_the_document_shows_is_the_text(text_of: Callable[..., str], body: str, text: str) -> None:
    assert text_of("a.odt", odt(body)) == text


def test_text_of_a_hidden_style_is_not_text(text_of: Callable[..., str]) -> None:
    styles = '<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>'
    assert text_of("a.odt", odt(p('shown<text:span text:style-name="T1">hidden</text:span>'), styles)) == "shown"


def test_encrypted_and_damaged_documents_are_errors(read: Callable[..., list[Record]]) -> None:
    (record,) = read("a.odt", odt(p("x"), manifest="<m><encryption-data/></m>"))
    assert record.error is not None
    assert "is encrypted" in record.error.message
    (record,) = read("a.odt", odt("<broken>"))
    assert record.error is not None
    assert "cannot be read as an OpenDocument text" in record.error.message
    (record,) = read("a.odt", b"not a zip archive")
    assert record.error is not None
