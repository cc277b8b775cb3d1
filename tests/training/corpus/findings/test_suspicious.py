from __future__ import annotations

from collections.abc import Callable

import pytest

from glossator.training.corpus.corpus import Corpus, UnusableCorpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.suspicious import few_distinct_texts
from glossator.training.corpus.row import SourceRow

ReadPairs = Callable[..., Corpus]

WORDS = ["tent", "pole", "boots", "lamp", "stove", "rope", "map", "bottle", "knife", "jacket"]
TEXTS = [f"the {word} {thing} has gone" for word in WORDS for thing in WORDS]
LABELS = ["late" if number % 3 else "damaged" for number in range(len(TEXTS))]


def named(corpus: Corpus) -> dict[str, Finding]:
    return {finding.name: finding for finding in corpus.findings}


def test_an_ordinary_corpus_is_not_suspicious(read_pairs: ReadPairs) -> None:
    assert corpus_of(TEXTS, LABELS).findings == [] or not SUSPICIOUS & named(corpus_of(TEXTS, LABELS)).keys()


SUSPICIOUS = {
    "few-distinct-texts", "texts-without-words", "texts-are-labels", "labels-in-texts", "nearly-unique-labels",
    "label-follows-column", "probable-separator",
}  # fmt: skip


def corpus_of(texts: list[str], labels: list[str], **columns: list[object]) -> Corpus:
    rows = [
        SourceRow(line, {"text": text, "label": label} | {name: values[line - 2] for name, values in columns.items()})
        for line, (text, label) in enumerate(zip(texts, labels, strict=True), start=2)
    ]
    try:
        return read_corpus(rows, source_name="x", text_column="text", label_column="label")
    except UnusableCorpus as unusable:
        return unusable.corpus


def test_few_texts_are_the_first_finding() -> None:
    corpus = corpus_of(["late parcel", "broken tent"] * 30, ["late", "damaged"] * 30)
    finding = corpus.findings[0]
    assert (finding.name, finding.count) == ("few-distinct-texts", 58)
    assert "there are 2 different texts, one for each label" in finding.what_was_done
    assert finding.examples[0] == "30 rows: late parcel"


def test_nearly_constant_texts_are_found() -> None:
    texts = [*(f"text {number} of it" for number in range(20)), *["n/a (see attachment)"] * 40]
    assert named(corpus_of(texts, ["a", "b"] * 30))["few-distinct-texts"].count == 39


@pytest.mark.parametrize("text", ["Sentence: {}", "2024-01-{:02}", "T-{}", "{}.5", "https://example.org/{}"])
def test_texts_that_are_numbers_or_identifiers_are_found(text: str) -> None:
    texts = [text.format(number) for number in range(1, 31)]
    assert named(corpus_of(texts, ["a", "b", "a"] * 10))["texts-without-words"].count == 30


def test_texts_that_are_their_label_are_found() -> None:
    texts = [f"{label.upper()} " for label in LABELS[:50]] + TEXTS[50:]
    finding = named(corpus_of(texts, LABELS))["texts-are-labels"]
    assert finding.count == 50
    assert finding.lines[:2] == (2, 3)


def test_texts_that_contain_their_label_are_found() -> None:
    texts = [f"{text} label: {label}." for text, label in zip(TEXTS, LABELS, strict=True)]
    assert named(corpus_of(texts, LABELS))["labels-in-texts"].count == 100
    some = [text if number % 2 else f"{text} {LABELS[number]}" for number, text in enumerate(TEXTS)]
    assert "labels-in-texts" not in named(corpus_of(some, LABELS))


def test_labels_that_number_the_rows_are_found() -> None:
    finding = named(corpus_of(TEXTS, [str(number) for number in range(100)]))["nearly-unique-labels"]
    assert "100 labels in 100 rows; they are numbers, such as those of rows" in finding.what_was_done
    halves = [str(number // 2) for number in range(100)]
    assert "nearly-unique-labels" in named(corpus_of(TEXTS, halves))
    assert "nearly-unique-labels" not in named(corpus_of(TEXTS, [str(number // 10) for number in range(100)]))


def test_a_column_that_determines_the_label_is_found_unless_it_is_a_copy() -> None:
    channel: list[object] = [("chat", "mail")[number % 2] if number % 3 else "form" for number in range(100)]
    finding = named(corpus_of(TEXTS, LABELS, channel=channel, number=list(range(100))))["label-follows-column"]
    assert finding.examples == ("column channel: form: damaged, mail: late, chat: late",)
    copy: list[object] = [{"late": 1, "damaged": 2}[label] for label in LABELS]
    free: list[object] = [number % 2 for number in range(100)]
    assert "label-follows-column" not in named(corpus_of(TEXTS, LABELS, copy=copy, free=free))


def test_few_distinct_texts_counts_texts_without_case_and_space() -> None:
    assert few_distinct_texts(["A  b", "a b"] * 10) == 1
    assert few_distinct_texts(["a b"] * 19) is None
    assert few_distinct_texts(TEXTS) is None
