"""The colours of the pages: contrasts by WCAG 2.2, also as docs/studio.md states them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from glossator.service.api.web.static_files import STATIC

CSS = (STATIC / "studio.css").read_text()
DOCUMENT = (Path(__file__).parents[4] / "docs/studio.md").read_text()
SURFACES = ("st-surface", "bs-body-bg", "bs-tertiary-bg")
TEXT = ("bs-body-color", "st-quiet", "bs-link-color", "st-good", "st-warn", "st-bad", "st-info")
SERIES = tuple(f"st-series-{number}" for number in range(1, 9))
THEMES = ("light", "dark")


def colours(theme: str) -> dict[str, str]:
    """The tokens of a theme that are colours."""
    found = re.search(rf"\[data-bs-theme={theme}\] {{(.*?)\n}}", CSS, re.DOTALL)
    assert found is not None
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", found[1]))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[begin : begin + 2], 16) / 255 for begin in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def least(theme: str, token: str) -> float:
    """The contrast of a token on the worst of the surfaces, and on its own background if it has one."""
    values = colours(theme)
    grounds = [values[each] for each in (*SURFACES, f"{token}-bg") if each in values]
    return min(contrast(values[token], ground) for ground in grounds)


def test_the_formula_agrees_with_the_published_examples() -> None:
    """Black on white is 21:1, and #767676 is the lightest grey that reaches 4.5:1 on white."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") >= 4.5 > contrast("#777777", "#ffffff")


@pytest.mark.parametrize(("theme", "token"), list(product(THEMES, TEXT)))
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme: str, token: str) -> None:
    assert least(theme, token) >= 4.5


@pytest.mark.parametrize(("theme", "token"), list(product(THEMES, (*SERIES, "st-for", "st-against", "st-field-line"))))
def test_graphics_have_a_contrast_of_at_least_three(theme: str, token: str) -> None:
    assert least(theme, token) >= 3.0


@pytest.mark.parametrize("token", [*TEXT, *SERIES, "st-field-line"])
def test_the_document_states_the_contrasts(token: str) -> None:
    light, dark = (colours(theme)[token] for theme in THEMES)
    row = f"| `{token}` | `{light}` | {least('light', token):.1f} | `{dark}` | {least('dark', token):.1f} |"
    assert row in DOCUMENT
