"""Reads lists, mappings and yes-or-no values out of cells: as values, as JSON, or as Python and numpy print them."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Mapping
from functools import lru_cache

from glossator.training.corpus.row import is_nan

MAX_LITERAL_CHARACTERS = 20_000
"""A longer cell is not read as a Python literal."""
TRUE_WORDS = frozenset({"1", "1.0", "1.", "true", "t", "yes", "y", "x", "✓", "✔"})
FALSE_WORDS = frozenset({"0", "0.0", "0.", "false", "f", "no", "n"})
"""The words that mean yes and no in a column that belongs to one label, in lower case."""

_ARRAY = re.compile(r"(?:np\.|numpy\.)?array\((.*?)(?:,\s*dtype=[\w.<>'\"]+)?\)", re.DOTALL)
_QUOTED = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_PRINTED_WORDS = re.compile(r"\[\s*(?:'[^'\\]*'|\"[^\"\\]*\")(?:\s+(?:'[^'\\]*'|\"[^\"\\]*\"))+\s*\]")
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|True|False)"
_PRINTED_NUMBERS = re.compile(rf"\[\s*{_NUMBER}(?:\s+{_NUMBER})+\s*\]")
_WORDS = {"True": True, "False": False}


def as_list(value: object) -> list[object] | None:
    """The members of a list, or of a list in a string; None for anything else.

    A string may hold JSON, a Python literal, or an array as numpy prints it.

    >>> as_list('["joy", "relief"]'), as_list("['joy']"), as_list("[0. 1.]"), as_list("[sic]"), as_list("joy")
    (['joy', 'relief'], ['joy'], [0.0, 1.0], None, None)
    """
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    parsed = _parse(value.strip()) if isinstance(value, str) else None
    return list(parsed) if isinstance(parsed, tuple) else None


def as_mapping(value: object) -> dict[object, object] | None:
    """The content of a mapping, or of a JSON or Python mapping in a string; None for anything else.

    >>> as_mapping("{'joy': True}"), as_mapping("joy")
    ({'joy': True}, None)
    """
    if isinstance(value, Mapping):
        return dict(value)
    parsed = _parse(value.strip()) if isinstance(value, str) else None
    return dict(parsed) if isinstance(parsed, dict) else None


def as_flag(value: object) -> bool | None:
    """True or False for a value that says yes or no; None for a blank cell and for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().casefold()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
    return None


def as_whole_number(value: object) -> int | None:
    """The number of a whole number, also if it is written as a string or with `.0`; None for anything else.

    >>> as_whole_number(3), as_whole_number("3.0"), as_whole_number("3.5"), as_whole_number(True)
    (3, 3, None, None)
    """
    if isinstance(value, bool) or value is None or is_nan(value):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d{1,18}(?:\.0*)?\s*", value):
        return int(value.strip().split(".")[0])
    return None


@lru_cache(maxsize=20_000)
def _parse(text: str) -> tuple[object, ...] | dict[object, object] | None:
    """The list (as a tuple) or the mapping in a string; None if it holds neither."""
    if text in ("set()", "frozenset()"):
        return ()
    array = _ARRAY.fullmatch(text)
    text = array[1].strip() if array else text
    if not text.startswith(("[", "{", "(")):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):  # deeply nested brackets exhaust the parser's stack
        parsed = _parse_printed(text)
    if isinstance(parsed, (set, frozenset)):
        parsed = sorted(parsed, key=str)
    return tuple(parsed) if isinstance(parsed, (list, tuple)) else parsed if isinstance(parsed, dict) else None


def _parse_printed(text: str) -> object:
    """What Python or numpy printed; None if it is neither."""
    if len(text) > MAX_LITERAL_CHARACTERS:
        return None
    if _PRINTED_WORDS.fullmatch(text):  # Python itself would join these words to one
        return [word[1:-1] for word in _QUOTED.findall(text)]
    if _PRINTED_NUMBERS.fullmatch(text):
        return [_WORDS[word] if word in _WORDS else float(word) for word in text[1:-1].split()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes
            parsed = ast.literal_eval(text)
            return None if _joins_strings(text) else parsed
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
        return None


def _joins_strings(text: str) -> bool:
    """True if two strings follow each other without a comma: Python joins them, but two were meant."""
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            continue
        if token.type == before == tokenize.STRING:
            return True
        before = token.type
    return False
