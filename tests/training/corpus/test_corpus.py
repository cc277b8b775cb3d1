from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st

from glossator.training.corpus.corpus import Corpus, CorpusColumns

ReadPairs = Callable[..., Corpus]

label_sets = st.lists(st.text(max_size=4), max_size=3).map(lambda names: tuple(sorted(set(names))))
rows_of_labels = st.lists(st.tuples(st.text(max_size=8), label_sets), max_size=12)


def corpus_of(rows: list[tuple[str, tuple[str, ...]]]) -> Corpus:
    return Corpus(
        texts=[text for text, _ in rows],
        labels=[labels for _, labels in rows],
        label_names=sorted({name for _, labels in rows for name in labels}),
        problem_type="multi_label_classification",
        lines=list(range(1, len(rows) + 1)),
        source_name="x",
        rows_in=len(rows),
        columns=CorpusColumns("text", "labels", ("text", "labels"), "", ""),
    )


def test_fingerprint_follows_its_published_recipe() -> None:
    rows = [b'["b\\u00e9",["x","y"]]', b'["a",[]]']
    digests = sorted(hashlib.sha256(row).digest() for row in rows)
    expected = hashlib.sha256(b"".join(digests)).hexdigest()
    assert corpus_of([("bé", ("x", "y")), ("a", ())]).fingerprint() == expected


@given(rows=rows_of_labels, seed=st.integers())
def test_fingerprint_does_not_change_with_the_order_of_rows(rows: list[tuple[str, tuple[str, ...]]], seed: int) -> None:
    shuffled = rows.copy()
    random.Random(seed).shuffle(shuffled)
    assert corpus_of(shuffled).fingerprint() == corpus_of(rows).fingerprint()


@given(rows=rows_of_labels, others=rows_of_labels)
def test_fingerprint_differs_if_rows_differ(
    rows: list[tuple[str, tuple[str, ...]]], others: list[tuple[str, tuple[str, ...]]]
) -> None:
    assume(sorted(rows) != sorted(others))
    assert corpus_of(rows).fingerprint() != corpus_of(others).fingerprint()


def test_fingerprint_depends_on_copies_and_separates_text_and_label() -> None:
    tables: list[list[tuple[str, tuple[str, ...]]]] = [
        [("a", ("b",))],
        [("a", ("b",)), ("a", ("b",))],
        [("ab", ())],
        [("a", ("b", "c"))],
        [("a", ("bc",))],
        [("a ", ("b",))],
        [("A", ("b",))],
    ]
    assert len({corpus_of(rows).fingerprint() for rows in tables}) == len(tables)


def test_subset_keeps_the_label_names_and_its_row_counts_add_up(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("", "y"), ("a", "x")])
    part = corpus.subset([2, 0])
    assert (part.texts, part.labels, part.lines) == (["c", "a"], [("y",), ("x",)], [4, 2])
    assert part.subset([1]).label_names == ["x", "y"]
    assert part.rows_in == len(part) == 2
    assert (part.rejects, part.dropped) == ([], [])


def test_label_counts_are_in_label_order_with_zeros(read_pairs: ReadPairs) -> None:
    corpus = read_pairs([("a", "x"), ("b", "x")], known_labels=["z", "x"])
    assert list(corpus.label_counts().items()) == [("z", 0), ("x", 2)]
