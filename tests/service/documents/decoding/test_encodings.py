# ruff: noqa: RUF001

from __future__ import annotations

import codecs
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.decoding.encodings import (
    detect_encoding,
    escape_undecoded,
    surrogate_decoder,
    undecodable_error,
)
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
def test_byte_order_marks_are_detected(mark: bytes, encoding: str, codec: str) -> None:
    found = detect_encoding(mark + "größer\n".encode(codec), "a.txt", complete=True)
    assert (found.encoding, found.bom_length, found.note) == (encoding, len(mark), "byte-order mark")


def test_utf8_with_a_character_cut_at_the_end_of_the_sample_is_detected() -> None:
    cut = "größer €".encode()[:-1]
    assert detect_encoding(cut, "a.txt", complete=False).note == ""
    with pytest.raises(UndecodableFile):  # nothing follows: it is not UTF-8
        detect_encoding(cut, "a.txt", complete=True)


def test_windows_1252_is_guessed_and_reported() -> None:
    found = detect_encoding(WESTERN.encode("cp1252"), "a.txt", complete=True)
    assert (found.encoding, found.note) == ("windows-1252", "guessed")


def test_utf8_is_detected_if_only_some_lines_are_invalid() -> None:
    mixed = "naïve\nnaïve\n".encode() + "naïve\n".encode("cp1252")
    found = detect_encoding(mixed, "a.txt", complete=True)
    assert (found.encoding, found.note) == ("utf-8", "not in every line")


@pytest.mark.parametrize(
    ("text", "codec", "encoding"),
    [
        ("Wysłałem reklamację, ale nikt nie odpisał.\nProszę o zwrot pieniędzy.\n", "cp1250", "windows-1250"),
        ("Wysłałem reklamację, bo kołnierz jest śliski.\nProszę zwrócić pieniądze.\n", "iso8859-2", "iso-8859-2"),
        ("Kargom hâlâ gelmedi, şubeye sordum.\nParamın iadesini istiyorum, teşekkürler.\n", "cp1254", "windows-1254"),
        ("Всё хорошо, спасибо за помощь\n", "cp1251", "windows-1251"),
        ("Всё хорошо, спасибо за помощь\n", "koi8-r", "koi8-u"),  # the same characters in both
        ("荷物がまだ届きません。\n", "shift_jis", "cp932"),
        ("荷物がまだ届きません。\n", "iso2022_jp", "iso-2022-jp"),
        ("我的包裹在哪里？谢谢你们的帮助。\n", "gb18030", "gb18030"),
        ("내 소포는 어디에 있나요\n", "euc_kr", "cp949"),
    ],
)
def test_a_legacy_encoding_is_guessed_and_reported_with_its_confidence(text: str, codec: str, encoding: str) -> None:
    found = detect_encoding(text.encode(codec), "a.txt", complete=True)
    assert (found.encoding, found.note) == (encoding, "guessed")
    (decision,) = found.decisions()
    assert (decision.subject, decision.chosen, decision.guessed) == ("encoding", encoding, True)
    assert decision.option == "--encoding"
    assert "confidence 0." in decision.why or "confidence 1." in decision.why
    assert detect_encoding(text.encode(codec), "a.txt", complete=True, requested=codec).decisions() == []


def test_an_encoding_that_two_readings_fit_equally_is_refused_and_both_are_shown() -> None:
    data = "Kur yra mano siuntinys? Užsisakiau jį prieš savaitę.\n".encode("cp1257")
    with pytest.raises(
        UndecodableFile, match=r"could not be detected: the best guess has a confidence of 0\.5"
    ) as caught:
        detect_encoding(data, "a.txt", complete=True)
    assert "Užsisakiau jį" in (caught.value.found or "")
    assert caught.value.expected == "a confidence of at least 0.55"
    assert "--encoding windows-1257" in (caught.value.hint or "")


def test_bytes_that_no_encoding_turns_into_text_are_refused() -> None:
    with pytest.raises(UndecodableFile, match="could not be detected"):
        detect_encoding(b"\x01\x82\xff\x03\x9d\n", "a.txt", complete=True)


def test_ascii_with_an_escape_sequence_of_a_terminal_is_utf8() -> None:
    assert detect_encoding(b"\x1b[31mred\x1b[0m ~{x\n", "a.log", complete=True).note == ""


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
def test_known_binary_formats_are_named(content: bytes, message: str) -> None:
    with pytest.raises(UndecodableFile, match=message) as caught:
        detect_encoding(content, "a.csv", complete=True)
    assert caught.value.hint


def test_nul_bytes_are_refused_and_utf16_is_suggested_if_they_alternate() -> None:
    with pytest.raises(UndecodableFile, match="contains NUL bytes") as caught:
        detect_encoding(b"\x7fELF\x02\x01\x00\x00text", "a.txt", complete=True)
    assert "utf-16" not in (caught.value.hint or "")
    for codec in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UndecodableFile, match="contains NUL bytes") as caught:
            detect_encoding("plain words\n".encode(codec), "a.txt", complete=True)
        assert f"--encoding {codec}" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "utf-9",
            "zlib",
            "hex",
            "undefined",
            "a\0b",
            "",
            "idna",
            "punycode",
            "base64",
            "rot13",
            "quopri",
            "uu",
            "bz2",
        ),
        *("unicode_escape", "raw_unicode_escape", "charmap"),
    ],
)
def test_an_unknown_encoding_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown encoding"):
        detect_encoding(b"text", "a.txt", complete=True, requested=name)


@pytest.mark.parametrize("data", [bytes(range(256)), b"abc\n", b"\x00a\xd8\xff", b"~{x", b"\x1b$B0", b"+AGE-\xff"])
def test_every_encoding_of_python_decodes_any_bytes_or_is_refused(data: bytes) -> None:
    decoded = 0
    for name in {*aliases.values(), "utf-8-sig"}:
        try:
            detected = detect_encoding(data, "a.txt", complete=True, requested=name)
        except (ConfigError, UndecodableFile):
            continue
        decoder = surrogate_decoder(detected.encoding)
        assert isinstance(decoder.decode(data) + decoder.decode(b"", final=True), str)
        decoded += 1
    assert decoded > 80


@pytest.mark.parametrize("name", ["utf-16", "UTF16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_an_encoding_without_its_byte_order_is_refused_and_the_probable_one_named(name: str, order: str) -> None:
    full = "utf-32" if "32" in name else "utf-16"
    with pytest.raises(UndecodableFile, match="has no byte-order mark") as caught:
        detect_encoding("text,label\nhello,a\n".encode(f"{full}-{order}"), "a.txt", complete=True, requested=name)
    assert f"--encoding {full}-{order} " in (caught.value.hint or "")


def test_a_byte_order_mark_is_enough_for_utf16() -> None:
    assert detect_encoding("hello".encode("utf-16"), "a.txt", complete=True, requested="utf-16").bom_length == 2


def test_an_encoding_that_contradicts_the_byte_order_mark_is_refused() -> None:
    marked = codecs.BOM_UTF8 + b"text\n"
    with pytest.raises(ConfigError, match="contradicts"):
        detect_encoding(marked, "a.txt", complete=True, requested="cp1252")
    assert detect_encoding(marked, "a.txt", complete=True, requested="UTF8").bom_length == 3


@given(st.text(), st.sampled_from(["utf-8", "utf-16-le", "utf-32-be", "gb18030"]), st.integers(1, 7))
def test_the_surrogate_decoder_decodes_valid_text_in_any_blocks(text: str, codec: str, size: int) -> None:
    data = text.encode(codec)
    decoder = surrogate_decoder(codec)
    blocks = [decoder.decode(data[start : start + size]) for start in range(0, len(data), size)]
    assert "".join(blocks) + decoder.decode(b"", final=True) == text


@given(st.binary(), st.integers(1, 7))
def test_the_surrogate_decoder_never_fails_and_loses_no_byte(data: bytes, size: int) -> None:
    decoder = surrogate_decoder("utf-8")
    blocks = [decoder.decode(data[start : start + size]) for start in range(0, len(data), size)]
    text = "".join(blocks) + decoder.decode(b"", final=True)
    back = b"".join(
        bytes([ord(character) - 0xDC00]) if "\udc00" <= character <= "\udcff" else character.encode()
        for character in text
    )
    assert back == data


def test_the_error_of_undecodable_bytes_shows_the_bytes_and_the_line() -> None:
    decoder = surrogate_decoder("utf-8")
    text = decoder.decode(b"caf\xe9 ol\xe9\n", final=True)
    assert escape_undecoded(text) == "caf\\xe9 ol\\xe9\n"
    error = undecodable_error(text, 7, "utf-8")
    assert error is not None
    assert "line 7" in error.message
    assert "caf\\xe9" in (error.found or "")
    assert undecodable_error("café\u2028", 7, "utf-8") is None


def test_lone_utf16_surrogates_are_shown_escaped() -> None:
    text = surrogate_decoder("utf-16-le").decode("ab".encode("utf-16-le") + b"\x00\xd8" + "c".encode("utf-16-le"), True)
    assert escape_undecoded(text) == "ab\\x00\\xd8c"
    assert undecodable_error(text, 1, "utf-16-le") is not None
