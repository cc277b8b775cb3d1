"""A labelled file comes back whole, and what reads it takes only what people said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.service.labelling_queues.export import ExportFormat, export_rows
from glossator.service.labelling_queues.records import Kind, LabellingQueue, Row
from glossator.service.labelling_queues.store import LabellingStore
from glossator.service.reviews.records import Review
from glossator.training.corpus.cleaning.review_queue import read_answers
from glossator.workflows.corpus.reading import CorpusReading, inspect_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

ROWS = 24
LABELLED = 20


def labelled_queue(store: LabellingStore, kind: Kind, labels: tuple[str, ...], gold: list[Any]) -> LabellingQueue:
    """A queue of 24 texts, of which 20 are labelled, one is skipped, three wait, and one row without a text."""
    columns = ("question", "context") if kind == "span" else ("text", None)
    queue = LabellingQueue(f"queue_{kind}", kind, kind, labels, False, *columns)
    second = "It is in Rome today" if kind == "span" else None
    rows = [Row(n, n + 2, f"where is parcel {n} 🙂", second, {"id": n, "label": "old"}) for n in range(ROWS)]
    rows.append(Row(ROWS, ROWS + 2, "", error="empty-text: the text is empty"))
    store.add_queue(queue, rows)
    reviews = [Review(n, "wrong", "ann", gold[n % len(gold)]) for n in range(LABELLED)]
    store.add(queue.id, [*reviews, Review(LABELLED, "skipped", "ann", comment="unclear")], author="ann")
    return store.queue(queue.id)


def write(store: LabellingStore, queue: LabellingQueue, format: ExportFormat, folder: Path) -> Path:
    path = folder / f"labelled.{'csv' if format == 'csv' else 'jsonl'}"
    path.write_bytes(b"".join(export_rows(store, queue, format)))
    return path


def read(path: Path, **options: Any) -> CorpusReading:
    return inspect_corpus(str(path), ReadingOptions(**options), Reporter())


GOLD: dict[Kind, list[Any]] = {
    "single_label": [{"labels": ["a"]}, {"labels": ["b"]}],
    "multi_label": [{"labels": ["a", "b"]}, {"labels": ["a"]}, {"labels": []}],
    "entities": [{"entities": [{"start": 0, "end": 5, "label": "WORD"}]}, {"entities": []}],
    "span": [{"span": {"start": 9, "end": 13}}, {"span": None}],
}
READ = [(kind, format) for kind in GOLD for format in ("jsonl", "csv") if (kind, format) != ("span", "csv")]
"""Training reads answers to questions from JSON lines only."""


@pytest.mark.parametrize(("kind", "format"), READ)
def test_training_reads_what_people_said_and_nothing_else(
    sqlite_labelling_store: LabellingStore, tmp_path: Path, kind: Kind, format: ExportFormat
) -> None:
    queue = labelled_queue(sqlite_labelling_store, kind, ("a", "b", "WORD"), GOLD[kind])
    reading = read(write(sqlite_labelling_store, queue, format, tmp_path))
    assert len(reading.corpus) == LABELLED
    assert reading.corpus.texts[:2] == ["where is parcel 0 🙂", "where is parcel 1 🙂"]
    if kind == "entities":
        assert [[tuple(span) for span in spans] for spans in (reading.corpus.spans or [])[:2]] == [[(0, 5, "WORD")], []]


def test_every_row_comes_back_in_order_with_its_state(sqlite_labelling_store: LabellingStore, tmp_path: Path) -> None:
    queue = labelled_queue(sqlite_labelling_store, "single_label", ("a",), [{"labels": ["a"]}])
    path = write(sqlite_labelling_store, queue, "jsonl", tmp_path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(2, ROWS + 3))
    states = [row["review_status"] for row in rows]
    assert states == ["labelled"] * LABELLED + ["skipped"] + ["unreviewed"] * 3 + ["unusable"]
    assert (rows[0]["label"], rows[0]["original_label"], rows[0]["id"]) == ("a", "old", 0)
    assert (rows[LABELLED]["label"], rows[LABELLED]["note"]) == (None, "unclear")


def test_reviewers_who_differ_are_marked_and_the_newest_counts(sqlite_labelling_store: LabellingStore) -> None:
    queue = labelled_queue(sqlite_labelling_store, "single_label", ("a", "b"), [{"labels": ["a"]}])
    sqlite_labelling_store.add(queue.id, [Review(0, "wrong", "bob", {"labels": ["b"]})], author="bob")
    sqlite_labelling_store.add(queue.id, [Review(1, "skipped", "bob")], author="bob")
    rows = [json.loads(line) for line in b"".join(export_rows(sqlite_labelling_store, queue, "jsonl")).splitlines()]
    assert [(row["label"], row.get("reviewers_differ")) for row in rows[:3]] == [("b", True), ("a", None), ("a", None)]


def test_wrangle_reads_the_answers_of_its_own_suspects(sqlite_labelling_store: LabellingStore, tmp_path: Path) -> None:
    queue = labelled_queue(sqlite_labelling_store, "single_label", ("a",), [{"labels": ["a"]}])
    answers = read_answers(write(sqlite_labelling_store, queue, "prodigy", tmp_path))
    assert [each.line for each in answers] == list(range(2, LABELLED + 2))
    assert {each.label for each in answers} == {"a"}


def test_scores_are_numbers(sqlite_labelling_store: LabellingStore, tmp_path: Path) -> None:
    queue = labelled_queue(sqlite_labelling_store, "score", (), [{"score": n / 10} for n in range(LABELLED)])
    path = write(sqlite_labelling_store, queue, "csv", tmp_path)
    assert path.read_text().splitlines()[2].split(",")[:4] == ["where is parcel 1 🙂", "1", "old", "0.1"]


def test_a_text_column_with_a_name_of_ours_is_kept(sqlite_labelling_store: LabellingStore) -> None:
    queue = LabellingQueue("queue_n", "notes", "single_label", ("a",), False, "note")
    sqlite_labelling_store.add_queue(queue, [Row(0, 2, "the text", fields={"text": "other"})])
    (line,) = b"".join(export_rows(sqlite_labelling_store, queue, "jsonl")).splitlines()
    assert json.loads(line)["original_text"] == "other"
    assert json.loads(line)["text"] == "the text"


def test_no_column_of_a_file_that_was_exported_before_is_lost(sqlite_labelling_store: LabellingStore) -> None:
    queue = LabellingQueue("queue_n", "again", "single_label", ("a",), False, "text")
    fields = {"label": "new", "original_label": "old", "line": "A12"}
    sqlite_labelling_store.add_queue(queue, [Row(0, 2, "the text", fields=fields)])
    for format in ("jsonl", "csv"):
        exported = b"".join(export_rows(sqlite_labelling_store, queue, format)).decode()
        for value in ("new", "old", "A12"):
            assert value in exported, (format, value)
