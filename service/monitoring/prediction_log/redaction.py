"""Masks e-mail addresses, card numbers and phone numbers in a text. Their characters become `*`: offsets stay."""

from __future__ import annotations

import re

MASK = "*"
_EMAIL = re.compile(r"[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}")
_CARD = re.compile(r"(?<![\w+])\d(?:[ -]?\d){12,18}(?!\w)")
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\(?\d(?:[ ./()-]{0,2}\d){7,14}(?![\w])")
_DATE = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})")
"""Dates of eight digits look like phone numbers; they are kept."""


def redact(text: str) -> str:
    """Return the text with its addresses and numbers masked; it has the same length.

    A card number has 13 to 19 digits and a correct check digit (Luhn). A phone number has 8 to 15 digits, with spaces,
    points, slashes, hyphens and brackets between them. Other personal data, such as names, stays.
    """
    text = _EMAIL.sub(_mask, text)
    text = _CARD.sub(lambda found: _mask(found) if is_card_number(found[0]) else found[0], text)
    return _PHONE.sub(lambda found: found[0] if _DATE.fullmatch(found[0]) else _mask(found), text)


def is_card_number(text: str) -> bool:
    """Return whether the last digit is the check digit of the others (Luhn, ISO/IEC 7812-1)."""
    digits = [int(each) for each in reversed(text) if each.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _mask(found: re.Match[str]) -> str:
    return MASK * len(found[0])
