"""Rules about single texts: what is wrong with a text, and how to clean it.

Findings and cleaning use the same rules, so that a report shows what `--apply` would change.
"""

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
    """A rule about single texts."""

    name: str
    """The name of the finding and of the `--rule` option."""
    applies: Callable[[str], bool]
    """True if something is wrong with a text."""
    clean: Callable[[str], str]
    """The cleaned text; the same text if the damage cannot be repaired."""
    hint: str
    """What `clean` does, or how to avoid the damage."""
    safe: bool
    """True if `--apply` alone uses the rule, because the change loses no information."""


def has_encoding_damage(text: str) -> bool:
    """True for the replacement character and for UTF-8 that was decoded with another encoding ("Ã©" for "é")."""
    if text.isascii():
        return False
    from ftfy.badness import is_bad

    return "\ufffd" in text or is_bad(text) or any(_decoded_wrongly(run) for run in _BEYOND_ASCII.findall(text))


def fix_encoding(text: str) -> str:
    """The text decoded with the right encoding, as far as its characters show it.

    >>> fix_encoding("un cafÃ© noir")
    'un café noir'
    """
    import ftfy

    fixed = ftfy.fix_encoding(text)
    return _BEYOND_ASCII.sub(lambda run: _decode_again(run[0]), fixed) if fixed == text else fixed


def strip_html(text: str) -> str:
    """The text without HTML tags and comments, and with entities replaced by their characters.

    >>> strip_html("Tom &amp; Ann<br/>call <b>now</b>")
    'Tom & Ann call now'
    """
    return html.unescape(_TAG.sub(_tag_replacement, text)) if "<" in text or "&" in text else text


def normalise_space(text: str) -> str:
    """The text with single spaces within lines, at most one blank line in a row, and no white space at its edges.

    >>> normalise_space("  two\\u00a0words,\\t three\\n\\n\\n\\nend ")
    'two words, three\\n\\nend'
    """
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()


def _has_html(text: str) -> bool:
    return ("<" in text and _TAG.search(text) is not None) or ("&" in text and _ENTITY.search(text) is not None)


def _has_control(text: str) -> bool:
    return not text.isprintable() and _CONTROL.search(text) is not None


def _tag_replacement(tag: re.Match[str]) -> str:
    """A space for a tag that breaks the line, else nothing: `a<br>b` is two words, `a<b>b</b>` is one."""
    return " " if re.match(r"</?(?:br|p|div|li|tr|td|h[1-6])\b", tag[0], re.IGNORECASE) else ""


def _decoded_wrongly(run: str) -> bool:
    """True if the bytes of non-ASCII characters are valid UTF-8, which is hardly ever so by chance."""
    return _decode_again(run) != run


def _decode_again(run: str) -> str:
    """Windows-1252 characters decoded as UTF-8; the same characters if their bytes are not valid UTF-8."""
    try:
        return run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return run


TEXT_RULES = (
    TextRule(
        "encoding-damage",
        has_encoding_damage,
        fix_encoding,
        "repairs characters where possible; better read the source with its encoding (--encoding)",
        safe=True,
    ),
    TextRule(
        "unicode-form",
        lambda text: not unicodedata.is_normalized("NFC", text),
        lambda text: unicodedata.normalize("NFC", text),
        "writes letters and their accents as one character (NFC)",
        safe=True,
    ),
    TextRule(
        "control-characters", _has_control, lambda text: _CONTROL.sub("", text), "removes the characters", safe=True
    ),
    TextRule("html-remains", _has_html, strip_html, "removes tags, replaces entities by characters", safe=False),
    TextRule(
        "white-space",
        lambda text: _ODD_SPACE.search(text) is not None,
        normalise_space,
        "writes single spaces, none at the edges",
        safe=False,
    ),
    TextRule(
        "personal-data",
        has_personal_data,
        redact_personal_data,
        "replaces each part by a mark such as [e-mail]",
        safe=False,
    ),
)
"""All rules, in the order in which they are applied."""
