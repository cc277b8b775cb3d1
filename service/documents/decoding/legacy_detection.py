"""Guesses which legacy encoding bytes are in, and how sure the guess is. Needs chardet, of the extra `files`.

chardet rates every encoding by pairs of bytes. On short texts it confuses related encodings. The wrong ones give
letters that no single language has (`zwrot pieniêdzy`), capitals inside words, or currency signs between letters. So
its rating is multiplied by how plausible the decoded characters are. The confidence compares the best
reading with the next best reading that gives another text; encodings that give the same text do not compete.
"""

# ruff: noqa: RUF001 (characters that look alike are the subject here)

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from glossator.service.documents.decoding.alphabets import LEGACY_ENCODINGS, LegacyEncoding
from glossator.service.errors import ExtraMissing
from glossator.service.optional_packages import import_optional

MIN_CONFIDENCE = 0.55
"""Below it a guess is refused; 0.5 is a tie between two readings, 1 means that no other reading is possible."""
MAX_ODD_SHARE = 0.25
"""A reading with more odd characters, as a share of those beyond ASCII, is not considered."""

_EVIDENCE_BYTES = 1 << 16
_EXCERPT_CHARACTERS = 15
# Chosen on the texts of benchmarks/common/encoded_texts.py:
_LEAST_RATING = 0.03  # added to each rating: chardet's is near 0 for encodings that it hardly considers
_LEAST_MULTIBYTE_RATING = 0.02
_RARE_FACTOR = 0.8  # for encodings that are seldom seen
_ODD_FACTOR = 0.85  # for each of the first odd characters, so that a few of them count in long texts too
_MOST_ODD = 5
_EQUAL = 0.97  # encodings that give the same text, with scores that differ less than this, are equally good
_PUNCTUATION = frozenset("€‚„…‘’“”–—«»‹›°§£¿¡·™©®№½•×\xa0")
_NON_ASCII = re.compile(rb"[\x80-\xff]")
ESCAPING_ENCODINGS = ("iso-2022-jp", "iso-2022-kr", "hz")
_ESCAPES = re.compile(rb"\x1b\$[@B(]|\x1b\$\)C|~\{")
_DESIGNATIONS = re.compile(rb"\x1b\$[@B(]|\x1b\$\)C")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_SYMBOL_BEFORE_WORD = re.compile(r"(?<!\w)[’¶](?=[^\W\d_])")  # Ά in the other one of the two Greek encodings
_SYMBOL_IN_WORD = re.compile(r"(?<=[^\W\d_])[€‚„…«»‹›°§£¿¡™©®№½•×](?=[^\W\d_])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LONE_LETTER = re.compile(r"(?<!\w)(?![àáâäåæçèéêìíįòóôöøőùúûüý])[^\x00-\x7f\W\d_](?![\w.])", re.IGNORECASE)
"""A letter that is no word of a language in Latin script, without the full stop of an abbreviation."""
_LETTER_AT_DIGIT = re.compile(r"[^\x00-\x7f\W\d_](?=\d)|(?<=\d)(?![ªº])[^\x00-\x7f\W\d_]")
_CHARDET_NAMES = {
    "windows-1250": ("cp1250",),
    "windows-1251": ("cp1251",),
    "windows-1252": ("cp1252",),
    "windows-1253": ("cp1253",),
    "windows-1254": ("cp1254", "iso8859-9"),
    "windows-1255": ("cp1255",),
    "windows-1256": ("cp1256",),
    "windows-1257": ("cp1257",),
    "windows-1258": ("cp1258",),
    "cp874": ("cp874", "tis-620"),
    "cp932": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jis_2004",),
    "iso-2022-jp": ("iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_ext"),
    "iso-2022-kr": ("iso2022_kr",),
    "big5-hkscs": ("big5hkscs",),
    "cp949": ("cp949", "euc_kr"),
}


@dataclass(frozen=True, slots=True)
class EncodingGuess:
    """The best encoding, its confidence, and the next best encoding that gives another text (empty if none does)."""

    encoding: str
    confidence: float
    runner_up: str = ""
    excerpts: tuple[str, str] = ("", "")
    """Where the texts of the two encodings begin to differ."""


def has_escape_sequences(sample: bytes) -> bool:
    """Return whether ASCII bytes may be ISO-2022-JP, ISO-2022-KR or HZ: they mark other characters by escapes."""
    return _ESCAPES.search(sample) is not None


def designates_characters(sample: bytes) -> bool:
    """Return whether ASCII bytes certainly stand for other characters: terminals use no such escape sequence."""
    return _DESIGNATIONS.search(sample) is not None


def guess_encoding(sample: bytes, *, complete: bool) -> EncodingGuess | None:
    """Return the most plausible legacy encoding of bytes that are not UTF-8, or None if none can decode them.

    Raises:
        ExtraMissing: chardet is not installed.
    """
    evidence = _take_evidence(sample)
    ratings = _rate(evidence)
    readings = [
        (score, encoding.name, text)
        for encoding in LEGACY_ENCODINGS
        if (text := _decode(sample, evidence, encoding.name, complete=complete)) is not None
        and (score := _score(encoding, text, ratings)) > 0
    ]
    readings.sort(key=lambda reading: -reading[0])
    if not readings:
        return None
    best, _, text = readings[0]
    equal = {name for score, name, other in readings if other == text and score >= _EQUAL * best}
    name = next(encoding.name for encoding in LEGACY_ENCODINGS if encoding.name in equal)  # the commonest one
    rival = next((reading for reading in readings if reading[2] != text), None)
    if rival is None:
        return EncodingGuess(name, 1.0)
    return EncodingGuess(name, best / (best + rival[0]), rival[1], _excerpts(text, rival[2]))


def _excerpts(text: str, other: str) -> tuple[str, str]:
    place = next((i for i, (mine, its) in enumerate(zip(text, other, strict=False)) if mine != its), 0)
    start = text.rfind("\n", max(0, place - _EXCERPT_CHARACTERS), place) + 1 or max(0, place - _EXCERPT_CHARACTERS)
    stop = place + _EXCERPT_CHARACTERS
    return text[start:stop].split("\n")[0], other[start:stop].split("\n")[0]


def _take_evidence(sample: bytes) -> bytes:
    """Return the first lines with characters beyond ASCII, at most _EVIDENCE_BYTES."""
    if has_escape_sequences(sample) and _NON_ASCII.search(sample) is None:
        return sample[:_EVIDENCE_BYTES]
    taken: list[bytes] = []
    size = 0
    for line in sample.split(b"\n"):
        if _NON_ASCII.search(line) is not None:
            if taken and size + len(line) > _EVIDENCE_BYTES:
                break
            taken.append(line)
            size += len(line)
    return b"\n".join(taken)[:_EVIDENCE_BYTES]


def _rate(evidence: bytes) -> dict[str, float]:
    """Return chardet's rating by our name of the encoding, 0 to 1."""
    try:
        chardet = import_optional("chardet", "Guessing an encoding other than UTF-8")
    except ExtraMissing as missing:
        raise ExtraMissing(missing.message, hint=f"{missing.hint}, or name the encoding with --encoding.") from None
    names = {
        encoding.name: _CHARDET_NAMES.get(encoding.name, (_plain(encoding.name),)) for encoding in LEGACY_ENCODINGS
    }
    found = chardet.detect_all(
        evidence,
        ignore_threshold=True,
        include_encodings=[theirs for ours in names.values() for theirs in ours],
        compat_names=False,
        empty_input_encoding="cp1252",
    )
    rated = {result["encoding"]: float(result["confidence"]) for result in found if result["encoding"]}
    return {ours: max((rated.get(name, 0.0) for name in theirs), default=0.0) for ours, theirs in names.items()}


def _plain(name: str) -> str:
    return name.replace("iso-8859", "iso8859")


def _decode(sample: bytes, evidence: bytes, encoding: str, *, complete: bool) -> str | None:
    """Return the evidence as text if the encoding can decode the complete sample, else None."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, final=complete)
        return codecs.getincrementaldecoder(encoding)().decode(evidence)
    except (UnicodeDecodeError, ValueError):
        return None


def _score(encoding: LegacyEncoding, text: str, ratings: dict[str, float]) -> float:
    """Return how good a reading is: chardet's rating times the plausibility of the characters, or 0."""
    rating = ratings[encoding.name]
    if encoding.script and _is_in_capitals(text):
        rating = max(rating, _rate(text.lower().encode(encoding.name, "ignore"))[encoding.name])
    if _CONTROL.search(text.replace("\x1b", "")) is not None:
        return 0.0
    if not encoding.alphabets and not encoding.script:
        return rating + _LEAST_RATING if rating >= _LEAST_MULTIBYTE_RATING else 0.0
    characters, odd = _count_odd_characters(encoding, text)
    if odd > MAX_ODD_SHARE * characters:
        return 0.0
    score = (rating + _LEAST_RATING) * (1 - odd / max(1, characters)) ** 3 * _ODD_FACTOR ** min(odd, _MOST_ODD)
    return score * _RARE_FACTOR if encoding.rare else score


def _is_in_capitals(text: str) -> bool:
    """Return whether most letters beyond ASCII are capitals; chardet knows pairs of small letters only."""
    letters = [character for character in text if character > "\x7f" and character.isalpha()]
    return 2 * sum(character.isupper() for character in letters) > len(letters)


def _count_odd_characters(encoding: LegacyEncoding, text: str) -> tuple[int, int]:
    """Return the number of characters beyond ASCII, and of those that no single language has, or not at their place."""
    characters = Counter(character for character in text if character > "\x7f")
    punctuation = sum(times for character, times in characters.items() if character in _PUNCTUATION)
    if encoding.alphabets:
        letters = max(
            sum(times for character, times in characters.items() if set(character.lower()) <= {*alphabet, "i"})
            for alphabet in encoding.alphabets
        )
        misplaced = 0
    else:
        script = re.compile(f"[{encoding.script}]")
        letters = sum(times for character, times in characters.items() if script.match(character))
        misplaced = len(re.findall(f"[A-Za-z][{encoding.script}]|[{encoding.script}][A-Za-z]", text))
    misplaced += len(_SYMBOL_IN_WORD.findall(text)) + sum(_is_odd_word(word) for word in _WORD.findall(text))
    places = (_LETTER_AT_DIGIT, _LONE_LETTER) if encoding.alphabets else (_SYMBOL_BEFORE_WORD,)
    misplaced += sum(len(place.findall(text)) for place in places)
    total = characters.total()
    return total, min(total, total - letters - punctuation + 2 * misplaced)


def _is_odd_word(word: str) -> bool:
    """Return whether a word has a capital beyond ASCII after a small letter."""
    return not word.isascii() and any(
        after > "\x7f" and after.isupper() and before.islower() for before, after in pairwise(word)
    )
