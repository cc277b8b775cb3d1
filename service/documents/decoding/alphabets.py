"""Letters beyond ASCII of the languages that legacy encodings were made for, and the encodings of each group."""

from __future__ import annotations

from typing import NamedTuple

_ALPHABETS = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîşţșț",
    "Croatian, Slovene": "čćđšž",
    "Albanian": "çë",
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûüÿ",
    "Spanish": "áéíñóúüªº",
    "Portuguese": "áâãàçéêíóôõúüªº",
    "Italian": "àèéìíòóùúªº",
    "Danish, Norwegian": "æøåéö",
    "Swedish": "åäöéüà",
    "Finnish": "åäöšž",
    "Icelandic": "áéíóúýþæöð",
    "Dutch": "éèêëïíóöüáà",
    "Catalan": "àçèéíïóòúü",
    "Turkish": "çğıöşüâîû\u0307",  # the lower-case form of İ is i and a combining dot
    "Estonian": "äõöüšž",
    "Latvian": "āčēģīķļņšūž",
    "Lithuanian": "ąčęėįšųūž",
    "Vietnamese": "ăâđêôơưáàéèíìóòúùýõãñ\u0300\u0301\u0303\u0309\u0323",
}
_CENTRAL = ("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian, Slovene", "Albanian", "German")
_WESTERN = (
    *("German", "French", "Spanish", "Portuguese", "Italian", "Danish, Norwegian"),
    *("Swedish", "Finnish", "Icelandic", "Dutch", "Catalan"),
)
_BALTIC = ("Estonian", "Latvian", "Lithuanian")


class LegacyEncoding(NamedTuple):
    """An encoding that is tried, by its Python name, with the letters that text in it consists of."""

    name: str
    alphabets: tuple[str, ...] = ()
    """Encodings of Latin script: the letters beyond ASCII of each language."""
    script: str = ""
    """Encodings of one other script: its range of code points, as in a character class."""
    rare: bool = False
    """Whether files in this encoding are seldom seen today."""


def _latin(name: str, languages: tuple[str, ...], *, rare: bool = False) -> LegacyEncoding:
    return LegacyEncoding(name, tuple(_ALPHABETS[language] for language in languages), rare=rare)


_CYRILLIC, _GREEK, _HEBREW, _ARABIC, _THAI = (
    "\u0400-\u04ff",
    "\u0370-\u03ff",
    "\u0590-\u05ff",
    "\u0600-\u06ff",
    "\u0e00-\u0e7f",
)

LEGACY_ENCODINGS = (
    _latin("windows-1252", _WESTERN),
    _latin("iso-8859-15", _WESTERN),
    _latin("windows-1250", _CENTRAL),
    _latin("iso-8859-2", _CENTRAL),
    _latin("cp852", _CENTRAL, rare=True),
    _latin("mac-latin2", _CENTRAL, rare=True),
    _latin("mac-roman", _WESTERN, rare=True),
    _latin("cp850", _WESTERN, rare=True),
    _latin("cp437", _WESTERN, rare=True),
    _latin("windows-1254", ("Turkish",)),
    _latin("cp857", ("Turkish",), rare=True),
    _latin("windows-1257", _BALTIC),
    _latin("iso-8859-13", _BALTIC),
    _latin("iso-8859-4", _BALTIC, rare=True),
    _latin("cp775", _BALTIC, rare=True),
    _latin("windows-1258", ("Vietnamese",), rare=True),
    LegacyEncoding("windows-1251", script=_CYRILLIC),
    LegacyEncoding("koi8-r", script=_CYRILLIC),
    LegacyEncoding("koi8-u", script=_CYRILLIC),
    LegacyEncoding("iso-8859-5", script=_CYRILLIC, rare=True),
    LegacyEncoding("cp866", script=_CYRILLIC, rare=True),
    LegacyEncoding("mac-cyrillic", script=_CYRILLIC, rare=True),
    LegacyEncoding("windows-1253", script=_GREEK),
    LegacyEncoding("iso-8859-7", script=_GREEK),
    LegacyEncoding("windows-1255", script=_HEBREW),
    LegacyEncoding("iso-8859-8", script=_HEBREW),
    LegacyEncoding("windows-1256", script=_ARABIC),
    LegacyEncoding("iso-8859-6", script=_ARABIC),
    LegacyEncoding("cp874", script=_THAI),
    LegacyEncoding("cp932"),
    LegacyEncoding("euc-jp"),
    LegacyEncoding("iso-2022-jp"),
    LegacyEncoding("iso-2022-kr"),
    LegacyEncoding("big5-hkscs"),
    LegacyEncoding("gb18030"),
    LegacyEncoding("cp949"),
    LegacyEncoding("hz"),
)
"""Commoner ones first. A superset stands for its subsets: gb18030 for gbk, windows-1254 for iso-8859-9."""
