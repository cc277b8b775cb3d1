"""Finds personal data in texts by rules: e-mail addresses, phone numbers, bank cards, IBANs.

The rules are not complete and not exact: names and postal addresses follow no rule, and a long number may belong to an
order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-]|[.,]\d)")
_PHONE = re.compile(
    r"(?<![\w.,/+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"  # +44 20 7946 0958
    r"|\(\d{2,5}\)[ .-]?\d{3,4}[ .-]?\d{3,4}"  # (020) 7946 0958
    r"|\d{3}[ .-]\d{3,4}[ .-]\d{4}"  # 555-0100-0100
    r"|0\d{2,4}[ /.-]\d{3,8}(?:[ .-]\d{2,4})?"  # 020 79460958
    r"|0\d{9,10})(?![\w-]|[.,]\d)"
)
_MIN_DIGITS, _MAX_DIGITS = 8, 15  # E.164 allows at most fifteen


class PersonalData(NamedTuple):
    """A part of a text that looks like personal data: its kind and its offsets in code points."""

    kind: str
    start: int
    end: int


def find_personal_data(text: str) -> list[PersonalData]:
    """The personal data in a text, in the order of the text, without overlaps.

    >>> find_personal_data("call +44 20 7946 0958")
    [PersonalData(kind='phone', start=5, end=21)]
    """
    found: list[PersonalData] = []
    for candidate in _candidates(text):
        if all(candidate.end <= other.start or candidate.start >= other.end for other in found):
            found.append(candidate)
    return sorted(found, key=lambda each: each.start)


def has_personal_data(text: str) -> bool:
    """True if `find_personal_data` finds anything."""
    return next(_candidates(text), None) is not None


def redact_personal_data(text: str) -> str:
    """The text with each part that looks like personal data replaced by its kind.

    >>> redact_personal_data("write to ann@example.org")
    'write to [e-mail]'
    """
    parts, position = [], 0
    for kind, start, end in find_personal_data(text):
        parts += [text[position:start], f"[{kind}]"]
        position = end
    return "".join([*parts, text[position:]])


def mask(part: str) -> str:
    """The text with all letters and digits but the last two replaced by `*`.

    >>> mask("+44 20 7946 0958")
    '+** ** **** **58'
    """
    shown = [index for index, character in enumerate(part) if character.isalnum()][-2:]
    return "".join("*" if each.isalnum() and index not in shown else each for index, each in enumerate(part))


def _candidates(text: str) -> Iterator[PersonalData]:
    """Candidates that may overlap, the most reliable kinds first: a card number could also be a phone number."""
    if "@" in text:
        yield from (PersonalData("e-mail", *found.span()) for found in _EMAIL.finditer(text))
    digits = sum(map(str.isdigit, text)) if any(map(text.__contains__, "0123456789")) else 0
    if digits < _MIN_DIGITS:
        return
    yield from (PersonalData("IBAN", *found.span()) for found in _IBAN.finditer(text) if _is_iban(found[0]))
    yield from (PersonalData("card", *found.span()) for found in _CARD.finditer(text) if _is_card(found[0]))
    for found in _PHONE.finditer(text):
        if _MIN_DIGITS <= sum(map(str.isdigit, found[0])) <= _MAX_DIGITS:
            yield PersonalData("phone", *found.span())


def _is_card(number: str) -> bool:
    """True if the check digit is right (Luhn, ISO/IEC 7812) and the first digit is one that cards have."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return digits[0] in (2, 3, 4, 5, 6) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(number: str) -> bool:
    """True if the check digits are right (ISO 13616: the rearranged number modulo 97 is 1)."""
    plain = number.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
