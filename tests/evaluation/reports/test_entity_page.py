"""The page of entities, read by Python's HTML parser."""

from __future__ import annotations

from html.parser import HTMLParser

from glossator.evaluation.reports.entity_page import entity_page
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows
from glossator.service.tasks.token_classification import Entities, Entity


class Marks(HTMLParser):
    """Titles of the texts, and the words of every mark: the entity and its label."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.marks: list[list[str]] = []
        self.tags: list[str] = []
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.in_title = ("class", "title") in list(attrs)  # type: ignore[call-overload]
        if tag == "mark":
            self.marks.append([])

    def handle_endtag(self, tag: str) -> None:
        self.in_title = False
        while self.tags and self.tags.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "mark" in self.tags and data.strip():
            self.marks[-1].append(data.strip())
        elif self.in_title and data.strip():
            self.titles.append(data.strip())


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
    assert read.titles == [
        "Row 3, predicted",
        "Row 3, gold",
        "Row 4, predicted",
        "Row 4, gold",
        "Row 2, predicted (right)",
    ]
    assert read.marks == [["monday", "DAY"], ["tent", "ITEM"], ["parcel", "ITEM"]]
