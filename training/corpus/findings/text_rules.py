"""What is wrong with a text and how it is mended: each rule finds and mends by one function, so that what is reported
is what `--apply` would change."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from glossator.training.corpus.findings.pii import has_personal_data, redact_personal_data

_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>|<!--", re.DOTALL)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]{2,}")
# Tabs and line ends are ordinary; the rest of C0, DEL and C1 (a sign of Windows-1252 read as Latin-1) are not.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_ODD_SPACE = re.compile(r"\A\s|\s\Z|[^\S\r\n]{2,}|[^\S \r\n]|(?:\r?\n\s*){3,}")
_SPACES = re.compile(r"[^\S\r\n]+")
_BLANK_LINES = re.compile(r"(?:\r?\n[^\S\n]*){3,}")


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule on single texts: `finds` tells the texts it is about, `mend` gives what they should be. Where `mend`
    changes nothing the damage is beyond repair."""

    name: str
    finds: Callable[[str], bool]
    mend: Callable[[str], str]
    hint: str
    safe: bool
    """Whether `--apply` mends it unasked: what it takes away means nothing."""


def encoding_damaged(text: str) -> bool:
    """True for the replacement character, and for UTF-8 that was read in another encoding ("Ã©" for "é")."""
    if text.isascii():
        return False
    from ftfy.badness import is_bad

    return "\ufffd" in text or is_bad(text) or any(_read_wrongly(run) for run in _BEYOND_ASCII.findall(text))


def mend_encoding(text: str) -> str:
    """The text read in its true encoding, as far as its characters tell it.

    >>> mend_encoding("un cafÃ© noir")
    'un café noir'
    """
    from ftfy import fix_encoding

    mended = fix_encoding(text)
    return _BEYOND_ASCII.sub(lambda run: _reread(run[0]), mended) if mended == text else mended


def strip_html(text: str) -> str:
    """The text without tags and comments, its entities as the characters they stand for.

    >>> strip_html("Tom &amp; Ann<br/>call <b>now</b>")
    'Tom & Ann call now'
    """
    return html.unescape(_TAG.sub(_tag_replacement, text)) if "<" in text or "&" in text else text


def even_space(text: str) -> str:
    """The text with single plain spaces within its lines, at most one blank line on end, and none at its edges.

    >>> even_space("  two\\u00a0words,\\t three\\n\\n\\n\\nend ")
    'two words, three\\n\\nend'
    """
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()


def _has_html(text: str) -> bool:
    return ("<" in text and _TAG.search(text) is not None) or ("&" in text and _ENTITY.search(text) is not None)


def _has_control(text: str) -> bool:
    return not text.isprintable() and _CONTROL.search(text) is not None


def _tag_replacement(tag: re.Match[str]) -> str:
    """A tag that breaks a line parts words; one within a line does not."""
    return " " if re.match(r"</?(?:br|p|div|li|tr|td|h[1-6])\b", tag[0], re.IGNORECASE) else ""


def _read_wrongly(run: str) -> bool:
    """Whether characters beyond ASCII are the bytes of UTF-8: by chance they hardly ever are."""
    return _reread(run) != run


def _reread(run: str) -> str:
    try:
        return run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return run


TEXT_RULES = (
    TextRule(
        "encoding-damage",
        encoding_damaged,
        mend_encoding,
        "best read the source in its true encoding (--encoding)",
        safe=True,
    ),
    TextRule(
        "unicode-form",
        lambda text: not unicodedata.is_normalized("NFC", text),
        lambda text: unicodedata.normalize("NFC", text),
        "letters and accents in one character (NFC)",
        safe=True,
    ),
    TextRule("control-characters", _has_control, lambda text: _CONTROL.sub("", text), "taken out", safe=True),
    TextRule("html-remains", _has_html, strip_html, "tags out, entities as characters", safe=False),
    TextRule(
        "white-space",
        lambda text: _ODD_SPACE.search(text) is not None,
        even_space,
        "single spaces, none at the edges",
        safe=False,
    ),
    TextRule(
        "personal-data", has_personal_data, redact_personal_data, "put behind a mark such as [e-mail]", safe=False
    ),
)
"""In the order in which they are applied."""
