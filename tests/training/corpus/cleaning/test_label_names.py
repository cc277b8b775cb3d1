from __future__ import annotations

from collections.abc import Callable

from glossator.training.corpus.cleaning.label_names import drop_rare_labels, unify_label_names
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.corpus_faults import rare_labels
from glossator.training.corpus.row import SourceRow

ReadPairs = Callable[..., Corpus]


def finding(corpus: Corpus, name: str) -> Finding:
    (found,) = [found for found in corpus.findings if found.name == name]
    return found


def unchanged(read_pairs: ReadPairs, pairs: list[tuple[object, object]]) -> Corpus:
    """The corpus of the rows before any cleaning and without checks of its labels."""
    labels = sorted({str(label) for _, label in pairs})
    corpus = read_pairs(pairs, known_labels=labels, fix_label_names=False, drop_duplicates=False)
    corpus.findings.clear()
    return corpus


def tagged(labels: list[list[str]]) -> list[SourceRow]:
    return [SourceRow(line, {"text": f"text {line}", "labels": names}) for line, names in enumerate(labels, start=1)]


def test_unify_label_names_counts_each_change(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "card_fee"), ("b", "card_fee"), ("c", "Card fee"), ("d", "atm")]
    corpus = unify_label_names(unchanged(read_pairs, pairs))
    assert corpus.labels == [("card_fee",), ("card_fee",), ("card_fee",), ("atm",)]
    assert corpus.label_names == ["atm", "card_fee"]
    found = finding(corpus, "label-name-variants")
    assert (found.count, found.share) == (1, 0.25)
    assert found.examples == ("'Card fee' -> 'card_fee' (1 rows)",)


def test_unify_label_names_without_fix_only_reports(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "fee"), ("b", "Fee"), ("c", "atm")]
    corpus = unify_label_names(unchanged(read_pairs, pairs), fix=False)
    assert corpus.label_names == ["Fee", "atm", "fee"]
    assert finding(corpus, "label-name-variants").count == 2


def test_unify_label_names_merges_spellings_within_a_row() -> None:
    rows = tagged([["Joy", "joy"], ["joy"], ["fear"], ["fear"]])
    assert read_corpus(rows, source_name="x").labels[0] == ("joy",)


def test_unify_label_names_does_not_change_clean_names(read_pairs: ReadPairs) -> None:
    corpus = unchanged(read_pairs, [("a", "fee"), ("b", "atm")])
    assert unify_label_names(corpus) is corpus


def test_drop_rare_labels_drops_a_single_label_row(read_pairs: ReadPairs) -> None:
    corpus = unchanged(read_pairs, [("a", "x"), ("b", "x"), ("c", "y")])
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
