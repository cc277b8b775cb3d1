from __future__ import annotations

import pytest

from glossator.evaluation.language_detection import detect_language, detect_languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The committee approved the annual budget without any further discussion.", "en"),
        ("Der Ausschuss hat den Haushalt ohne weitere Aussprache angenommen.", "de"),
        ("Los vecinos del pueblo dijeron que no habían oído ningún ruido durante la noche.", "es"),
        ("Комитет утвердил годовой бюджет без дальнейшего обсуждения.", "ru"),
        ("ok", None),
        ("12345 67890 12345 67890 12345", None),
        ("", None),
    ],
)
def test_language_of(text: str, language: str | None) -> None:
    assert detect_language(text) == language


def test_languages_are_detected_per_text() -> None:
    assert detect_languages(["ok", "The committee approved the annual budget without discussion."]) == [None, "en"]
