# ruff: noqa: RUF001

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.encoded_texts import LANGUAGES, LanguageTexts
from glossator.service.documents.decoding.alphabets import LEGACY_ENCODINGS
from glossator.service.documents.decoding.legacy_detection import MIN_CONFIDENCE, guess_encoding
from glossator.service.errors import ExtraMissing

CASES = [
    pytest.param(texts, encoding, id=f"{texts.language} {encoding}")
    for texts in LANGUAGES
    for encoding in texts.encodings
]


@pytest.mark.parametrize(("texts", "encoding"), CASES)
def test_a_text_of_several_lines_gets_its_characters_back(texts: LanguageTexts, encoding: str) -> None:
    for length, text in texts.samples().items():
        data = text.encode(encoding)
        guess = guess_encoding(data, complete=True)
        assert guess is not None
        if length == "short" and guess.confidence < MIN_CONFIDENCE:
            continue  # refused
        assert guess.confidence >= MIN_CONFIDENCE
        assert data.decode(guess.encoding) == text


@pytest.mark.parametrize(("texts", "encoding"), CASES)
def test_no_single_line_gets_wrong_characters(texts: LanguageTexts, encoding: str) -> None:
    for line in texts.lines:
        data = line.encode(encoding)
        guess = guess_encoding(data, complete=True)
        if guess is not None and guess.confidence >= MIN_CONFIDENCE:
            assert data.decode(guess.encoding) == line


def test_encodings_that_give_the_same_text_do_not_compete() -> None:
    guess = guess_encoding("garçon, déjà vu\n".encode("cp1252"), complete=True)
    assert guess is not None
    assert (guess.encoding, guess.confidence, guess.runner_up) == ("windows-1252", 1.0, "")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("ГДЕ МОЯ ПОСЫЛКА? ПРОШУ ВЕРНУТЬ ДЕНЬГИ", "windows-1251"),  # as koi8-r: small letters that are no words
        ("ГДЕ МОЯ ПОСЫЛКА? ПРОШУ ВЕРНУТЬ ДЕНЬГИ", "koi8-r"),
        ("ΠΟΥ ΕΙΝΑΙ ΤΟ ΔΕΜΑ ΜΟΥ", "windows-1253"),
        ("Ponto e vírgula no 3º nível", "windows-1252"),  # as cp874: Thai marks inside words
        ("La consegna non è riuscita perché il pacco è già tornato", "windows-1252"),  # as windows-1250: č is no word
        ("Siuntinys jau į Kauną išsiųstas", "windows-1257"),
    ],
)
def test_capitals_ordinals_and_words_of_one_letter_are_read(text: str, encoding: str) -> None:
    guess = guess_encoding(text.encode(encoding), complete=True)
    assert guess is not None
    assert guess.confidence >= MIN_CONFIDENCE
    assert text.encode(encoding).decode(guess.encoding) == text


def test_a_character_cut_at_the_end_of_the_sample_is_no_fault() -> None:
    data = "荷物がまだ届きません。先週注文しました。\n".encode("shift_jis")[:-3]
    guess = guess_encoding(data, complete=False)
    assert guess is not None
    assert guess.encoding == "cp932"


def test_every_encoding_that_is_tried_is_known_to_python_and_to_chardet() -> None:
    import chardet

    for encoding in LEGACY_ENCODINGS:
        "a".encode(encoding.name)
    assert chardet.detect("Zamówiłem płaszcz".encode("cp1250"))["encoding"] is not None


def test_without_chardet_the_error_names_the_extra_and_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chardet", None)
    with pytest.raises(ExtraMissing) as caught:
        guess_encoding("café\n".encode("cp1252"), complete=True)
    assert "glossator[files]" in (caught.value.hint or "")
    assert "--encoding" in (caught.value.hint or "")


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_give_a_guess_that_decodes_them_or_none(data: bytes) -> None:
    guess = guess_encoding(data, complete=True)
    assert guess is None or isinstance(data.decode(guess.encoding), str)
