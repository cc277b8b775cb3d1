"""The page of entities, read by Python's HTML parser."""

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


def test_wrong_rows_are_first_followed_by_their_gold_entities() -> None:
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
        "test row 3, predicted",
        "test row 3, gold",
        "test row 4, predicted",
        "test row 4, gold",
        "test row 2, predicted (right)",
    ]
    assert read.marks == [["monday", "DAY"], ["tent", "ITEM"], ["parcel", "ITEM"]]
