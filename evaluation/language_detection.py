"""Detects the language of texts that are long enough."""

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
    except OSError as error:  # the model is unpacked into a temporary file
        raise OutputError(
            f"the language detection model cannot be unpacked: {error.strerror or error}",
            found="the folder for temporary files",
            hint="Free some space, or set TMPDIR to a folder with free space.",
        ) from error


def detect_language(text: str) -> str | None:
    """Return the ISO 639-1 code of the language, or None if the text is too short or the language is uncertain.

    Uses `py3langid` (Lui and Baldwin 2012) with a minimum probability of 0.9.
    """
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return None
    language, probability = _language_identifier().classify(text)
    return str(language) if probability >= _MIN_PROBABILITY else None


def detect_languages(texts: Sequence[str]) -> list[str | None]:
    """Return the language of each text, as `detect_language`."""
    return [detect_language(text) for text in texts]
