"""ISO-2022-JP as mail programs write it: with the characters that NEC and IBM added, such as ①, ㈱ and Ⅳ.

Python's codec refuses them. Each pair of bytes is JIS X 0208 in seven bits; shifted, it is Shift-JIS, and the Windows
variant of that has the added characters. The WHATWG standard decodes ISO-2022-JP in the same way.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_KANJI = (b"$@", b"$B")
_KATAKANA = b"(I"
_LOWEST, _HIGHEST = 0x21, 0x7E


def decode_iso2022jp(data: bytes) -> str:
    """Return the text. Raises UnicodeDecodeError for bytes that are not ISO-2022-JP."""
    shifted = bytearray()
    pieces = _ESCAPE.split(data)  # bytes, escape, bytes, escape, ...
    for mode, piece in zip([b"(B", *pieces[1::2]], pieces[0::2], strict=True):
        if mode in _KANJI:
            shifted += _to_shift_jis(piece, data)
        elif mode == _KATAKANA:
            shifted += bytes(byte | 0x80 for byte in piece)
        else:
            shifted += piece.decode("ascii").encode()
    return shifted.decode("cp932")


def _to_shift_jis(pairs: bytes, data: bytes) -> bytes:
    shifted = bytearray()
    place = 0
    while place < len(pairs):
        if pairs[place] in b"\r\n":  # some programs do not return to ASCII before the end of a line
            shifted.append(pairs[place])
            place += 1
            continue
        pair = pairs[place : place + 2]
        if len(pair) < 2 or not all(_LOWEST <= byte <= _HIGHEST for byte in pair):
            raise UnicodeDecodeError("iso2022_jp", data, 0, len(data), "not a pair of JIS X 0208")
        row, column = pair
        lead = (row + 1) // 2 + (0x70 if row <= 0x5E else 0xB0)
        trail = column + (0x1F if column < 0x60 else 0x20) if row % 2 else column + 0x7E
        shifted += bytes((lead, trail))
        place += 2
    return bytes(shifted)
