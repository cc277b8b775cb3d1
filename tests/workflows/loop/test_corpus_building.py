"""The corpus of a retraining: the champion's rows, reviewed and given rows, and what is left out of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loop_project import NAME, START, LoopProject

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.reviews.feedback import FeedbackStore, new_feedback
from glossator.service.reviews.records import Review
from glossator.service.reviews.store import ReviewStore, open_review_database
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.loop import corpus_building
from glossator.workflows.loop.champion import read_champion
from glossator.workflows.loop.champion_rows import Sides, read_sides
from glossator.workflows.loop.corpus_building import BuiltCorpus, build_corpus
from glossator.workflows.loop.gold_rows import NO_GOLD, NO_TEXT, SKIPPED
from glossator.workflows.loop.training_rows import TrainingRow, labelled_rows, rows_from
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

NEW = [f"the invoice has a wrong sum {number}" for number in ("one", "two", "three", "four", "five")]
SEEN = ["parcel lost somewhere", "cannot log in at all"]


@pytest.fixture
def database(project: LoopProject) -> Iterator[object]:
    found = open_review_database(project.log)
    yield found
    found.close()


def build(project: LoopProject, database: object, sides: Sides | None = None, **options: bool) -> BuiltCorpus:
    champion = read_champion(project.registry, NAME, project.store)
    sides = sides or read_sides(champion, project.store, Reporter())
    return build_corpus(champion, sides, project.log, database, Reporter(), **options)  # type: ignore[arg-type]


def by_text(built: BuiltCorpus) -> dict[str, TrainingRow]:
    return {row.text: row for row in (*built.train, *built.validation)}


def test_the_rows_of_the_champion_are_read_again_and_nothing_else(project: LoopProject, database: object) -> None:
    built = build(project, database)
    assert built.sides.same
    assert (len(built.train), len(built.validation), len(built.test)) == (68, 14, 14)
    assert (built.added, built.changed, dict(built.left_out), built.conflicts) == (0, 0, {}, [])
    assert built.labels == ["delivery", "login", "refund"]


def test_reviews_become_rows_with_their_provenance(project: LoopProject, database: object) -> None:
    project.answer([*NEW, *SEEN])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    project.review(reviews, period, lambda place: "refund" if place < 5 else None)
    built = build(project, database)
    assert built.added == 7
    row = by_text(built)[NEW[0]]
    assert (row.labels, row.origin.source, row.origin.reviewer) == (("refund",), "review", "ann")
    assert row.origin.reference == f"{period.id}/0"
    assert float(row.origin.probability) == pytest.approx(1 / 7, rel=0.2)
    assert row.origin.sha256 == hash_text(NEW[0])
    assert row.origin.request == "request-0"
    assert built.sources == {"training": 82, "review": 7}
    again = rows_from(labelled_rows(built.train, read_champion(project.registry, NAME, project.store).task))
    assert again == built.train


def test_what_says_nothing_about_the_right_label_is_counted(project: LoopProject, database: object) -> None:
    project.answer(NEW)
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    reviews.add_reviews(period.id, [Review(0, "skipped", "ann"), Review(1, "wrong", "ann"), Review(2, "right", "ann")])
    feedback = FeedbackStore(database)  # type: ignore[arg-type]
    feedback.add(
        new_feedback(model=NAME, sha256="0" * 64, reviewer="bob", request="gone", place=0, gold={"labels": ["refund"]})
    )
    built = build(project, database)
    assert dict(built.left_out) == {SKIPPED: 1, NO_GOLD: 1, NO_TEXT: 1}
    assert built.added == 1


def test_texts_of_the_test_rows_are_never_trained_on(project: LoopProject, database: object) -> None:
    test_texts = [row.text for row in build(project, database).test]
    near = test_texts[1] + "!"
    project.answer([test_texts[0].upper(), near])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    project.review(reviews, project.period(reviews), lambda place: "refund")
    built = build(project, database)
    assert built.added == 0
    assert sum(count for why, count in built.left_out.items() if "test row" in why) == 2


def test_a_review_replaces_an_old_label_unless_the_old_ones_are_kept(project: LoopProject, database: object) -> None:
    first = build(project, database).train[0]
    project.answer([first.text])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    other = "refund" if first.labels != ("refund",) else "login"
    reviews.add_reviews(period.id, [Review(0, "wrong", "ann", {"labels": [other]})])
    built = build(project, database)
    (conflict,) = built.conflicts
    assert (conflict.old, conflict.new, conflict.replaced, built.changed) == (first.labels, (other,), True, 1)
    assert by_text(built)[first.text].labels == (other,)
    kept = build(project, database, keep_old=True)
    assert (kept.conflicts[0].replaced, kept.changed) == (False, 0)
    assert by_text(kept)[first.text].labels == first.labels
    reviews.undo(period.id, 0, "ann", by="ann")
    assert by_text(build(project, database))[first.text].labels == first.labels


def test_the_newest_review_counts_and_a_review_counts_more_than_feedback(
    project: LoopProject, database: object
) -> None:
    project.answer(NEW[:2])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    reviews.add_reviews(period.id, [Review(0, "wrong", "ann", {"labels": ["refund"]}, made=10.0)])
    feedback = FeedbackStore(database)  # type: ignore[arg-type]
    for place, label in ((0, "login"), (1, "login"), (1, "delivery")):
        feedback.add(
            new_feedback(
                model=NAME, sha256=hash_text(NEW[place]), reviewer="bob", request=f"request-{place}", place=0,
                gold={"labels": [label]},
            )
        )  # fmt: skip
    rows = by_text(build(project, database))
    assert (rows[NEW[0]].labels, rows[NEW[0]].origin.source) == (("refund",), "review")
    assert (rows[NEW[1]].labels, rows[NEW[1]].origin.source) == (("delivery",), "feedback")


def test_new_labels_are_learned_only_if_they_are_wanted(project: LoopProject, database: object) -> None:
    project.answer([*NEW, *SEEN])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    project.review(
        reviews, project.period(reviews), lambda place: "invoice" if place < 5 else "other" if place == 5 else None
    )
    refused = build(project, database)
    assert (refused.added, dict(refused.new_labels)) == (1, {"invoice": 5, "other": 1})
    assert refused.left_out[corpus_building.NEW_LABEL] == 6
    assert "invoice" not in refused.labels
    learned = build(project, database, new_labels=True)
    assert learned.labels == ["delivery", "login", "refund", "invoice"]
    assert learned.left_out[corpus_building.RARE_LABEL] == 1
    assert sum(row.labels == ("invoice",) for row in learned.train) >= 4


def test_rows_of_an_earlier_retraining_stay_until_they_are_undone_or_erased(
    project: LoopProject, database: object
) -> None:
    project.answer([*NEW, *SEEN])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    project.review(reviews, period, lambda place: "refund")
    first = build(project, database)
    sides = Sides(first.train, first.validation, first.test)
    for segment in project.log.glob("*.jsonl"):
        segment.unlink()  # as retention does
    carried = build(project, database, sides)
    assert (carried.added, carried.changed) == (0, 0)
    assert by_text(carried).keys() == by_text(first).keys()
    assert {row.text for row in carried.validation} == {row.text for row in first.validation}
    reviews.undo(period.id, 0, "ann", by="ann")
    erase(project.log, text_hashes=[hash_text(NEW[1])])
    left = build(project, database, sides)
    assert by_text(first).keys() - by_text(left).keys() == {NEW[0], NEW[1]}
    assert (left.left_out[corpus_building.UNDONE], left.left_out[corpus_building.ERASED]) == (1, 1)


def test_the_old_label_returns_when_the_review_is_undone_after_a_retraining(
    project: LoopProject, database: object
) -> None:
    first = build(project, database).train[0]
    project.answer([first.text])
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    period = project.period(reviews)
    other = "refund" if first.labels != ("refund",) else "login"
    reviews.add_reviews(period.id, [Review(0, "wrong", "ann", {"labels": [other]})])
    built = build(project, database)
    sides = Sides(built.train, built.validation, built.test)
    again = build(project, database, sides)
    assert (by_text(again)[first.text].labels, again.changed) == ((other,), 0)
    reviews.undo(period.id, 0, "ann", by="ann")
    assert by_text(build(project, database, sides))[first.text].labels == first.labels


def test_a_changed_or_unrecorded_corpus_is_refused_until_it_is_named(project: LoopProject, database: object) -> None:
    champion = read_champion(project.registry, NAME, project.store)
    with project.corpus.open("a") as file:
        file.write("one more parcel,delivery\n")
    with pytest.raises(ConfigError, match="has changed"):
        read_sides(champion, project.store, Reporter())
    reading = ReadingOptions(text_column="message", label_column="topic")
    named = read_sides(champion, project.store, Reporter(), corpus=[str(project.corpus)], options=reading)
    assert not named.same
    assert len(named.train) + len(named.validation) + len(named.test) == 97
    project.corpus.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        read_sides(champion, project.store, Reporter())
    unknown = RunStore(project.root / "other")
    with pytest.raises(ConfigError, match="is not recorded"):
        read_sides(read_champion(project.registry, NAME, unknown), unknown, Reporter())


def test_another_test_file_freezes_the_old_test_rows_too(project: LoopProject, database: object) -> None:
    champion = read_champion(project.registry, NAME, project.store)
    test = project.root / "test.csv"
    test.write_text("message,topic\nwhere did the courier leave it,delivery\n")
    sides = read_sides(champion, project.store, Reporter(), test=str(test))
    assert [row.text for row in sides.test] == ["where did the courier leave it"]
    assert len(sides.frozen) == 14
    project.answer([sides.frozen[0].text, sides.test[0].text], begin=START)
    reviews = ReviewStore(database)  # type: ignore[arg-type]
    project.review(reviews, project.period(reviews), lambda place: None)
    assert build(project, database, sides).added == 0
