"""Rules about single texts: what is wrong with a text, and how to clean it.

Findings and cleaning use the same rules, so that a report shows what `--apply` would change.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from glossator.training.corpus.findings.encoding_damage import fix_encoding, has_encoding_damage
from glossator.training.corpus.findings.odd_space import has_odd_space, normalise_space
from glossator.training.corpus.findings.pii import has_personal_data, redact_personal_data

_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>|<!--", re.DOTALL)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
# Tabs and line ends are ordinary; the rest of C0 and DEL are not. C1 characters are encoding damage: to remove them
# would hide it.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


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


def strip_html(text: str) -> str:
    """The text without HTML tags and comments, and with entities replaced by their characters, also if they were
    escaped more than once.

    >>> strip_html("Tom &amp; Ann<br/>call <b>now</b>"), strip_html("&amp;lt; 5")
    ('Tom & Ann call now', '< 5')
    """
    while _has_html(text):
        after = html.unescape(_TAG.sub(_tag_replacement, text))
        if after == text:  # an entity without a character
            break
        text = after
    return text


def _has_html(text: str) -> bool:
    return ("<" in text and _TAG.search(text) is not None) or ("&" in text and _ENTITY.search(text) is not None)


def _has_control(text: str) -> bool:
    return not text.isprintable() and _CONTROL.search(text) is not None


def _tag_replacement(tag: re.Match[str]) -> str:
    """A space for a tag that breaks the line, else nothing: `a<br>b` is two words, `a<b>b</b>` is one."""
    return " " if re.match(r"</?(?:br|p|div|li|tr|td|h[1-6])\b", tag[0], re.IGNORECASE) else ""


TEXT_RULES = (
    TextRule(
        "encoding-damage",
        has_encoding_damage,
        fix_encoding,
        "repairs texts of which nothing is lost; better read the source with its encoding (--encoding)",
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
        has_odd_space,
        normalise_space,
        "writes single spaces, none at the edges; indents and columns of texts of several lines stay",
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
