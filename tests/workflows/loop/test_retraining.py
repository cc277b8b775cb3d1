"""A retraining from reviews to the challenger in the registry, repeated, interrupted, and continued by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from loop_project import NAME, START, LoopProject
from vote_bundle import vote_bundle

from glossator.service.database.interface import Database
from glossator.service.errors import ConfigError, UnknownModel
from glossator.service.inference.model import load
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import ReviewStore, open_review_database
from glossator.workflows.loop.retraining import Retrained, retrain
from glossator.workflows.reporter import Reporter

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NEW = [f"the invoice has a wrong sum {word}" for word in WORDS]


@pytest.fixture
def database(project: LoopProject) -> Iterator[Database]:
    found = open_review_database(project.log)
    yield found
    found.close()


def run(project: LoopProject, database: Database, **options: Any) -> Retrained:
    return retrain(
        NAME, project.registry, project.log, database, project.root / "out", project.store, Reporter(), **options
    )


def review_new_texts(project: LoopProject, database: Database, label: str = "invoice") -> None:
    project.answer(NEW)
    reviews = ReviewStore(database)
    project.review(reviews, project.period(reviews), lambda place: label)


def test_nothing_is_trained_without_new_rows(project: LoopProject, database: Database) -> None:
    done = run(project, database)
    assert (done.digest, done.corpus["added"]) == (None, 0)
    assert not (project.root / "out").exists()
    assert project.registry.record(NAME).aliases.keys() == {"champion"}


def test_the_corpus_alone_is_written_with_its_provenance(project: LoopProject, database: Database) -> None:
    review_new_texts(project, database)
    done = run(project, database, corpus_only=True, new_labels=True)
    lines = [json.loads(line) for line in (done.folder / "corpus" / "train.jsonl").read_text().splitlines()]
    new = [line for line in lines if line["labels"] == ["invoice"]]
    assert {line["extra"]["source"] for line in new} == {"review"}
    assert {line["extra"]["reviewer"] for line in new} == {"ann"}
    assert json.loads((done.folder / "corpus" / "corpus.json").read_text())["new_labels"] == {"invoice": 12}
    assert not (done.folder / "checkpoint").exists()


@pytest.mark.slow
def test_a_retrained_model_becomes_challenger_and_the_next_one_starts_from_it(
    project: LoopProject, database: Database
) -> None:
    review_new_texts(project, database)
    done = run(project, database, new_labels=True, margin=0.5)
    record = project.registry.record(NAME)
    assert done.digest is not None
    assert record.aliases["challenger"] == done.digest != record.aliases["champion"]
    model = load(project.registry.folder(NAME, done.digest))
    assert model.name == NAME
    assert model.task.labels == ["delivery", "login", "refund", "invoice"]
    assert model([NEW[0]])[0].prediction.labels == ("invoice",)  # type: ignore[union-attr]
    assert model.task.provenance.algorithm == "tfidf"
    assert done.comparison is not None
    assert done.comparison["rows"] == 14
    report = (done.folder / "report.md").read_text()
    assert "| invoice |   12 | yes" in report
    assert (done.folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((done.folder / "retrain.json").read_text())["digest"] == done.digest

    lines = (project.registry.audit_file).read_bytes()
    again = run(project, database, new_labels=True, margin=0.5)
    assert (again.digest, again.folder) == (done.digest, done.folder)
    assert project.registry.audit_file.read_bytes() == lines

    project.registry.alias(NAME, done.digest)
    assert run(project, database, new_labels=True).digest is None  # the new champion knows these rows
    project.answer(["bill not correct", "i got no bill"], begin=START + 90_000.0, request="later")
    reviews = ReviewStore(database)
    period = project.period(reviews, until=START + 200_000.0)
    assert [item.request for item in period.items] == ["later-0", "later-1"]
    reviews.add_reviews(period.id, [Review(place, "wrong", "bob", {"labels": ["invoice"]}) for place in (0, 1)])
    third = run(project, database)
    assert third.corpus["sources"] == {"training": 82, "review": 14}
    assert third.corpus["rows"]["test"] == 14
    assert third.corpus["labels"][-1] == "invoice"


@pytest.mark.slow
def test_the_algorithm_can_be_chosen_again(project: LoopProject, database: Database) -> None:
    review_new_texts(project, database, "refund")
    done = run(project, database, select=True, algorithms=("majority",))
    assert done.algorithm == "majority"
    assert done.bundle is not None
    assert load(done.bundle).name == NAME
    assert project.registry.record(NAME).aliases["challenger"] == done.digest


def test_a_model_that_was_not_trained_here_is_refused(project: LoopProject, database: Database) -> None:
    bundle = vote_bundle(project.root / "other", "single_label_classification")
    project.registry.add(bundle)
    with pytest.raises(ConfigError, match="no such algorithm"):
        retrain("other", project.registry, project.log, database, project.root / "out", project.store, Reporter())
    with pytest.raises(UnknownModel):
        retrain("third", project.registry, project.log, database, project.root / "out", project.store, Reporter())


@pytest.mark.slow
def test_a_killed_retraining_goes_on(project: LoopProject, database: Database) -> None:
    review_new_texts(project, database, "refund")
    command = [
        sys.executable, "-m", "glossator", "retrain", NAME, "--registry", "registry", "--log", "log", "-o", "out", "-q"
    ]  # fmt: skip
    environment = os.environ | {"GLOSSATOR_CACHE_DIR": os.devnull}
    process = subprocess.Popen(command, cwd=project.root, env=environment, stdout=subprocess.DEVNULL)
    written = project.root / "out"
    deadline = time.monotonic() + 30.0
    while not list(written.glob("*/corpus/corpus.json")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = written.glob("topics-*")
    done = run(project, database)
    assert done.folder == folder
    assert project.registry.record(NAME).aliases["challenger"] == done.digest
