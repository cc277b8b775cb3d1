from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.service.documents.formats.documents.rtf_text import RtfText, rtf_text
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, UndecodableFile, UndecodableText


def rtf(body: bytes, head: bytes = rb"\ansi\ansicpg1252") -> bytes:
    return rb"{\rtf1" + head + body + b"}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb" One\par two\line three\tab four", "One\ntwo\nthree\tfour"),
        (rb" caf\'e9 \ldblquote x\rdblquote\emdash\~y\_z", "café “x”—\xa0y\u2011z"),
        (rb"\uc1 \u8364?uro \u-10179?\u-8704? \uc2\u233\'c3\'a9.", "€uro 😀 é."),
        (rb" kept {\deleted gone }{\v hidden }{\v\v0 shown}", "kept shown"),
        (rb"{\fonttbl{\f0 Arial;}}{\colortbl;\red1;}{\*\generator x;}{\info{\title t}}text", "text"),
        (rb" see {\field{\*\fldinst HYPERLINK x}{\fldrslt the link}}.", "see the link."),
        (rb"\trowd a\cell b\cell\row\trowd c\cell d\cell\row", "a\tb\nc\td"),
        (rb"{\header head\par}body{\footnote the note}{\footer foot}", "head\nbody\nthe note\nfoot"),
        (rb"{\pict\pngblip 89504e47}{\upr{old}{\*\ud{new}}} \{braces\} \\", "new {braces} \\"),
        (rb"{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt boxed}}{\shprslt boxed}}", "boxed"),
        (b"\\bin4 {{{{after\r\n", "after"),
        (rb"{\listtext 1.\tab}item", "1.\titem"),
    ],
)  # fmt: skip
def test_what_a_word_processor_shows_is_the_text(body: bytes, text: str) -> None:
    assert rtf_text(rtf(body), "a.rtf") == RtfText(text)


@pytest.mark.parametrize(
    ("charset", "page", "text"),
    [
        (238, "cp1250", "Paczka się spóźnia"),
        (204, "cp1251", "Посылка"),
        (162, "cp1254", "şubeye"),
        (128, "cp932", "荷物ソ"),
    ],
)
def test_the_character_set_of_the_font_decides(charset: int, page: str, text: str) -> None:
    escaped = "".join(f"\\'{byte:02x}" for byte in text.encode(page)).encode()
    fonts = b"{\\fonttbl{\\f0\\fcharset0 A;}{\\f3\\fnil\\fcharset%d B;}}" % charset
    assert rtf_text(rtf(fonts + rb"\f0 caf\'e9 {\f3 " + escaped + b"}"), "a.rtf").text == f"café {text}"
    if b"\\" not in text.encode(page):
        raw = rtf(text.encode(page), rb"\ansi\ansicpg" + page[2:].encode() + b" ")
        assert rtf_text(raw, "a.rtf") == RtfText(text)


def test_a_code_page_that_is_not_declared_is_assumed_reported_and_may_be_named(
    read: Callable[..., list[Record]], decisions_of: Callable[..., list[str]]
) -> None:
    data = rtf(rb" si\'ea", rb"\ansi")
    (message,) = decisions_of("a.rtf", data)
    assert message.startswith("encoding: windows-1252 (guessed) (the document declares no code page)")
    (record,) = read("a.rtf", data, encoding="windows-1250")
    assert record.fields == {"text": "się"}
    with pytest.raises(ConfigError):
        read("a.rtf", data, encoding="x-unknown")


def test_a_western_font_in_a_document_of_another_code_page_is_reported() -> None:
    fonts = rb"{\fonttbl{\f0\fcharset0 A;}}\f0 "
    head = rb"\ansi\ansicpg1250"
    assert rtf_text(rtf(fonts + rb"si\'ea", head), "a.rtf") == RtfText("siê", contradicted_by="cp1250")
    assert rtf_text(rtf(fonts + rb"caf\'e9", head), "a.rtf") == RtfText("café")  # the same in both


def test_damaged_documents_are_errors() -> None:
    with pytest.raises(UndecodableFile, match="is truncated"):
        rtf_text(rtf(b" cut")[:-1], "a.rtf")
    with pytest.raises(UndecodableFile, match="is not RTF"):
        rtf_text(b"plain text", "a.rtf")
    with pytest.raises(UndecodableText, match="not in their code page"):
        rtf_text(rtf(rb" \'81"), "a.rtf")
    with pytest.raises(UndecodableText):
        rtf_text(rtf(rb" \u-10179?x"), "a.rtf")
