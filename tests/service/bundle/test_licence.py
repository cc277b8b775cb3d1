"""Licences on model cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.bundle.licence import check_licence, read_licence
from glossator.service.errors import ConfigError


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: MIT\n---\n# Model\n", "mit"),
        ("---\r\nlicense: 'cc-by-4.0' # of the texts too\r\n---\r\n", "cc-by-4.0"),
        ("---\ntags:\n- a\n---\nlicense: mit\n", None),
        ("---\nlicense:\n- mit\n- apache-2.0\n---\n", None),
        ("---\nlicense: [a, b]\n---\n", None),
        ("# Model\nlicense: mit\n", None),
        ("", None),
    ],
)
def test_the_licence_of_a_card_is_in_its_front_matter(tmp_path: Path, card: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_bytes(card.encode())
    assert read_licence(tmp_path) == licence


def test_a_model_without_a_readable_card_has_no_licence(tmp_path: Path) -> None:
    assert read_licence(tmp_path) is None
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    assert read_licence(tmp_path) is None


def test_an_identifier_is_checked() -> None:
    assert check_licence("Apache-2.0") == "apache-2.0"
    with pytest.raises(ConfigError, match="no identifier of a licence"):
        check_licence("my own\nlicense")
