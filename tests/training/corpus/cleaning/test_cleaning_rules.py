from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.service.errors import ConfigError, CorpusError
from glossator.training.corpus.cleaning.cleaning_rules import (
    CONFLICTS,
    EXACT,
    LEAKS,
    NEAR,
    RULES,
    SAFE,
    CellChange,
    choose_rules,
    mend,
)
from glossator.training.corpus.cleaning.review_queue import ReviewAnswer
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.leakage import check_leakage
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus

ReadPairs = Callable[..., Corpus]
FILLER = [
    ("a train to the coast", "a"),
    ("two boats on a lake", "a"),
    ("bread with cold butter", "b"),
    ("soup of the day", "b"),
]


def test_choose_rules_adds_to_the_safe_ones_and_takes_away() -> None:
    assert choose_rules() == SAFE
    assert choose_rules(["white-space"], [EXACT]) == tuple(
        rule for rule in RULES if rule in {*SAFE, "white-space"} - {EXACT}
    )
    with pytest.raises(ConfigError, match="no such rule"):
        choose_rules(["tidy"])


def test_texts_are_mended_in_the_order_of_the_rules_and_told(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("un cafe\u0301 Ã©toilÃ©\x00", "a"), *FILLER])
    mended = mend(corpus, SAFE)
    assert mended.corpus.texts[0] == "un café étoilé"
    changes = mended.cells[2]
    assert [change.rule for change in changes] == ["encoding-damage", "unicode-form", "control-characters"]
    assert changes[0].before == corpus.texts[0]
    assert [change.after for change in changes[:-1]] == [change.before for change in changes[1:]]
    assert changes[-1].after == mended.corpus.texts[0]
    assert list(mended.cells) == [2]


def test_a_rule_that_would_leave_nothing_leaves_the_text(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("<br/>", "a"), *FILLER])
    assert mend(corpus, ["html-remains"]).corpus.texts[0] == "<br/>"


def test_copies_that_mending_makes_go_too(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a café", "a"), ("a cafe\u0301", "a"), ("a café", "a"), *FILLER])
    mended = mend(corpus, SAFE)
    assert {line: each.rule for line, each in mended.removed.items()} == {3: EXACT, 4: EXACT}
    assert 3 not in mended.cells
    assert len(mended.corpus) + len(mended.corpus.dropped) == corpus.rows_in


def test_near_copies_conflicts_and_leaks_go_where_asked(read_pairs: ReadPairs) -> None:
    pairs = [
        ("please cancel my order right now today", "a"),
        ("Please cancel my order, right now today!", "a"),
        ("one text of two labels", "a"),
        ("one text of two labels", "b"),
        ("this stands in the test rows as well", "a"),
        *FILLER,
    ]
    corpus = read_pairs(pairs)
    assert mend(corpus, SAFE).removed == {}
    leakage = check_leakage(["This stands in the test rows as well"], corpus.input_keys())
    mended = mend(corpus, (*SAFE, NEAR, CONFLICTS, LEAKS), leakage=leakage)
    assert {line: each.rule for line, each in mended.removed.items()} == {3: NEAR, 4: CONFLICTS, 5: CONFLICTS, 6: LEAKS}
    assert not {finding.name for finding in mended.corpus.findings} & {NEAR, CONFLICTS}


def test_answers_change_labels_and_the_names_there_are(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("the first text", "a"), *FILLER])
    mended = mend(corpus, SAFE, answers=[ReviewAnswer(2, "the first text", "c")])
    assert (mended.corpus.labels[0], mended.corpus.label_names) == (("c",), ["a", "b", "c"])
    assert mended.reviewed == {2}


@pytest.mark.parametrize("answer", [ReviewAnswer(2, "another text", "a"), ReviewAnswer(99, "the first text", "a")])
def test_answers_to_other_rows_are_refused(read_pairs: ReadPairs, answer: ReviewAnswer) -> None:
    with pytest.raises(CorpusError, match="not about this corpus"):
        mend(read_pairs([("the first text", "a"), *FILLER]), SAFE, answers=[answer])


def test_answers_of_entities_are_a_corpus_of_their_own() -> None:
    rows = [SourceRow(1, {"text": "Ann is here", "spans": [{"start": 0, "end": 3, "label": "PER"}]})]
    corpus = read_task_corpus(rows, "token-classification", source_name="x")
    with pytest.raises(CorpusError, match="labels of whole texts"):
        mend(corpus, SAFE, answers=[ReviewAnswer(1, "Ann is here", "PER")])
    assert mend(corpus, RULES).corpus.texts == ["Ann is here"]


def test_changes_read_as_tuples() -> None:
    assert CellChange("white-space", "text", "a ", "a")._asdict() == {
        "rule": "white-space",
        "column": "text",
        "before": "a ",
        "after": "a",
    }
