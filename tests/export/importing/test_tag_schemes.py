"""The tags of other libraries, as our decoder reads them."""

from __future__ import annotations

import pytest

from glossator.export.importing.tag_schemes import read_tags
from glossator.service.errors import ConfigError


@pytest.mark.parametrize(
    ("names", "labels", "tagging"),
    [
        (["O", "B-LOC", "I-LOC"], ["O", "B-LOC", "I-LOC"], "IOB1"),
        (["I-LOC", "O", "B-LOC"], ["I-LOC", "O", "B-LOC"], "IOB1"),
        (["O", "LOC", "ORG"], ["O", "I-LOC", "I-ORG"], "IOB1"),
        (["O", "B-LOC", "I-LOC", "E-LOC", "S-LOC"], ["O", "B-LOC", "I-LOC", "L-LOC", "U-LOC"], "BILOU"),
        (["U_LOC", "L_LOC", "I_LOC", "B_LOC", "O"], ["U-LOC", "L-LOC", "I-LOC", "B-LOC", "O"], "BILOU"),
    ],
)
def test_tags_are_read(names: list[str], labels: list[str], tagging: str) -> None:
    found = read_tags(names)
    assert (found.labels, found.tagging) == (labels, tagging)


@pytest.mark.parametrize("names", [["B-LOC", "I-LOC"], ["O", "o"], ["O", "LOC", "I-LOC"]])
def test_tags_without_one_meaning_each_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError):
        read_tags(names)
