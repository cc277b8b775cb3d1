# ruff: noqa: RUF001  (texts of many languages)
from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import ftfy.bad_codecs  # noqa: F401  (registers the sloppy codecs)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.training.corpus.findings.encoding_damage import fix_encoding, has_encoding_damage

SENTENCES = [
    "Le café était fermé, à côté de l’église — « fermé » jusqu’à 10 h 30.",
    "Größe 42 ist „ausverkauft“, außer in Köln; Öl und Übergröße für 5 €.",
    "¿Dónde está el niño? ¡Aquí, señor! Cuesta 3 £ o 4 €…",
    "Já não há pão; a manhã é fria e o coração também.",
    "Część paczki zgubiła się w Łodzi, proszę o źródło błędu.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Árvíztűrő tükörfúrógép, kőműves és fűnyíró.",
    "İstanbul’dan gelen çağrı ığdır’da şüpheli görünüyor.",
    "Её посылка ещё не пришла, «Почта» молчит.",
    "Τι ώρα ανοίγει το κατάστημα; Ευχαριστώ.",
    "أين طردي؟ لم يصل بعد.",
    "החבילה שלי לא הגיעה",
    "私の荷物はどこですか。「遅い」です。",
    "我的包裹还没到，很着急！",
    "택배가 아직 안 왔어요.",
    "पार्सल अभी तक नहीं आया।",
    "Bưu kiện của tôi chưa đến, tôi rất lo lắng.",
    "พัสดุยังไม่มา",
    "2 × 3 = 6, 20 °C ± 1, ½ l, naïve façade, Ångström, smørrebrød, það er ís",
    "😀 emoji 👩‍👩‍👧 and “quotes” – dashes • bullets ™ ‰",
]
CODECS = ["latin-1", "sloppy-windows-1252", "mac_roman", "sloppy-windows-1250", "sloppy-windows-1251", "cp437", "cp850"]


@pytest.mark.parametrize("text", SENTENCES)
def test_undamaged_texts_are_left_alone(text: str) -> None:
    assert not has_encoding_damage(text)
    assert fix_encoding(text) == text


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("text", SENTENCES)
def test_a_repair_gives_the_original_text_or_changes_nothing(text: str, codec: str) -> None:
    damaged = text.encode().decode(codec, "replace")
    fixed = fix_encoding(damaged)
    assert fixed in (text, damaged) or ("\ufffd" in damaged and "\ufffd" in fixed)
    assert fix_encoding(fixed) == fixed


@pytest.mark.parametrize("text", SENTENCES)
def test_utf8_read_as_windows_1252_is_found_and_repaired(text: str) -> None:
    damaged = text.encode().decode("sloppy-windows-1252")
    assert has_encoding_damage(damaged)
    assert fix_encoding(damaged) == text
    twice = damaged.encode().decode("sloppy-windows-1252")
    assert has_encoding_damage(twice)
    assert fix_encoding(twice) == text


def test_double_damage_is_repaired_or_stays_a_finding() -> None:
    """Quotes of UTF-8 that were read as Windows-1252, saved as Mac Roman and read as Latin-1 or Windows-1252."""
    assert fix_encoding("\x89ÛÏhello") == "“hello"
    assert fix_encoding("‰ÛÏhello it‰Ûªs") == "“hello it’s"
    for lossy in ("so long\x89Û_", "so long‰Û_", "said ‰ÛÏso long‰Û\x9d"):
        assert has_encoding_damage(lossy)
        assert fix_encoding(lossy) == lossy


def test_half_of_a_damaged_sequence_stops_the_repair() -> None:
    lost_no_break_space = "ä½ å¥½"  # of 你好, a no-break space became a space
    assert fix_encoding(lost_no_break_space) == lost_no_break_space
    assert has_encoding_damage(lost_no_break_space)
    assert fix_encoding("voilÃ  le cafÃ©") == "voilÃ  le cafÃ©"


def test_lost_characters_stay_and_the_rest_of_the_text_is_repaired() -> None:
    assert fix_encoding("lost \ufffd here") == "lost \ufffd here"
    assert fix_encoding("lost \ufffd in a cafÃ©") == "lost \ufffd in a café"
    assert has_encoding_damage("lost \ufffd in a café")


@given(st.text())
def test_every_repair_is_an_improvement_and_final(text: str) -> None:
    fixed = fix_encoding(text)
    assert fix_encoding(fixed) == fixed
    if fixed != text:
        assert has_encoding_damage(text)
        assert not has_encoding_damage(fixed.replace("\ufffd", ""))
        assert fixed.count("\ufffd") == text.count("\ufffd")


def corpus_texts(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.jsonl*"))[:12]:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for line, _ in zip(lines, range(1_000), strict=False):
                yield from (value[:2_000] for value in json.loads(line).values() if isinstance(value, str))
    for file in sorted(folder.rglob("*.csv"))[:12]:
        with file.open(encoding="utf-8", newline="") as lines:
            for row, _ in zip(csv.reader(lines), range(1_000), strict=False):
                yield from row


def test_repairs_of_published_texts_are_improvements(data_folder: Path) -> None:
    if not data_folder.is_dir():
        pytest.skip("the public corpora are not here")
    changed = 0
    for text in corpus_texts(data_folder):
        fixed = fix_encoding(text)
        changed += fixed != text
        if fixed != text:
            assert not has_encoding_damage(fixed.replace("\ufffd", "")), text
            assert fix_encoding(fixed) == fixed
    assert changed < 50
