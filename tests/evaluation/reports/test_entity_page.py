"""The page of entities, read back by Python's own HTML parser."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

pytest.importorskip("spacy")

from glossator.evaluation.reports.entity_page import entity_page
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.tasks.token_classification import Entities, Entity


class Marks(HTMLParser):
    """Headings, and the words of every mark: the entity and its label."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.marks: list[list[str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "mark":
            self.marks.append([])

    def handle_endtag(self, tag: str) -> None:
        while self.tags and self.tags.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "mark" in self.tags and data.strip():
            self.marks[-1].append(data.strip())
        elif "h2" in self.tags:
            self.headings.append(data.strip())


def test_wrong_rows_come_first_with_the_truth_below_them() -> None:
    texts = ["nothing here", "my <b>parcel</b> & tent", "due monday", "a tent"]
    rows = LabelledRows(
        texts,
        [()] * 4,
        spans=[(), (GoldSpan(6, 12, "ITEM"),), (GoldSpan(4, 10, "DAY"),), ()],
    )
    found = [
        Entities(()),
        Entities((Entity(6, 12, "parcel", "ITEM", 1.0),)),
        Entities(()),
        Entities((Entity(2, 6, "tent", "ITEM", 1.0),)),
    ]
    read = Marks()
    read.feed(entity_page(rows, found, name="test"))
    assert read.headings == [
        "test row 3, found", "test row 3, true", "test row 4, found", "test row 4, true", "test row 2, found (right)",
    ]  # fmt: skip
    assert read.marks == [["monday", "DAY"], ["tent", "ITEM"], ["parcel", "ITEM"]]
