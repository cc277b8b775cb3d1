from __future__ import annotations

from collections.abc import Callable

from glossator.training.corpus.cleaning.deduplicate import (
    drop_exact_duplicates,
    drop_rare_labels,
    rare_labels,
    unify_label_names,
)
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.row import SourceRow

ReadPairs = Callable[..., Corpus]


def finding(corpus: Corpus, name: str) -> Finding:
    (found,) = [found for found in corpus.findings if found.name == name]
    return found


def as_read(read_pairs: ReadPairs, pairs: list[tuple[object, object]]) -> Corpus:
    """The rows as they are, with nothing mended and no class refused."""
    labels = sorted({str(label) for _, label in pairs})
    corpus = read_pairs(pairs, known_labels=labels, fix_label_names=False, drop_duplicates=False)
    corpus.findings.clear()
    return corpus


def tagged(labels: list[list[str]]) -> list[SourceRow]:
    return [SourceRow(line, {"text": f"text {line}", "labels": names}) for line, names in enumerate(labels, start=1)]


def test_unify_label_names_counts_each_change(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "card_fee"), ("b", "card_fee"), ("c", "Card fee"), ("d", "atm")]
    corpus = unify_label_names(as_read(read_pairs, pairs))
    assert corpus.labels == [("card_fee",), ("card_fee",), ("card_fee",), ("atm",)]
    assert corpus.label_names == ["atm", "card_fee"]
    found = finding(corpus, "label-name-variants")
    assert (found.count, found.share) == (1, 0.25)
    assert found.examples == ("'Card fee' -> 'card_fee' (1 rows)",)


def test_unify_label_names_without_fix_only_tells(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "fee"), ("b", "Fee"), ("c", "atm")]
    corpus = unify_label_names(as_read(read_pairs, pairs), fix=False)
    assert corpus.label_names == ["Fee", "atm", "fee"]
    assert finding(corpus, "label-name-variants").count == 2


def test_unify_label_names_merges_spellings_within_a_row() -> None:
    rows = tagged([["Joy", "joy"], ["joy"], ["fear"], ["fear"]])
    assert read_corpus(rows, source_name="x").labels[0] == ("joy",)


def test_unify_label_names_leaves_clean_names_alone(read_pairs: ReadPairs) -> None:
    corpus = as_read(read_pairs, [("a", "fee"), ("b", "atm")])
    assert unify_label_names(corpus) is corpus


def test_drop_exact_duplicates_keeps_the_first_of_each(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x"), ("A", "x"), ("a", "x")]
    corpus = drop_exact_duplicates(as_read(read_pairs, pairs))
    assert corpus.lines == [2, 3, 4, 6]
    assert [(dropped.line, dropped.message) for dropped in corpus.dropped] == [
        (5, "the same row as line 2"),
        (7, "the same row as line 2"),
    ]
    found = finding(corpus, "exact-duplicates")
    assert (found.count, found.share) == (2, 2 / 6)


def test_drop_rare_labels_drops_a_single_label_row(read_pairs: ReadPairs) -> None:
    corpus = as_read(read_pairs, [("a", "x"), ("b", "x"), ("c", "y")])
    assert rare_labels(corpus) == ["y"]
    corpus = drop_rare_labels(corpus)
    assert (corpus.label_names, corpus.lines) == (["x"], [2, 3])
    assert [dropped.reason for dropped in corpus.dropped] == ["rare-label"]


def test_drop_rare_labels_keeps_a_multi_label_row_without_the_label() -> None:
    corpus = read_corpus(tagged([["a", "r"], ["a", "b"], ["b"], ["s"]]), source_name="x", drop_rare=True)
    assert corpus.labels == [("a",), ("a", "b"), ("b",), ()]
    assert corpus.label_names == ["a", "b"]
    assert corpus.dropped == []
    assert finding(corpus, "rare-labels").count == 2
