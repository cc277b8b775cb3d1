from __future__ import annotations

import pytest

from glossator.service.documents.decoding.document_text import decode_document
from glossator.service.errors import UndecodableFile, UndecodableText

TEXT = "Où est le colis « café » ? Ça m'inquiète.\n"


def test_a_byte_order_mark_then_the_caller_then_the_document_decide() -> None:
    marked = decode_document(TEXT.encode("utf-8-sig"), "a", declared="koi8-r")
    assert (marked.text, marked.encoding, marked.decisions) == (TEXT, "utf-8-sig", ())
    requested = decode_document(TEXT.encode("cp1252"), "a", requested="cp1252", declared="koi8-r")
    assert (requested.text, requested.decisions) == (TEXT, ())
    declared = decode_document(TEXT.encode("cp1252"), "a", declared="latin1")
    assert (declared.text, declared.encoding, declared.decisions) == (TEXT, "windows-1252", ())


def test_without_a_declaration_utf8_is_certain_and_anything_else_is_reported() -> None:
    assert decode_document(TEXT.encode(), "a").decisions == ()
    guessed = decode_document(TEXT.encode("cp1252"), "a")
    assert guessed.text == TEXT
    assert [decision.guessed for decision in guessed.decisions] == [True]


def test_nothing_is_replaced() -> None:
    with pytest.raises(UndecodableText, match="declares the encoding utf-8"):
        decode_document(TEXT.encode("cp1252"), "a", declared="utf-8")
    with pytest.raises(UndecodableText, match=r"line 2: bytes that are not utf-8"):
        decode_document(b"a\n\xff", "a", requested="utf-8")
    with pytest.raises(UndecodableFile):
        decode_document(b"\x89PNG\r\n", "a")
