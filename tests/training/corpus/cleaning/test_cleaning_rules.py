from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.service.errors import ConfigError, CorpusError
from glossator.training.corpus.cleaning.cleaning_rules import (
    CONFLICTS,
    DUPLICATES,
    LEAKS,
    NEAR_DUPLICATES,
    RULES,
    SAFE_RULES,
    CellChange,
    choose_rules,
    clean,
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


def test_choose_rules_adds_to_the_safe_rules_and_removes_from_them() -> None:
    assert choose_rules() == SAFE_RULES
    assert choose_rules(["white-space"], [DUPLICATES]) == tuple(
        rule for rule in RULES if rule in {*SAFE_RULES, "white-space"} - {DUPLICATES}
    )
    with pytest.raises(ConfigError, match="no such rule"):
        choose_rules(["tidy"])


def test_texts_are_cleaned_in_the_order_of_the_rules_and_changes_are_recorded(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("un cafe\u0301 Ã©toilÃ©\x00", "a"), *FILLER])
    cleaned = clean(corpus, SAFE_RULES)
    assert cleaned.corpus.texts[0] == "un café étoilé"
    changes = cleaned.cells[2]
    assert [change.rule for change in changes] == ["encoding-damage", "unicode-form", "control-characters"]
    assert changes[0].before == corpus.texts[0]
    assert [change.after for change in changes[:-1]] == [change.before for change in changes[1:]]
    assert changes[-1].after == cleaned.corpus.texts[0]
    assert list(cleaned.cells) == [2]


def test_a_rule_does_not_change_a_text_to_nothing(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("<br/>", "a"), *FILLER])
    assert clean(corpus, ["html-remains"]).corpus.texts[0] == "<br/>"


def test_rows_that_become_duplicates_by_cleaning_are_dropped(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a café", "a"), ("a cafe\u0301", "a"), ("a café", "a"), *FILLER])
    cleaned = clean(corpus, SAFE_RULES)
    assert {line: each.rule for line, each in cleaned.removed.items()} == {3: DUPLICATES, 4: DUPLICATES}
    assert 3 not in cleaned.cells
    assert len(cleaned.corpus) + len(cleaned.corpus.dropped) == corpus.rows_in


def test_near_duplicates_conflicts_and_leaks_are_dropped_on_request(read_pairs: ReadPairs) -> None:
    pairs = [
        ("please cancel my order right now today", "a"),
        ("Please cancel my order, right now today!", "a"),
        ("one text with two labels", "a"),
        ("one text with two labels", "b"),
        ("this is in the test rows as well", "a"),
        *FILLER,
    ]
    corpus = read_pairs(pairs)
    assert clean(corpus, SAFE_RULES).removed == {}
    leakage = check_leakage(["This is in the test rows as well"], corpus.input_keys())
    cleaned = clean(corpus, (*SAFE_RULES, NEAR_DUPLICATES, CONFLICTS, LEAKS), leakage=leakage)
    assert {line: each.rule for line, each in cleaned.removed.items()} == {
        3: NEAR_DUPLICATES,
        4: CONFLICTS,
        5: CONFLICTS,
        6: LEAKS,
    }
    assert not {finding.name for finding in cleaned.corpus.findings} & {NEAR_DUPLICATES, CONFLICTS}


def test_answers_change_labels_and_label_names(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("the first text", "a"), *FILLER])
    cleaned = clean(corpus, SAFE_RULES, answers=[ReviewAnswer(2, "the first text", "c")])
    assert (cleaned.corpus.labels[0], cleaned.corpus.label_names) == (("c",), ["a", "b", "c"])
    assert cleaned.reviewed == {2}


@pytest.mark.parametrize("answer", [ReviewAnswer(2, "another text", "a"), ReviewAnswer(99, "the first text", "a")])
def test_answers_to_other_rows_are_rejected(read_pairs: ReadPairs, answer: ReviewAnswer) -> None:
    with pytest.raises(CorpusError, match="do not belong to this corpus"):
        clean(read_pairs([("the first text", "a"), *FILLER]), SAFE_RULES, answers=[answer])


def test_answers_about_entities_are_rejected() -> None:
    rows = [SourceRow(1, {"text": "Ann is here", "spans": [{"start": 0, "end": 3, "label": "PER"}]})]
    corpus = read_task_corpus(rows, "token-classification", source_name="x")
    with pytest.raises(CorpusError, match="labels of whole texts"):
        clean(corpus, SAFE_RULES, answers=[ReviewAnswer(1, "Ann is here", "PER")])
    assert clean(corpus, RULES).corpus.texts == ["Ann is here"]


def test_a_cell_change_has_the_fields_of_the_changes_file() -> None:
    assert CellChange("white-space", "text", "a ", "a")._asdict() == {
        "rule": "white-space",
        "column": "text",
        "before": "a ",
        "after": "a",
    }
