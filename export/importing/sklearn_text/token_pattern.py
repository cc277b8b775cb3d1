"""A `token_pattern` of scikit-learn, for Python's `re`, as the same pattern for Oniguruma, the engine of tokenizers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from glossator.export.importing.sklearn_text.character_classes import character_class, class_items, escaped
from glossator.service.errors import ConfigError

_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "a": "\a"}
_GROUPS = ("(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>")
_QUANTIFIER = re.compile(r"\{(\d*)(,?)(\d*)\}")
_HEXADECIMAL = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")


@dataclass(frozen=True, slots=True)
class TokenPattern:
    """`regex`: what matches a token. `spaces`: whether a token may contain a space."""

    regex: str
    spaces: bool


def translate_pattern(pattern: str) -> TokenPattern:
    """Return the pattern for tokenizers. Raises ConfigError for what the two engines read differently."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError("token_pattern is no regular expression", found=f"{pattern}: {error}") from None
    if "" in compiled.findall(" a, b"):
        _refuse(pattern, "it matches the empty string")
    return _Translation(pattern.removeprefix("(?u)")).result()


class _Translation:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0
        self.spaces = False

    def result(self) -> TokenPattern:
        parts = []
        while self.place < len(self.pattern):
            parts.append(self._part())
        return TokenPattern("".join(parts), self.spaces)

    def _part(self) -> str:
        rest = self.pattern[self.place :]
        character = rest[0]
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._class()
        self.place += 1
        if character == "(":
            opening = next((each for each in _GROUPS if rest.startswith(each)), None)
            if opening is None:
                _refuse(self.pattern, f"the group {rest[:4]}", hint="Write groups as (?:...), without flags.")
            self.place += len(opening) - 1
            return opening
        if character in ")|*+?":
            return character
        if character == "{" and (found := _QUANTIFIER.match(rest)) and found[0] != "{}":
            self.place += len(found[0]) - 1
            if self.pattern[self.place : self.place + 1] == "+":
                _refuse(self.pattern, f"the possessive {found[0]}+")
            low, comma, high = found.groups()
            return f"{{{low or 0},{high}}}" if comma else found[0]
        if character in "^$":
            _refuse(self.pattern, f"the anchor {character}")
        if character == ".":
            self.spaces = True
            return character
        return self._literal(character)

    def _literal(self, character: str) -> str:
        self.spaces |= character == " "
        return escaped(ord(character))

    def _escape(self) -> str:
        kind = self.pattern[self.place + 1]
        if kind in "bB":
            self.place += 2
            return _boundary(inside=kind == "B")
        if kind in "wWdDsS":
            self.place += 2
            self.spaces |= kind in "WDs"
            return character_class(kind.lower(), negated=kind.isupper())
        return self._literal(self._escaped_character())

    def _escaped_character(self) -> str:
        """Return the character that an escape means."""
        rest = self.pattern[self.place + 1 :]
        if found := _HEXADECIMAL.match(rest):
            self.place += 1 + len(found[0])
            return chr(int(found[0][1:], 16))
        if rest[0].isalnum() and rest[0] not in _LETTERS:
            _refuse(self.pattern, f"\\{rest[0]}")
        self.place += 2
        return _LETTERS.get(rest[0], rest[0])

    def _class(self) -> str:
        begin = self.place
        self.place += 1
        negated = self.pattern[self.place] == "^"
        self.place += negated
        items: list[str] = []
        while not items or self.pattern[self.place] != "]":
            items.append(self._item())
        self.place += 1
        self.spaces |= re.fullmatch(self.pattern[begin : self.place], " ") is not None
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def _item(self) -> str:
        """Return a character, a range or a class inside a class."""
        if self.pattern[self.place] == "\\" and (kind := self.pattern[self.place + 1]) in "wWdDsS":
            self.place += 2
            return class_items(kind.lower(), negated=kind.isupper())
        first = self._member()
        if self.pattern[self.place] == "-" and self.pattern[self.place + 1] != "]":
            self.place += 1
            return f"{escaped(ord(first))}-{escaped(ord(self._member()))}"
        return escaped(ord(first))

    def _member(self) -> str:
        if self.pattern[self.place] == "\\":
            if self.pattern[self.place + 1] == "b":  # backspace, in a class
                self.place += 2
                return "\b"
            return self._escaped_character()
        self.place += 1
        return self.pattern[self.place - 1]


def _boundary(*, inside: bool) -> str:
    word = character_class("w")
    if inside:
        return f"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"
    return f"(?:(?<!{word})(?={word})|(?<={word})(?!{word}))"


def _refuse(pattern: str, what: str, hint: str | None = None) -> NoReturn:
    raise ConfigError(
        "this token_pattern cannot be imported",
        found=f"{what} in {pattern}",
        expected="characters, classes, groups without capture, alternatives and repetitions",
        hint=hint or "Fit the vectorizer with a simpler token_pattern.",
    )
