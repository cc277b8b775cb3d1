from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.service.documents.formats.documents.html import declared_encoding
from glossator.service.documents.formats.documents.html_text import html_text
from glossator.service.documents.record import Record
from glossator.service.errors import UndecodableFile, UndecodableText

TextOf = Callable[..., str]
Decisions = Callable[..., list[str]]
POLISH = "Paczka się spóźnia, żądam zwrotu pieniędzy"
RUSSIAN = "Посылка опаздывает, верните деньги"


@pytest.mark.parametrize(
    ("head", "codec", "text"),
    [
        ('<meta charset="iso-8859-2">', "iso8859-2", POLISH),
        ("<META CHARSET=ISO-8859-2>", "iso8859-2", POLISH),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1250">', "cp1250", POLISH),
        ('<meta charset="windows-1251">', "cp1251", RUSSIAN),
        ('<meta charset="latin1">', "cp1252", "Le prix est de 20 €, « merci »"),
        ('<meta charset="iso-8859-9">', "cp1254", "Kargom hâlâ gelmedi, şubeye sordum"),
        ('<meta charset="gb2312">', "gb18030", "包裹镕迟到了"),
        ('<meta charset="Shift_JIS">', "cp932", "荷物①がまだ届きません"),
        ('<meta charset="utf-16">', "utf-8", POLISH),
        ('<meta name="a" content="charset=koi8-r">', "utf-8", POLISH),
        ("<meta content='text/html; charset=iso-8859-2' http-equiv=content-type>", "iso8859-2", POLISH),
        ('<!-- <meta charset="koi8-r"> --><meta charset="utf-8">', "utf-8", POLISH),
    ],
)
def test_the_encoding_that_a_page_declares_is_read(text_of: TextOf, head: str, codec: str, text: str) -> None:
    page = f"<html><head>{head}</head><body><p>{text}</p></body></html>"
    assert text_of("a.html", page.encode(codec)) == text


def test_the_xml_prolog_declares_the_encoding_of_xhtml(text_of: TextOf) -> None:
    page = f'<?xml version="1.0" encoding="iso-8859-2"?>\n<html><body><p>{POLISH}</p></body></html>'
    assert text_of("a.xhtml", page.encode("iso8859-2")) == POLISH
    assert declared_encoding(page.encode()) == "iso-8859-2"


def test_a_byte_order_mark_comes_before_the_declaration(text_of: TextOf) -> None:
    page = f'<meta charset="iso-8859-2"><p>{POLISH}</p>'
    for codec in ("utf-8-sig", "utf-16"):
        assert text_of("a.html", page.encode(codec)) == POLISH


def test_an_undeclared_encoding_is_guessed_and_reported(text_of: TextOf, decisions_of: Decisions) -> None:
    page = f"<html><body><p>{POLISH}</p></body></html>".encode("iso8859-2")
    assert text_of("a.html", page) == POLISH
    (message,) = decisions_of("a.html", page)
    assert message.startswith("encoding: iso-8859-2 (guessed) (not UTF-8; confidence ")
    assert message.endswith("change with --encoding")
    assert text_of("b.html", f"<p>{POLISH}</p>".encode()) == POLISH
    assert decisions_of("b.html", f"<p>{POLISH}</p>".encode()) == []


def test_an_unknown_declared_encoding_is_detected_and_reported(decisions_of: Decisions) -> None:
    (message,) = decisions_of("a.html", f'<meta charset="x-unknown"><p>{POLISH}</p>'.encode())
    assert "the declared encoding x-unknown is not known" in message


def test_the_encoding_that_the_caller_names_comes_before_the_declaration(text_of: TextOf) -> None:
    page = f'<meta charset="windows-1252"><p>{POLISH}</p>'.encode("cp1250")
    assert text_of("a.html", page, encoding="windows-1250") == POLISH


def test_bytes_that_contradict_the_declaration_are_an_error(read: Callable[..., list[Record]]) -> None:
    (record,) = read("a.html", f'<meta charset="utf-8"><p>{POLISH}</p>'.encode("cp1250"))
    assert isinstance(record.error, UndecodableText)
    assert "declares the encoding utf-8" in record.error.message
    assert "--encoding" in (record.error.hint or "")


def test_a_declaration_that_valid_utf8_contradicts_is_doubted(decisions_of: Decisions) -> None:
    (message,) = decisions_of("a.html", '<meta charset="windows-1252"><p>Un café</p>'.encode())
    assert message.startswith(
        "encoding: windows-1252 (guessed) (declared by the document, but the bytes are valid UTF-8 too)"
    )
    assert "runner-up: utf-8" in message


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One <b>two</b></p><ul><li>three</ul>", "One two\n\n* three"),
        ("<ol start=3><li>x<li><p>y</p></ol>z", "3. x\n4. y\n\nz"),
        ("a<br>b<div>c</div>d", "a\nb\nc\nd"),
        ("<p>a \n b&nbsp;c &amp; &#x142;</p>", "a b\xa0c & ł"),
        ("<pre>  x\n   y</pre>", "x\n   y"),
        ("<q>so</q> H<sub>2</sub>O", "“so” H2O"),
        ("<title>t</title><style>p {}</style><script>x()</script><template>y</template><p>z</p>", "z"),
        ("<p hidden>h</p><div style='display: none'>n</div><p>v</p>", "v"),
        ("<table><tr><td colspan=2>merged</td></tr><tr><td>a<td>b</table>", "merged\na\tb"),
        ("<table><tr><td rowspan=2>m<td>x<tr><td>y</table>", "m\tx\ny"),
        ("<table><tr><td><p>one</p><td><p>two</p><tr><td><td>y</table>", "one\ttwo\n\ty"),
        ("<table><tr><td>a<td>b<table><tr><td>in<td>ner</table>c</table>after", "a\nb\nin\tner\nc\n\nafter"),
        ("<table><tr><td>left 1<br>left 2<td>right</table>", "left 1\nleft 2\nright"),
        ("plain & 3 < 4", "plain & 3 < 4"),
        ("<!-- nothing -->", ""),
        ("", ""),
    ],
)
def test_the_text_is_laid_out_as_in_a_browser(markup: str, text: str) -> None:
    assert html_text(markup, "a.html") == text


def test_a_text_of_more_than_ten_megabytes_is_read_to_its_end() -> None:
    assert html_text("<p>" + "word " * 2_100_000 + "end", "a.html").endswith("word end")


def test_deep_nesting_is_read_or_refused_but_never_cut() -> None:
    assert html_text("<div>" * 1_000 + "deep" + "</div>" * 1_000 + "after", "a.html") == "deep\nafter"
    with pytest.raises(UndecodableFile, match=r"a\.html cannot be read to its end"):
        html_text("<div>" * 3_000 + "deep", "a.html")


def test_a_null_character_is_an_error(read: Callable[..., list[Record]]) -> None:
    (record,) = read("a.html", b'<meta charset="utf-8"><p>a\0b</p>')
    assert record.error is not None
