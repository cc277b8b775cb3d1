"""Rows that stay together: values of a column, near-duplicates, and texts that do not join them."""

from __future__ import annotations

from collections import Counter

import pytest

from glossator.service.errors import CorpusError
from glossator.training.corpus.corpus import Corpus, CorpusColumns
from glossator.training.corpus.splitting.groups import describe_groups, group_rows
from glossator.training.corpus.splitting.split import split

COLORS = ["red", "blue", "green", "white", "black", "brown", "grey", "pink"]
THINGS = ["tent", "lamp", "sofa", "desk", "chair"]


def corpus_of(texts: list[str], customers: list[str]) -> Corpus:
    return Corpus(
        texts=texts,
        labels=[("a",) if number % 2 else ("b",) for number in range(len(texts))],
        label_names=["a", "b"],
        problem_type="single_label_classification",
        lines=list(range(1, len(texts) + 1)),
        source_name="tickets.csv",
        rows_in=len(texts),
        columns=CorpusColumns("text", "label", ("text", "label"), "", ""),
        extra={"customer": customers},
    )


def tickets() -> Corpus:
    """40 customers, each with four texts of their own and a `Thanks!`."""
    rows = [
        (f"Customer of the {COLORS[number % 8]} {THINGS[number // 8]} asks for the {number + 100}{part} time", number)
        for number in range(40)
        for part in range(4)
    ]
    rows += [("Thanks!" if number % 2 else "thanks!!", number) for number in range(40)]
    return corpus_of([text for text, _ in rows], [f"c{number}" for _, number in rows])


def test_a_short_text_of_many_customers_does_not_join_them() -> None:
    corpus = tickets()
    groups = group_rows(corpus.texts, "customer", corpus.extra["customer"])
    assert sorted(map(len, groups.members())) == [5] * 40
    assert (groups.values, [corpus.texts[row] for row in groups.unjoined]) == (40, ["thanks!!"])
    sides = split(corpus, validation_share=0.2, test_share=0.2, seed=3, group_by="customer")
    customers = [
        {corpus.extra["customer"][row] for row in side} for side in (sides.train, sides.validation, sides.test)
    ]
    assert min(map(len, customers)) >= 8
    assert sum(map(len, customers)) == len(set.union(*customers)) == 40
    line = describe_groups(sides.groups, corpus)
    assert line.startswith("split by 40 values of 'customer', in 40 groups; the largest has 5 rows. 1 short or")
    assert "'thanks!!'" in line


def test_a_long_text_of_two_customers_joins_them() -> None:
    texts = [f"an own text of number {number} about the {COLORS[number % 8]} lamp" for number in range(40)]
    texts[3] = texts[17] = "The courier left my parcel in the rain and nobody answers the phone"
    groups = group_rows(texts, "customer", [f"c{number // 2}" for number in range(40)])
    assert groups.of_row[2] == groups.of_row[3] == groups.of_row[16] == groups.of_row[17]
    assert Counter(Counter(groups.of_row).values()) == {2: 18, 4: 1}
    assert groups.unjoined == ()


def test_a_chain_of_texts_does_not_join_more_than_a_tenth_of_the_rows() -> None:
    texts, customers = [], []
    for number in range(100):  # each customer shares one long text with the next one
        for shared in (number, number + 1):
            texts.append(f"The same long text of two customers in a row with the number {shared}")
            customers.append(f"c{number}")
    groups = group_rows(texts, "customer", customers)
    assert max(map(len, groups.members())) <= 20
    assert groups.unjoined


def test_rows_without_a_value_are_grouped_by_their_texts() -> None:
    texts = ["Where is my parcel, I ordered it on Monday"] * 3 + ["something else entirely, with other words"]
    groups = group_rows(texts, "customer", ["", "c1", "", ""])
    assert groups.of_row == [0, 0, 0, 3]


def test_the_groups_do_not_depend_on_the_order_of_the_rows() -> None:
    corpus = tickets()
    order = list(range(len(corpus)))[::-1]
    one = group_rows(corpus.texts, "customer", corpus.extra["customer"])
    other = group_rows([corpus.texts[row] for row in order], "customer", [corpus.extra["customer"][r] for r in order])
    assert {frozenset(rows) for rows in one.members()} == {
        frozenset(order[row] for row in rows) for rows in other.members()
    }


def test_the_message_names_the_largest_group_and_not_the_number_of_rows() -> None:
    texts = [f"text about the {COLORS[number % 8]} {THINGS[number // 8]}, entry {number}" for number in range(40)]
    corpus = corpus_of(texts, ["big"] * 39 + ["small"])
    with pytest.raises(CorpusError) as caught:
        split(corpus, validation_share=0.2, test_share=0.2, seed=1, group_by="customer")
    message = str(caught.value)
    assert "tickets.csv has too few groups of rows to split" in message
    assert "40 rows in 2 groups of rows with equal 'customer' or nearly the same text" in message
    assert "largest-group: 'big' has 39 of 40 rows, such as 'text about the red tent, entry 0'" in message
    assert "another --group-column" in message
