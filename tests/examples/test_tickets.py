"""The demo corpus: every count in the tables of examples/README.md is counted again from the files."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COLUMNS = ["ticket_id", "received", "channel", "text", "category", "tags"]
HTML = re.compile(r"<br>|</?p>|&(?:amp|quot|#39);")


def read(name: str) -> list[list[str]]:
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def readme_table(heading: str) -> dict[str, int]:
    """Return the second column of the table under `heading` in the README, by the first column."""
    section = (EXAMPLES / "README.md").read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {
        name.strip("` "): int(count) for name, count in re.findall(r"^\| ([^|]+?) \| +(\d+) \|", section, re.MULTILINE)
    }


def is_mojibake(text: str) -> bool:
    """Whether the text is UTF-8 that was decoded as Windows-1252. Correct accents cannot be decoded a second time."""
    try:
        return text.encode("cp1252").decode("utf-8") != text
    except UnicodeError:
        return False


@pytest.fixture(scope="module")
def records() -> list[list[str]]:
    return read("tickets.csv")[1:]


@pytest.fixture(scope="module")
def rows(records: list[list[str]]) -> list[dict[str, str]]:
    """The rows that have all six fields."""
    return [dict(zip(COLUMNS, record, strict=True)) for record in records if len(record) == len(COLUMNS)]


def test_tickets_header_and_line_endings() -> None:
    raw = (EXAMPLES / "tickets.csv").read_bytes()
    assert read("tickets.csv")[0] == COLUMNS
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert not raw.startswith(b"\xef\xbb\xbf")


def test_counts_of_faults_match_the_readme(records: list[list[str]], rows: list[dict[str, str]]) -> None:
    texts = [row["text"] for row in rows]
    filled = [row for row in rows if row["text"].strip()]
    labelled = [(row["text"], row["category"].strip().lower()) for row in filled if row["category"]]
    categories_of: dict[str, set[str]] = {}
    for text, category in labelled:
        categories_of.setdefault(text, set()).add(category)
    found = {
        "rows": len(records),
        "rows with too few fields": sum(len(record) < len(COLUMNS) for record in records),
        "rows with too many fields": sum(len(record) > len(COLUMNS) for record in records),
        "empty texts": len(rows) - len(filled),
        "missing categories": sum(not row["category"] for row in rows),
        "category names in another case or with a space": sum(
            row["category"] != row["category"].strip().lower() for row in rows
        ),
        "exact duplicates": len(labelled) - len(set(labelled)),
        "conflicting pairs": sum(len(categories) > 1 for categories in categories_of.values()),
        "mojibake": sum(map(is_mojibake, texts)),
        "HTML remains": sum(bool(HTML.search(text)) for text in texts),
        "control characters": sum(any(c < " " and c != "\n" for c in text) for text in texts),
        "non-breaking spaces": sum("\u00a0" in text for text in texts),
        "line breaks inside the text": sum("\n" in text.strip() for text in texts),
        "texts of 400 words or more": sum(len(text.split()) >= 400 for text in texts),
    }
    assert found == readme_table("Size and faults")


def test_counts_of_categories_match_the_readme(rows: list[dict[str, str]]) -> None:
    found = Counter(row["category"].strip().lower() for row in rows if row["category"])
    assert found == readme_table("Categories")
    assert len(found) == 10
    assert min(found.values()) >= 50
    assert max(found.values()) <= 150


def test_counts_of_tags_match_the_readme(rows: list[dict[str, str]]) -> None:
    tags = [row["tags"].split("|") if row["tags"] else [] for row in rows]
    assert Counter(tag for row_tags in tags for tag in row_tags) == readme_table("Tags")
    assert max(map(len, tags)) <= 3
    assert all(len(set(row_tags)) == len(row_tags) for row_tags in tags)


def test_tickets_ids_and_times_are_ordered(records: list[list[str]]) -> None:
    ids = [record[0] for record in records]
    times = [datetime.fromisoformat(record[1]) for record in records]
    assert ids == sorted(set(ids))
    assert times == sorted(times)


def test_mail_addresses_are_in_example_com() -> None:
    for name in ("tickets.csv", "new_tickets.csv"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        assert set(re.findall(r"\w@([\w.]+\.\w+)", text)) <= {"example.com"}


def test_new_tickets_are_unlabelled_and_new(rows: list[dict[str, str]]) -> None:
    header, *new = read("new_tickets.csv")
    assert header == ["ticket_id", "text"]
    assert {len(row) for row in new} == {2}
    texts = [row[1] for row in new]
    assert not {row["text"] for row in rows if row["text"].strip()} & set(texts)
    assert {
        "rows": len(new),
        "empty texts": sum(not text.strip() for text in texts),
        "texts with an emoji": sum(any(character >= "\U0001f000" for character in text) for text in texts),
        "texts of 700 words or more": sum(len(text.split()) >= 700 for text in texts),
    } == readme_table("The new tickets")


def test_spans_are_in_the_tickets(rows: list[dict[str, str]]) -> None:
    texts = {row["ticket_id"]: row["text"] for row in rows}
    lines = (EXAMPLES / "ticket_spans.jsonl").read_text(encoding="utf-8").splitlines()
    spans = [json.loads(line) for line in lines]
    counts: Counter[str] = Counter()
    for row in spans:
        assert texts[row["ticket_id"]] == row["text"]
        assert len(row["text"]) <= 400
        end = 0
        for span in row["spans"]:
            assert end <= span["start"] < span["end"] <= len(row["text"])
            marked = row["text"][span["start"] : span["end"]]
            assert marked == marked.strip()
            counts[span["label"]] += 1
            end = span["end"]
    assert counts == readme_table("The spans")
