from __future__ import annotations

from collections.abc import Callable

from glossator.training.corpus.cleaning.deduplicate import drop_exact_duplicates
from glossator.training.corpus.corpus import Corpus

ReadPairs = Callable[..., Corpus]


def test_drop_exact_duplicates_keeps_the_first_of_each_group(read_pairs: ReadPairs) -> None:
    pairs: list[tuple[object, object]] = [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x"), ("A", "x"), ("a", "x")]
    corpus = drop_exact_duplicates(read_pairs(pairs, known_labels=["x", "y"], drop_duplicates=False))
    assert corpus.lines == [2, 3, 4, 6]
    assert [(dropped.line, dropped.message) for dropped in corpus.dropped] == [
        (5, "the same row as line 2"),
        (7, "the same row as line 2"),
    ]
    (found,) = [found for found in corpus.findings if found.name == "exact-duplicates"]
    assert (found.count, found.share) == (2, 2 / 6)
