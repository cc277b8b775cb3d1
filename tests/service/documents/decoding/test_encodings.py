from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.decoding.encodings import detect, marking_decoder, show_marks, undecodable
from glossator.service.errors import ConfigError, UndecodableFile

WESTERN = "Die Größe des Koffers überrascht.\nÀ bientôt, Renée — “naïve”…\n" * 3


@pytest.mark.parametrize(
    ("mark", "encoding", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32-be"),
    ],
)
def test_detect_honours_byte_order_marks(mark: bytes, encoding: str, codec: str) -> None:
    found = detect(mark + "größer\n".encode(codec), "a.txt", whole=True)
    assert (found.encoding, found.mark, found.note) == (encoding, len(mark), "byte-order mark")


def test_detect_takes_utf8_with_a_character_cut_at_the_end_of_the_sample() -> None:
    cut = "größer €".encode()[:-1]
    assert detect(cut, "a.txt", whole=False).note == ""
    with pytest.raises(UndecodableFile):  # nothing follows: it is not UTF-8
        detect(cut, "a.txt", whole=True)


def test_detect_guesses_windows_1252_and_says_so() -> None:
    found = detect(WESTERN.encode("cp1252"), "a.txt", whole=True)
    assert (found.encoding, found.note) == ("windows-1252", "guessed")


def test_detect_keeps_utf8_where_only_some_lines_are_not() -> None:
    mixed = "naïve\nnaïve\n".encode() + "naïve\n".encode("cp1252")
    found = detect(mixed, "a.txt", whole=True)
    assert (found.encoding, found.note) == ("utf-8", "not in every line")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Всё хорошо, спасибо за помощь\n", "cp1251"),
        ("Ελληνικά κείμενα\n", "cp1253"),
        ("荷物がまだ届きません\n", "shift_jis"),
        ("我的包裹在哪里\n", "gb18030"),
        ("내 소포는 어디에 있나요\n", "euc_kr"),
    ],
)
def test_detect_refuses_rather_than_make_mojibake(text: str, codec: str) -> None:
    with pytest.raises(UndecodableFile, match="is not known") as caught:
        detect(text.encode(codec), "a.txt", whole=True)
    assert "encoding=" in (caught.value.hint or "")
    assert detect(text.encode(codec), "a.txt", whole=True, asked=codec).note == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
        (b"SQLite format 3\x00", "an SQLite database"),
    ],
)
def test_detect_names_known_binary_formats(content: bytes, message: str) -> None:
    with pytest.raises(UndecodableFile, match=message) as caught:
        detect(content, "a.csv", whole=True)
    assert caught.value.hint


def test_detect_refuses_nul_bytes_and_suggests_utf16_where_they_alternate() -> None:
    with pytest.raises(UndecodableFile, match="holds NUL bytes") as caught:
        detect(b"\x7fELF\x02\x01\x00\x00text", "a.txt", whole=True)
    assert "utf-16" not in (caught.value.hint or "")
    for codec in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UndecodableFile, match="holds NUL bytes") as caught:
            detect("plain words\n".encode(codec), "a.txt", whole=True)
        assert f"encoding='{codec}'" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["utf-9", "zlib", "hex", "undefined", "a\0b"])
def test_detect_refuses_what_is_no_text_encoding(name: str) -> None:
    with pytest.raises(ConfigError, match="not known"):
        detect(b"text", "a.txt", whole=True, asked=name)


def test_detect_refuses_an_encoding_that_the_mark_contradicts() -> None:
    marked = codecs.BOM_UTF8 + b"text\n"
    with pytest.raises(ConfigError, match="contradicts"):
        detect(marked, "a.txt", whole=True, asked="cp1252")
    assert detect(marked, "a.txt", whole=True, asked="UTF8").mark == 3


@given(st.text(), st.sampled_from(["utf-8", "utf-16-le", "utf-32-be", "gb18030"]), st.integers(1, 7))
def test_marking_decoder_gives_good_text_back_whatever_the_blocks(text: str, codec: str, size: int) -> None:
    data = text.encode(codec)
    decoder = marking_decoder(codec)
    blocks = [decoder.decode(data[start : start + size]) for start in range(0, len(data), size)]
    assert "".join(blocks) + decoder.decode(b"", final=True) == text


@given(st.binary(), st.integers(1, 7))
def test_marking_decoder_never_fails_and_loses_no_byte_of_utf8(data: bytes, size: int) -> None:
    decoder = marking_decoder("utf-8")
    blocks = [decoder.decode(data[start : start + size]) for start in range(0, len(data), size)]
    text = "".join(blocks) + decoder.decode(b"", final=True)
    back = b"".join(
        bytes([ord(character) - 0xDC00]) if "\udc00" <= character <= "\udcff" else character.encode()
        for character in text
    )
    assert back == data


def test_undecodable_shows_the_bytes_and_the_line() -> None:
    decoder = marking_decoder("utf-8")
    text = decoder.decode(b"caf\xe9 ol\xe9\n", final=True)
    assert show_marks(text) == "caf\\xe9 ol\\xe9\n"
    error = undecodable(text, 7, "utf-8")
    assert error is not None
    assert "line 7" in error.message
    assert "caf\\xe9" in (error.found or "")
    assert undecodable("café\u2028", 7, "utf-8") is None


def test_marks_show_utf16_units_that_have_no_partner() -> None:
    text = marking_decoder("utf-16-le").decode("ab".encode("utf-16-le") + b"\x00\xd8" + "c".encode("utf-16-le"), True)
    assert show_marks(text) == "ab\\x00\\xd8c"
    assert undecodable(text, 1, "utf-16-le") is not None
