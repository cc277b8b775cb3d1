from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import docx
import pytest

from glossator.service.documents.formats.documents.word.lists import format_number
from glossator.service.documents.record import Record

Read = Callable[..., list[Record]]
TextOf = Callable[..., str]

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STRICT = 'xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"'
MORE = (
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def word(body: str, *, namespace: str = W, **parts: str) -> bytes:
    """Return a Word document with this body; `parts` are the contents of other parts by name (`footnotes`, ...)."""
    relations = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{name.rstrip("0123456789")}" Target="{name}.xml"/>' for name in parts
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        main = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}">{main}</Relationships>')
        archive.writestr(
            "word/_rels/document.xml.rels", f'<Relationships xmlns="{package}">{relations}</Relationships>'
        )
        document = f"<w:document {namespace} {MORE}><w:body>{body}</w:body></w:document>"
        archive.writestr("word/document.xml", document)
        for name, content in parts.items():
            archive.writestr(f"word/{name}.xml", content)
    return stream.getvalue()


def p(content: str, properties: str = "") -> str:
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{content}</w:p>"


def r(text: str, properties: str = "") -> str:
    run = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{run}<w:t xml:space="preserve">{text}</w:t></w:r>'


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (p(r("a ") + f"<w:ins>{r('in')}</w:ins>" + "<w:del><w:r><w:delText>out</w:delText></w:r></w:del>"), "a in"),
        (p(f"<w:moveFrom>{r('from')}</w:moveFrom><w:moveTo>{r('to')}</w:moveTo>"), "to"),
        (p(f"<w:sdt><w:sdtPr/><w:sdtContent>{r('inline')}</w:sdtContent></w:sdt>"), "inline"),
        (f"<w:sdt><w:sdtContent>{p(r('block'))}</w:sdtContent></w:sdt>", "block"),
        (p(f'<w:fldSimple w:instr="NAME">{r("field")}</w:fldSimple>'), "field"),
        (p(f'<w:hyperlink>{r("link")}</w:hyperlink><w:smartTag>{r(" tag")}</w:smartTag>'), "link tag"),
        (p("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/></w:r>"), "a\tb\nc\u2011"),
        (p(r("shown") + r("hidden", "<w:vanish/>") + r(" too", '<w:vanish w:val="0"/>')), "shown too"),
        (p('<w:r><w:sym w:font="Symbol" w:char="F061"/></w:r>' + r(" x")), "\u03b1 x"),
        (p('<w:r><w:ruby><w:rt>' + r("kan") + "</w:rt><w:rubyBase>" + r("漢") + "</w:rubyBase></w:ruby></w:r>"), "漢"),
        (p("<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>"), "x=1"),
        (p(r("one "), "<w:rPr><w:del/></w:rPr>") + p(r("two")), "one two"),
        (p(r("a")) + p("") + p(r("b")), "a\n\nb"),
    ],
)  # fmt: skip
def test_what_word_shows_is_the_text(text_of: TextOf, body: str, text: str) -> None:
    assert text_of("a.docx", word(body)) == text
    assert text_of("a.docx", word(body, namespace=STRICT)) == text


def test_the_code_of_a_field_is_not_text_and_its_result_is_also_over_paragraphs(text_of: TextOf) -> None:
    def char(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    code = "<w:r><w:instrText>TOC</w:instrText></w:r>" + r("code too")
    inner = char("begin") + r("inner code") + char("separate") + r("inner result") + char("end")
    body = p(char("begin") + code + inner + char("separate") + r("Chapter 1")) + p(
        r("Chapter 2") + char("end") + r(".")
    )
    assert text_of("a.docx", word(body)) == "Chapter 1\nChapter 2."


def test_tables_with_merged_cells_and_nested_tables(text_of: TextOf) -> None:
    nested = f"<w:tbl><w:tr>{cell(p(r('in')))}{cell(p(r('ner')))}</w:tr></w:tbl>"
    span, restart = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>'
    body = (
        "<w:tbl>"
        f"<w:tr>{cell(p(r('wide')), span)}</w:tr>"
        f"<w:tr>{cell(p(r('tall')), restart)}{cell(p(r('b')))}</w:tr>"
        f"<w:tr>{cell(p(r('not shown')), '<w:vMerge/>')}{cell(p(r('c')))}</w:tr>"
        f"<w:tr><w:trPr><w:del/></w:trPr>{cell(p(r('deleted row')))}</w:tr>"
        f"<w:sdt><w:sdtContent><w:tr>{cell(p(r('d')))}{cell(nested + p(''))}</w:tr></w:sdtContent></w:sdt>"
        "</w:tbl>"
    )  # fmt: skip
    assert text_of("a.docx", word(body)) == "wide\ntall\tb\n\tc\nd\tin\tner"


def test_a_text_box_is_read_once_after_its_paragraph(text_of: TextOf) -> None:
    box = f"<w:txbxContent>{p(r('in the box'))}</w:txbxContent>"
    drawing = (
        f'<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent>"
    )
    assert text_of("a.docx", word(p(r("around") + f"<w:r>{drawing}</w:r>"))) == "around\nin the box"


def test_the_texts_of_a_smartart_graphic_are_read(text_of: TextOf) -> None:
    graphic = '<w:r><w:drawing><d:relIds xmlns:d="urn:d" r:dm="diagramData1"/></w:drawing></w:r>'
    data = '<d:dataModel xmlns:d="urn:d" xmlns:a="urn:a"><a:p><a:r><a:t>step one</a:t></a:r></a:p><a:p/></d:dataModel>'
    assert text_of("a.docx", word(p(r("around") + graphic), diagramData1=data)) == "around\nstep one"


def test_headers_come_first_then_notes_and_footers(text_of: TextOf) -> None:
    notes = "".join(f'<w:footnote w:id="{i}">{p(r(f"note {i}"))}</w:footnote>' for i in (-1, 1, 2))
    section = (
        '<w:sectPr><w:headerReference w:type="default" r:id="header1"/>'
        '<w:headerReference w:type="first" r:id="header2"/>'
        '<w:footerReference w:type="default" r:id="footer1"/></w:sectPr>'
    )
    body = p(r("body") + '<w:r><w:footnoteReference w:id="2"/></w:r>') + section
    data = word(
        body,
        footnotes=f"<w:footnotes {W}>{notes}</w:footnotes>",
        header1=f"<w:hdr {W}>{p(r('head'))}</w:hdr>",
        header2=f"<w:hdr {W}>{p(r('first page only'))}</w:hdr>",
        footer1=f"<w:ftr {W}>{p(r('foot'))}</w:ftr>",
    )
    assert text_of("a.docx", data) == "head\nbody\nnote 2\nfoot"


def test_items_of_lists_have_their_numbers(text_of: TextOf) -> None:
    numbering = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="7">'
        '<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>'
        '<w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="x"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num></w:numbering>'
    )

    def item(text: str, number: int, level: int) -> str:
        return p(r(text), f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')

    body = item("a", 1, 0) + item("b", 1, 1) + item("c", 1, 1) + item("d", 1, 0) + item("e", 2, 0)
    data = word(body, numbering=numbering)
    assert text_of("a.docx", data) == "3. a\n3.i) b\n3.ii) c\n4. d\n• e"


def test_text_that_a_style_hides_is_not_text(text_of: TextOf) -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="Base"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Derived"><w:basedOn w:val="Base"/></w:style></w:styles>'
    )
    body = p(r("a") + r("b", '<w:rStyle w:val="Derived"/>')) + p(r("hidden paragraph"), '<w:pStyle w:val="Base"/>')
    assert text_of("a.docx", word(body, styles=styles)).rstrip("\n") == "a"


def test_documents_of_python_docx_give_the_same_text_as_python_docx_reads(text_of: TextOf) -> None:
    document = docx.Document()
    for line in ("Hello", "", "naïve\tand so on", "two\nlines"):
        document.add_paragraph(line)
    document.add_heading("A heading")
    table = document.add_table(2, 2)
    for row, cells in zip(table.rows, [["a", "b"], ["c", "d"]], strict=True):
        for each, text in zip(row.cells, cells, strict=True):
            each.text = text
    stream = io.BytesIO()
    document.save(stream)
    paragraphs = "\n".join(paragraph.text for paragraph in document.paragraphs)
    rows = "\n".join("\t".join(each.text for each in row.cells) for row in table.rows)
    assert text_of("a.docx", stream.getvalue()) == f"{paragraphs}\n{rows}"


def test_an_old_or_protected_document_is_refused_by_name(read: Read) -> None:
    (record,) = read("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert record.error is not None
    assert "is an old Office document, or protected by a password" in record.error.message


def test_an_embedded_document_is_refused(read: Read) -> None:
    (record,) = read("a.docx", word(p(r("a")) + '<w:altChunk r:id="x"/>'))
    assert record.error is not None
    assert "altChunk" in (record.error.found or "")


def test_entities_of_a_document_type_are_refused(read: Read) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 10}">' for i in range(9))
    data = word("")
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "word/document.xml":
                content = (
                    f"<!DOCTYPE d [{entities}]><w:document {W}><w:body>{p(r('&e8;'))}</w:body></w:document>".encode()
                )
            new.writestr(name, content)
    (record,) = read("bomb.docx", stream.getvalue())
    assert record.error is not None
    assert record.fields == {}


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [(1994, "upperRoman", "MCMXCIV"), (27, "lowerLetter", "aa"), (7, "decimalZero", "07"), (7, "chicago", "7")],
)
def test_numbers_are_written_in_words_formats(number: int, kind: str, text: str) -> None:
    assert format_number(number, kind) == text
