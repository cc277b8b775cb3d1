"""Names of encodings as documents declare them, after the WHATWG Encoding Standard, section 4.2.

A declared subset means its superset there: documents that declare `gb2312` or `iso-8859-1` contain characters of
gb18030 and windows-1252.
"""

from __future__ import annotations

import codecs
import re

_SUPERSETS = {
    "ascii": "windows-1252",
    "iso8859-1": "windows-1252",
    "iso8859-9": "windows-1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5-hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-16": "utf-16-le",
}
"""Supersets by Python's name of the declared encoding."""

_ALIASES = {
    "unicode-1-1-utf-8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode20utf8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "x-cp1250": "windows-1250",
    "x-cp1251": "windows-1251",
    "x-cp1252": "windows-1252",
    "x-cp1253": "windows-1253",
    "x-cp1254": "windows-1254",
    "x-cp1255": "windows-1255",
    "x-cp1256": "windows-1256",
    "x-cp1257": "windows-1257",
    "x-cp1258": "windows-1258",
    "ansi": "windows-1252",
    "x-ansi": "windows-1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "csiso88598i": "iso-8859-8",
    "csiso88598e": "iso-8859-8",
    "csiso88596i": "iso-8859-6",
    "csiso88596e": "iso-8859-6",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "logical": "iso-8859-8",
    "visual": "iso-8859-8",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "x-mac-roman": "mac-roman",
    "x-macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-mac-ce": "mac-latin2",
    "dos-874": "cp874",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-euc-cn": "gb18030",
    "cn-gb": "gb18030",
    "iso-ir-58": "gb18030",
    "csiso58gb231280": "gb18030",
    "gb_2312": "gb18030",
    "gb_2312-80": "gb18030",
    "x-x-big5": "big5-hkscs",
    "cn-big5": "big5-hkscs",
    "x-sjis": "cp932",
    "x-ms-cp932": "cp932",
    "sjis-win": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc-jp",
    "x-euc": "euc-jp",
    "x-euc-kr": "cp949",
    "windows-949": "cp949",
    "ks_c_5601-1989": "cp949",
    "iso-ir-149": "cp949",
    "ksc5601": "cp949",
    "unicode": "utf-16-le",
    "unicodefeff": "utf-16-le",
    "unicodefffe": "utf-16-be",
    "csunicode": "utf-16-le",
    "iso-10646-ucs-2": "utf-16-le",
    "ucs-2": "utf-16-le",
}

_NOT_TEXT = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem", "charmap"}


def find_encoding(label: str) -> str | None:
    """Return the Python name of the encoding that a document declares, or None if the label names none.

    >>> find_encoding("GB2312"), find_encoding(" latin1 "), find_encoding("x-unknown")
    ('gb18030', 'windows-1252', None)
    """
    label = label.strip(" \t\r\n\f\"'").lower()
    label = re.sub(r"^(cp|ibm)[-_](?=\d)", r"\1", label)
    codec = find_codec(_ALIASES.get(label) or label)
    if codec is None:
        return None
    return _SUPERSETS.get(codec.name, _ALIASES.get(label) or _common_name(codec.name))


def find_codec(name: str) -> codecs.CodecInfo | None:
    """Return Python's codec of a text encoding, or None if there is none: `rot13` and `idna` encode no files."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return codec if codec._is_text_encoding and codec.name not in _NOT_TEXT else None


def _common_name(name: str) -> str:
    """Return the name that people use instead of Python's, which Python accepts too."""
    name = re.sub(r"^cp(125\d)$", r"windows-\1", name)
    return name.replace("iso8859-", "iso-8859-").replace("iso2022_", "iso-2022-").replace("euc_", "euc-")
