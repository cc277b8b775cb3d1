"""What a vectorizer of scikit-learn does with a text before it finds tokens, as a normalizer of tokenizers.

It equals Python's `str.lower` and `unicodedata.normalize` for every character that Python's version of Unicode has, but
for those with a decomposition that tokenizers does not have yet: a Japanese era sign and letters of phonetic script.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tokenizers import Regex
from tokenizers.normalizers import NFKD, Lowercase, Normalizer, Replace, Sequence

from glossator.export.importing.sklearn_text.character_classes import character_class, characters, ranges
from glossator.export.importing.sklearn_text.vectorizer import Vectorizer

_PLACEHOLDER = "\ue000"
"""Replaces letters that tokenizers would change, and Python would not. It is neither a word character nor a space."""
_SIGMAS = frozenset("\N{GREEK SMALL LETTER SIGMA}\N{GREEK SMALL LETTER FINAL SIGMA}")
_CAPITAL_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"


def make_normalizer(vectorizer: Vectorizer, tokens: Iterable[str]) -> Normalizer | None:
    """Return the normalizer of a vectorizer with these tokens; None if texts stay as they are."""
    steps: list[Normalizer] = []
    if vectorizer.lowercase:
        if changed := _changed_only_by_tokenizers():
            steps.append(Replace(Regex(f"[{changed}]"), _PLACEHOLDER))
        if any(_SIGMAS & set(token) for token in tokens):
            steps.append(Replace(Regex(_final_sigma()), "\N{GREEK SMALL LETTER FINAL SIGMA}"))
        steps.append(Lowercase())
    if vectorizer.strip_accents == "ascii":
        steps += [NFKD(), Replace(Regex(r"[^\x{0}-\x{7f}]"), "")]
    elif vectorizer.strip_accents == "unicode":
        steps += [NFKD(), Replace(Regex(character_class("combining")), "")]
    space = character_class("s")
    if vectorizer.analyzer == "char":
        steps.append(Replace(Regex(f"{space}{{2,}}"), " "))
    elif vectorizer.analyzer == "char_wb":  # a space before and after each word; the outermost are special tokens
        steps += [Replace(Regex(rf"\A{space}+|{space}+\z"), ""), Replace(Regex(f"{space}+"), "  ")]
    return Sequence(steps) if steps else None


@cache
def _changed_only_by_tokenizers() -> str:
    """Return the inside of a class: characters that tokenizers lower and Python does not, for it is older."""
    known = [character for character in characters() if character != "\n"]
    lowered = Lowercase().normalize_str("\n".join(known)).split("\n")
    return ranges(
        character
        for character, theirs in zip(known, lowered, strict=True)
        if theirs != character and character.lower() == character
    )


@cache
def _final_sigma() -> str:
    """Return a pattern of capital sigmas that Python lowers to a final sigma.

    Before it is a cased letter, behind it none; characters that Unicode calls case-ignorable do not count, such as
    apostrophes and accents. Up to two of them are looked through before the sigma.
    """
    sigma = _CAPITAL_SIGMA
    cased = ranges(each for each in characters() if f"1{each}{sigma}".lower()[-1] != sigma.lower())
    ignorable = ranges(
        each for each in characters() if f"1{each}{sigma}".lower()[-1] == sigma.lower() != f"A{each}{sigma}".lower()[-1]
    )
    before = "|".join(f"[{cased}]" + f"[{ignorable}]" * count for count in range(3))
    return f"(?<={before}){sigma}(?![{ignorable}]*[{cased}])"
