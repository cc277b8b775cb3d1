"""Changed labels are found, and the review tasks have the format that the tools import."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glossator.service.errors import CorpusError
from glossator.training.corpus.cleaning.review_queue import label_studio_tasks, prodigy_examples
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.findings.label_errors import (
    AUDITED_PRECISION,
    find_label_errors,
    label_error_finding,
    out_of_fold,
)
from glossator.training.corpus.row import SourceRow

NAMES = ["bird", "cat", "dog", "fish"]


def make_corpus(rows: int = 400, wrong: int = 20) -> tuple[Corpus, np.ndarray, set[int]]:
    """Texts whose vectors form four clusters, and the lines whose label was changed."""
    generator = np.random.default_rng(5)
    truth = np.arange(rows) % 4
    centres = np.eye(4, 16) * 4.0
    vectors = (centres[truth] + generator.normal(size=(rows, 16))).astype(np.float32)
    given = truth.copy()
    changed = generator.choice(rows, size=wrong, replace=False)
    given[changed] = (given[changed] + 1 + generator.integers(3, size=wrong)) % 4
    source = [
        SourceRow(line, {"text": f"animal {line}", "label": NAMES[label]}) for line, label in enumerate(given, start=1)
    ]
    return read_corpus(source, source_name="animals"), vectors, {int(row) + 1 for row in changed}


def test_changed_labels_are_found_and_the_true_label_is_suggested() -> None:
    corpus, vectors, changed = make_corpus()
    found = find_label_errors(corpus, vectors)
    first = {each.line for each in found[:20]}
    assert len(first & changed) >= 17
    probabilities = [each.probability for each in found]
    assert probabilities == sorted(probabilities)
    right = [each for each in found if each.line in changed and each.suggestion == NAMES[(each.line - 1) % 4]]
    assert len(right) >= 17
    shown = label_error_finding(corpus, found)
    assert (shown.name, shown.count) == ("labels-worth-checking", len(found))
    assert shown.lines == tuple(each.line for each in found)  # the whole ranking, not examples only
    assert "worth checking" in shown.message
    assert "Estimated precision of the first 100: 23% to 71%" in shown.message


def test_no_row_is_judged_by_a_classifier_that_saw_it() -> None:
    """Random labels cannot be predicted out of fold, although a classifier can memorise the rows it is trained on."""
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(200, 150)).astype(np.float32)
    labels = generator.integers(2, size=200)
    accuracy = (out_of_fold(vectors, labels).argmax(axis=1) == labels).mean()
    assert 0.35 < accuracy < 0.65


def test_rare_classes_are_left_out_and_unsuitable_corpora_are_rejected() -> None:
    corpus, vectors, _ = make_corpus(40, 1)
    rare = replace(corpus, labels=[("rare",), *corpus.labels[1:]])
    assert all(each.label != "rare" for each in find_label_errors(rare, vectors))
    few = replace(corpus, labels=[(f"only {index}",) for index in range(40)])
    with pytest.raises(CorpusError, match="too few rows"):
        find_label_errors(few, vectors)
    with pytest.raises(CorpusError, match="one label"):
        find_label_errors(replace(corpus, problem_type="multi_label_classification"), vectors)


def test_review_tasks_have_the_format_of_label_studio_and_prodigy() -> None:
    corpus, vectors, _ = make_corpus()
    found = find_label_errors(corpus, vectors)
    tasks = json.loads(label_studio_tasks(found))
    assert [task["data"]["line"] for task in tasks] == [each.line for each in found]
    assert tasks[0]["predictions"][0]["result"][0]["value"] == {"choices": [found[0].suggestion]}
    examples = [json.loads(line) for line in prodigy_examples(found).splitlines()]
    assert [example["text"] for example in examples] == [each.text for each in found]
    for example, each in zip(examples, found, strict=True):
        assert example["accept"] == [each.suggestion]
        assert {option["id"] for option in example["options"]} == {each.suggestion, each.label}


def test_the_stated_precision_is_that_of_the_stored_audits() -> None:
    results = Path(__file__).resolve().parents[4] / "benchmarks/results/label_audits/amx-intel-xeon.json"
    audits = json.loads(results.read_text())["values"]["audits"]
    people = [each for each in audits if each["audit"].endswith("disagree")]
    measured = sorted(round(each["rankings"]["glossator"]["100"], 2) for each in people)
    assert (measured[0], measured[-1]) == AUDITED_PRECISION
