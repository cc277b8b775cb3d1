"""Finds texts that were decoded with the wrong encoding, and repairs those of which nothing is lost.

A repair undoes the wrong decoding of a run of characters: it encodes them again and decodes the bytes as UTF-8, whose
multi-byte sequences are hardly ever valid by chance. A repaired text is kept only if no damage is left that the text
had, and if the same steps backwards give the original text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]{2,}")
_C1 = re.compile(r"[\x80-\x9f]")
_SURE = (("cp1252",), ("latin-1",))
"""Wrong decodings that are recognised by valid UTF-8 alone."""
_DOUBLE = (("latin-1", "mac_roman", "cp1252"), ("cp1252", "mac_roman", "cp1252"))
"""UTF-8 read as Windows-1252, saved as Mac Roman, and read as Latin-1 or Windows-1252. Recognised if punctuation comes
out: three bytes that are valid twice."""
_PROBABLE = ("mac_roman", "cp1250", "cp1251", "cp1254", "iso8859_2", "cp437", "cp850")
"""Wrong decodings whose characters may be words too: tried only where the text looks damaged, and on all of it."""
_PUNCTUATION = re.compile(r"[\u2010-\u2026\u2030-\u203a\u20ac\u2122]+")
_SIGNS = re.compile(r"(?:‰|\x89)Û|ΓÇ.")
"""How punctuation marks begin after a double wrong decoding, and if UTF-8 was read with the code page of DOS."""
_HALF_REPAIRED = re.compile(
    r"[\xc2-\xf4][\x80-\xbf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039"
    r"\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]|[ÂÃ](?=\s|$)"
)
"""A byte that begins a UTF-8 sequence and one that goes on, or the sign of a lost no-break space: next to repaired
characters these are the rest of a sequence, of which a part is lost."""
_FROM_C1 = {chr(byte): bytes([byte]).decode("cp1252") for byte in (0x80, 0x82, 0x84, 0x85, *range(0x91, 0x98), 0x99)}
"""Punctuation of Windows-1252 that was read as Latin-1."""
_MAX_ROUNDS = 3
"""Texts may have been decoded wrongly more than once."""
_LOST = "\ufffd"
_IMPOSSIBLE = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Categories of characters that no repair gives, except for C1 characters between two repairs."""


def has_encoding_damage(text: str) -> bool:
    """True for lost characters (U+FFFD), for C1 control characters, and for UTF-8 that was decoded with another
    encoding ("Ã©" for "é")."""
    return not text.isascii() and (_LOST in text or _is_damaged(text))


def fix_encoding(text: str) -> str:
    """The text decoded with the right encoding; the same text if this is uncertain or if characters are lost.

    Lost characters (U+FFFD) stay: nothing can bring them back.

    >>> fix_encoding("un cafÃ© noir"), fix_encoding("lost \\ufffd")
    ('un café noir', 'lost \\ufffd')
    """
    if text.isascii() or not _is_damaged(text):
        return text
    fixed = text
    for _ in range(_MAX_ROUNDS):
        once = _BEYOND_ASCII.sub(lambda run: _decode_again(run[0]), fixed)
        if once == fixed:
            break
        fixed = once
    fixed = _C1.sub(lambda found: _FROM_C1.get(found[0], found[0]), fixed)
    for candidate in (fixed, *(_decode_all(text, codec) for codec in _PROBABLE)):
        whole = candidate != text and _HALF_REPAIRED.search(candidate) is None and not _is_damaged(candidate)
        if whole and candidate.count(_LOST) == text.count(_LOST):
            return candidate
    return text


def _is_damaged(text: str) -> bool:
    """True if characters come from a wrong decoding; lost characters do not count."""
    from ftfy.badness import is_bad

    known = text.replace(_LOST, " ")
    if _C1.search(known) is not None or _SIGNS.search(known) is not None or is_bad(known):
        return True
    return any(_decode_again(run) != run for run in _BEYOND_ASCII.findall(known))


def _decode_again(run: str) -> str:
    """The characters decoded as UTF-8; the same characters if their bytes are not valid UTF-8 in any way."""
    for chain in _SURE:
        fixed = _undo(run, chain)
        if fixed is not None:
            return fixed
    for double in _DOUBLE:
        fixed = _undo(run, double)
        if fixed is not None and _PUNCTUATION.fullmatch(fixed):
            return fixed
    return run


def _decode_all(text: str, codec: str) -> str:
    """The text with all characters beyond ASCII decoded as UTF-8; the same text if that is not possible for all."""
    runs = re.findall(r"[^\x00-\x7f]+", text.replace(_LOST, " "))
    fixed = {run: _undo(run, (codec,)) for run in runs}
    if None in fixed.values():
        return text
    return re.sub(r"[^\x00-\x7f\ufffd]+", lambda run: fixed[run[0]] or run[0], text)


def _undo(run: str, chain: Sequence[str]) -> str | None:
    """The run as it was before wrong decodings: encoded with the first codec, decoded and encoded with the next ones in
    turn, then decoded as UTF-8. None if that is impossible, gives unprintable characters, or cannot be reversed."""
    try:
        data = _encode(run, chain[0])
        for through, codec in zip(chain[1::2], chain[2::2], strict=True):
            data = _encode(data.decode(through), codec)
        fixed = data.decode("utf-8")
    except UnicodeError:
        return None
    possible = all(unicodedata.category(each) not in _IMPOSSIBLE or "\x80" <= each <= "\x9f" for each in fixed)
    return fixed if possible and _redo(fixed, chain) == run else None


def _redo(fixed: str, chain: Sequence[str]) -> str | None:
    """The run again, from its repaired form."""
    data = fixed.encode("utf-8")
    for through, codec in reversed(list(zip(chain[1::2], chain[2::2], strict=True))):
        data = _decode(data, codec).encode(through)
    return _decode(data, chain[0])


def _encode(text: str, codec: str) -> bytes:
    """The bytes of a text. Bytes without a character in Windows-1252 are C1 control characters, as browsers read
    them."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        if codec != "cp1252":
            raise
        return b"".join(bytes([ord(each)]) if each in "\x81\x8d\x8f\x90\x9d" else each.encode(codec) for each in text)


def _decode(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode(codec) for byte in data)
