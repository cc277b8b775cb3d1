"""`glossator retrain`: the corpus alone, a challenger, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loop_project import NAME, LoopProject
from vote_bundle import vote_bundle

from glossator.service.registry import Registry
from glossator.service.reviews.store import ReviewStore, open_review_database

Run = Callable[..., Any]
ROWS = [
    (f"{text} {word}", label)
    for label, text in (
        ("delivery", "where is my parcel"),
        ("refund", "i want my money back"),
        ("login", "cannot log in"),
    )
    for word in (
        "please",
        "thanks",
        "hello",
        "again",
        "today",
        "monday",
        "order",
        "help",
        "now",
        "soon",
        "quick",
        "why",
    )
]


@pytest.mark.slow
def test_the_corpus_of_a_retraining_has_the_reviews(run: Run, folder: Path, tiny_base: Callable[[str], Path]) -> None:
    project = LoopProject(folder)
    project.train(ROWS, tiny_base("bert"))
    project.answer([f"my invoice is wrong {number}" for number in range(8)])
    database = open_review_database(project.log)
    reviews = ReviewStore(database)
    project.review(reviews, project.period(reviews), lambda place: "invoice")
    database.close()
    arguments = ("retrain", NAME, "--registry", "registry", "--log", "log", "-o", "out")
    ran = run(*arguments)
    assert ran.code == 0, ran.err
    assert "0 new and 0 changed rows; nothing was trained" in ran.out
    assert "pass --new-labels" in ran.err
    ran = run(*arguments, "--new-labels", "--corpus-only", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["corpus"]["added"], ran.json["digest"]) == (8, None)
    assert (Path(ran.json["folder"]) / "corpus" / "train.jsonl").is_file()
    shutil.rmtree(folder / "log")
    assert run(*arguments).code == 2


def test_what_cannot_be_retrained_is_refused(run: Run, folder: Path) -> None:
    Registry(folder / "registry").add(vote_bundle(folder / "votes", "single_label_classification"))
    (folder / "log").mkdir()
    arguments = ("--registry", "registry", "--log", "log", "-o", "out")
    ran = run("retrain", "votes", *arguments)
    assert (ran.code, "no such algorithm" in ran.err) == (2, True)
    ran = run("retrain", "absent", *arguments)
    assert ran.code != 0
    assert "no model of this name" in ran.err
    ran = run("retrain", "votes", *arguments, "--algorithm", "tfidf")
    assert (ran.code, "--algorithm needs --select" in ran.err) == (2, True)
    ran = run("retrain", "votes", "--registry", "registry", "--log", "absent", "-o", "out")
    assert (ran.code, "no prediction log" in ran.err) == (2, True)
