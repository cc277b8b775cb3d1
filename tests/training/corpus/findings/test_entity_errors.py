"""Words with wrong entity types are found, and the review tasks have the format that the tools import."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.errors import CorpusError
from glossator.training.corpus.cleaning.review_queue import label_studio_entity_tasks, prodigy_entity_examples
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.entity_errors import entity_error_finding, find_entity_errors
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus
from glossator.training.text_vectors import WordVectors

NAMES = ["Ann", "Bob", "Eve"]
PLACES = ["Rome", "Oslo", "Kyiv"]


def make_corpus(rows: int = 120) -> tuple[Corpus, list[WordVectors]]:
    """Sentences with a person and a place; the vectors of persons, places and other words form separate clusters."""
    chance = np.random.default_rng(3)
    centres = {"PER": np.eye(8)[0], "LOC": np.eye(8)[1], "O": np.eye(8)[2]}
    source, words = [], []
    for number in range(rows):
        parts = [NAMES[number % 3], "went", "to", PLACES[number % 3], f"{number}"]
        kinds = ["PER", "O", "O", "LOC", "O"]
        text = " ".join(parts)
        starts = np.cumsum([0, *(len(part) + 1 for part in parts[:-1])])
        offsets = np.column_stack([starts, starts + [len(part) for part in parts]])
        vectors = np.stack([centres[kind] * 7 + chance.normal(size=8) for kind in kinds]).astype(np.float32)
        spans = [{"start": 0, "end": 3, "label": "PER"}, {"start": 12, "end": 16, "label": "LOC"}]
        source.append(SourceRow(number + 1, {"text": text, "spans": spans}))
        words.append(WordVectors(offsets, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))
    return read_task_corpus(source, "token-classification", source_name="trips"), words


def with_errors(corpus: Corpus) -> tuple[Corpus, set[tuple[int, int]]]:
    """Six rows with a changed type, six without the entity of their place, and (line, start) of the changed words."""
    assert corpus.spans is not None
    spans = list(corpus.spans)
    for row in range(0, 60, 10):
        spans[row] = (GoldSpan(0, 3, "LOC"), spans[row][1])
        spans[row + 5] = spans[row + 5][:1]
    changed = {(row + 1, 0) for row in range(0, 60, 10)} | {(row + 6, 12) for row in range(0, 60, 10)}
    return replace(corpus, spans=spans), changed


def test_changed_words_are_found_and_the_true_type_is_suggested() -> None:
    corpus, words = make_corpus()
    noisy, changed = with_errors(corpus)
    found = find_entity_errors(noisy, words)
    named = {(each.line, each.start) for each in found}
    assert named <= changed
    assert len(named) >= 8  # of twelve
    true = {0: "PER", 12: "LOC"}
    assert all(each.suggestion == true[each.start] for each in found if (each.line, each.start) in changed)
    assert [each.probability for each in found] == sorted(each.probability for each in found)
    finding = entity_error_finding(noisy, found)
    assert finding.name == "labels-worth-checking"
    assert set(finding.lines) == {each.line for each in found}


def test_review_tasks_have_each_row_once_with_its_entities_and_suspect_words() -> None:
    corpus, words = make_corpus()
    noisy, _ = with_errors(corpus)
    found = find_entity_errors(noisy, words)
    tasks = json.loads(label_studio_entity_tasks(noisy, found))
    assert len({task["data"]["line"] for task in tasks}) == len(tasks) == len({each.line for each in found})
    assert tasks[0]["data"]["doubt"].startswith(
        f"{found[0].word}: {found[0].label}, more probable: {found[0].suggestion}"
    )
    for task in tasks:
        for result in task["predictions"][0]["result"]:
            value = result["value"]
            assert task["data"]["text"][value["start"] : value["end"]] == value["text"]
    examples = [json.loads(line) for line in prodigy_entity_examples(noisy, found).splitlines()]
    assert [example["meta"]["line"] for example in examples] == [task["data"]["line"] for task in tasks]
    assert noisy.spans is not None
    for example in examples:
        assert [tuple(span.values()) for span in example["spans"]] == list(noisy.spans[example["meta"]["line"] - 1])


def test_a_corpus_with_too_few_rows_is_rejected() -> None:
    corpus, words = make_corpus(rows=12)
    with pytest.raises(CorpusError, match="too few rows"):
        find_entity_errors(corpus.subset([0, 1]), words[:2])
