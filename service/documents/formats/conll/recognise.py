"""Tells CoNLL from other text by its content."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glossator.service.documents.formats.conll.columns import choose_columns
from glossator.service.documents.formats.conll.sentences import Sentences, split_sentences

_MAX_TOKEN_CHARACTERS = 100
_SHARE = 0.95
_ONE_SENTENCE_ROWS = 4


def looks_like_conll(lines: Sequence[str]) -> bool:
    """Return whether the first lines of a file have one token and its tags each, with blank lines between sentences.

    >>> looks_like_conll(["Anna B-PER", "left O", "", "She O", "stays O", ""])
    True
    >>> looks_like_conll(["Anna left home", "She stays O"])
    False
    """
    filled = sum(bool(line.strip(" \t\r\n,")) for line in lines)
    if filled < 2 or not any(re.search(r"\bO\b|\b[BIESLU][-_]|^[BI]\t|\t[BI]\r?$", line) for line in lines[:2_000]):
        return False
    found = split_sentences(lines)
    rows = [row for each in found.sentences for row in each.rows]
    if found.width < 2 or sum(len(row) == found.width for row in rows) < _SHARE * len(rows):
        return False
    columns = choose_columns(found, "the file")
    if columns.tags is None:
        return False
    if any(len(row[columns.token]) > _MAX_TOKEN_CHARACTERS for row in rows if len(row) > columns.token):
        return False
    if found.documents or found.names[:1] == ("ID",):
        return True
    kind = columns.tags.spelling.kind
    if found.width == 2 and found.separator != "," and kind == "prefix" and len(rows) >= _ONE_SENTENCE_ROWS:
        return True  # one sentence, or sentences without blank lines: a token and a tag such as B-PER in every line
    return _has_sentences(found, len(rows)) and (kind != "bare" or found.separator != ",")


def _has_sentences(found: Sentences, rows: int) -> bool:
    """Return whether blank lines separate groups of lines: a table of texts and labels has no such groups."""
    return len(found.sentences) > 1 and rows >= 2 * len(found.sentences)
