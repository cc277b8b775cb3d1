from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from glossator.modeling.minhash import normalise_text
from glossator.service.errors import ConfigError, CorpusError
from glossator.training.corpus.corpus import Corpus, CorpusColumns
from glossator.training.corpus.splitting.split import Split, split

ReadPairs = Callable[..., Corpus]


def corpus_of(rows: Sequence[tuple[str, tuple[str, ...]]]) -> Corpus:
    return Corpus(
        texts=[text for text, _ in rows],
        labels=[labels for _, labels in rows],
        label_names=sorted({name for _, labels in rows for name in labels}),
        problem_type="multi_label_classification",  # the split depends on the labels only
        lines=list(range(1, len(rows) + 1)),
        source_name="x",
        rows_in=len(rows),
        columns=CorpusColumns("text", "label", ("text", "label"), "", ""),
    )


def texts_of(corpus: Corpus, rows: np.ndarray) -> set[str]:
    return {normalise_text(corpus.texts[row]) for row in rows}


def check_sides(corpus: Corpus, sides: Split) -> None:
    """Check what is true for every split."""
    together = np.concatenate([sides.train, sides.validation, sides.test])
    assert sorted(together.tolist()) == list(range(len(corpus)))
    for rows in (sides.train, sides.validation, sides.test):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()
    train, validation, test = (texts_of(corpus, rows) for rows in (sides.train, sides.validation, sides.test))
    assert not train & validation
    assert not train & test
    assert not validation & test
    learned = {name for row in sides.train for name in corpus.labels[row]}
    assert learned == {name for labels in corpus.labels for name in labels}


texts = st.sampled_from(["A", "a", " a ", "b", "B  b", "b B", *(f"text {i}" for i in range(25))])
single = st.tuples(texts, st.sampled_from("xyz").map(lambda name: (name,)))
multi = st.tuples(texts, st.sets(st.sampled_from("pqrstu"), max_size=3).map(lambda names: tuple(sorted(names))))


@given(
    rows=st.one_of(st.lists(single, min_size=1, max_size=60), st.lists(multi, min_size=1, max_size=60)),
    seed=st.integers(0, 10),
    test_share=st.sampled_from([0.0, 0.2]),
)
def test_split_is_disjoint_and_complete_and_keeps_texts_on_one_side(
    rows: list[tuple[str, tuple[str, ...]]], seed: int, test_share: float
) -> None:
    corpus = corpus_of(rows)
    try:
        sides = split(corpus, validation_share=0.25, test_share=test_share, seed=seed)
    except CorpusError:
        # An error only if there are few distinct texts: training needs one per label, and each side one.
        assert len({normalise_text(text) for text, _ in rows}) <= 12
        return
    check_sides(corpus, sides)
    assert (len(sides.test) > 0) == (test_share > 0)


@given(
    counts=st.lists(st.integers(2, 60), min_size=2, max_size=8),
    share=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 100),
)
def test_split_keeps_class_shares(counts: list[int], share: float, seed: int) -> None:
    rows = [(f"{number} of {name}", (f"class {name}",)) for name, count in enumerate(counts) for number in range(count)]
    sides = split(corpus_of(rows), validation_share=share, seed=seed)
    placed = Counter(rows[row][1][0] for row in sides.validation)
    for name, count in enumerate(counts):
        assert abs(placed[f"class {name}"] - share * count) < 1 + 1e-9
    assert abs(len(sides.validation) - max(1, share * len(rows))) <= 0.5 + 1e-9


def test_split_has_the_same_label_counts_as_scikit_learn() -> None:
    labels = ["a"] * 100 + ["b"] * 50 + ["c"] * 10
    corpus = corpus_of([(f"text {i}", (label,)) for i, label in enumerate(labels)])
    sides = split(corpus, validation_share=0.2, seed=3)
    _, theirs = train_test_split(labels, test_size=0.2, random_state=3, stratify=labels)
    assert Counter(labels[row] for row in sides.validation) == Counter(theirs)


def test_split_depends_on_the_seed() -> None:
    corpus = corpus_of([(f"text {i}", ("ab"[i % 2],)) for i in range(200)])
    first, again, other = (split(corpus, validation_share=0.2, seed=seed).validation.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_split_is_the_same_on_every_platform_and_version() -> None:
    corpus = corpus_of([(f"text {i}", ("ab"[i % 2],)) for i in range(20)])
    sides = split(corpus, validation_share=0.2, test_share=0.1, seed=42)
    assert (sides.validation.tolist(), sides.test.tolist()) == ([3, 6, 11, 12], [10, 13])


def test_split_does_not_depend_on_the_order_of_rows() -> None:
    rows = [(f"text {i}", ("abc"[i % 3],)) for i in range(90)]
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    chosen = [
        {table[row][0] for row in split(corpus_of(table), validation_share=0.2, seed=7).validation}
        for table in (rows, shuffled)
    ]
    assert chosen[0] == chosen[1]


def test_split_keeps_conflicting_copies_together(read_pairs: ReadPairs) -> None:
    pairs = [(f"text {i}", "ab"[i % 2]) for i in range(40)] + [(f"TEXT  {i}", "ab"[i % 3 % 2]) for i in range(40)]
    corpus = read_pairs(pairs)
    check_sides(corpus, split(corpus, validation_share=0.3, test_share=0.2, seed=0))


def test_split_of_few_rows_per_label_has_validation_rows() -> None:
    corpus = corpus_of([(f"{i} {j}", (f"class {i}",)) for i in range(150) for j in range(4)])
    sides = split(corpus, validation_share=0.1, seed=0)
    assert len(sides.validation) == 60


def test_split_without_validation_trains_on_all() -> None:
    corpus = corpus_of([("a", ("x",)), ("b", ("y",))])
    sides = split(corpus, validation_share=0.0, seed=0)
    assert (sides.train.tolist(), len(sides.validation), len(sides.test)) == ([0, 1], 0, 0)


def test_split_rejects_shares_that_leave_a_side_empty() -> None:
    corpus = corpus_of([("a", ("x",)), ("A", ("x",)), ("b", ("y",)), (" b", ("y",))])
    with pytest.raises(CorpusError, match="too few groups of rows to split") as caught:
        split(corpus, validation_share=0.25, test_share=0.25, seed=0)
    assert [fault.name for fault in caught.value.faults] == ["no-validation-rows", "no-test-rows", "largest-group"]


@pytest.mark.parametrize("shares", [(-0.1, 0.0), (1.0, 0.0), (0.5, 0.5), (float("nan"), 0.0), (0.1, 1.5)])
def test_split_rejects_invalid_shares(shares: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="share"):
        split(corpus_of([("a", ("x",))]), validation_share=shares[0], test_share=shares[1], seed=0)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), min_size=12, max_size=60),
    st.integers(0, 3),
)
def test_split_keeps_groups_on_one_side(rows: list[tuple[int, str]], seed: int) -> None:
    texts = [f"{number:04} {chr(97 + number % 26) * 9}" for number in range(len(rows))]
    corpus = replace(
        corpus_of([(text, (label,)) for text, (_, label) in zip(texts, rows, strict=True)]),
        extra={"customer": [str(customer) if customer else "" for customer, _ in rows]},
    )
    try:
        sides = split(corpus, validation_share=0.3, seed=seed, group_by="customer")
    except CorpusError:  # a side may be empty if there are few large groups
        return
    train, held = ({rows[row][0] for row in side.tolist()} for side in (sides.train, sides.validation))
    assert not (train & held) - {0}
    assert sorted([*sides.train, *sides.validation]) == list(range(len(rows)))


def test_split_by_time_trains_on_the_past() -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 21) for _ in range(5)]
    order = random.Random(2).sample(range(100), 100)
    corpus = corpus_of([(f"text {row}", ("ab"[row % 2],)) for row in order])
    corpus = replace(corpus, extra={"day": [days[row] for row in order]})
    sides = split(corpus, validation_share=0.1, test_share=0.22, seed=0, order_by="day")
    seen = [{corpus.extra["day"][row] for row in side.tolist()} for side in (sides.train, sides.validation, sides.test)]
    assert max(seen[0]) < min(seen[1]) <= max(seen[1]) < min(seen[2])
    assert [len(side) for side in (sides.train, sides.validation, sides.test)] == [65, 10, 25]  # whole days


def test_split_by_time_keeps_a_repeated_text_with_its_first_row() -> None:
    corpus = corpus_of([(f"text {row}", ("ab"[row % 2],)) for row in range(18)] + [("Text 0", ("a",)), ("new", ("b",))])
    corpus = replace(corpus, extra={"when": [str(row) for row in range(20)]})
    sides = split(corpus, validation_share=0.0, test_share=0.1, seed=0, order_by="when")
    assert sides.test.tolist() == [19]


@pytest.mark.parametrize("value", ["", "yesterday", "nan", "2026-13-01"])
def test_split_by_time_reports_rows_whose_time_cannot_be_read(value: str) -> None:
    corpus = replace(corpus_of([("a", ("x",)), ("b", ("y",))]), extra={"when": ["2026-01-01", value]})
    with pytest.raises(CorpusError, match="times in column 'when'") as raised:
        split(corpus, validation_share=0.5, seed=0, order_by="when")
    assert [fault.where for fault in raised.value.faults] == [f"line {corpus.lines[1]}"]
