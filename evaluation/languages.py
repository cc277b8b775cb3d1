"""In which languages the texts are: told for texts that are long enough to tell it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from glossator.service.errors import OutputError

MIN_LETTERS = 20
_MIN_PROBABILITY = 0.9


@cache
def _language_identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:  # it is unpacked into a temporary file
        raise OutputError(
            f"the model that tells languages cannot be unpacked: {error.strerror or error}",
            found="the folder of temporary files",
            hint="Free some space, or set TMPDIR to a folder that has some.",
        ) from error


def detect_language(text: str) -> str | None:
    """The ISO 639-1 code of a text's language, or None where the text is too short or too mixed to say.

    By `py3langid` (Lui and Baldwin 2012), asked for a probability of 0.9.
    """
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return None
    language, probability = _language_identifier().classify(text)
    return str(language) if probability >= _MIN_PROBABILITY else None


def detect_languages(texts: Sequence[str]) -> list[str | None]:
    """`language_of` each text."""
    return [detect_language(text) for text in texts]
