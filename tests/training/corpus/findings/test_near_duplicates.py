"""Near-duplicates: compared with all pairs, in any order, and with more rows than all pairs would allow."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glossator.modeling.minhash import normalise_text
from glossator.training.corpus.findings.near_duplicates import SIMILARITY, group_near_duplicates

WORDS = ["card", "payment", "transfer", "where", "is", "my", "the", "late", "lost", "refund", "since", "monday"]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=4, max_size=12).map(" ".join)


def shingles_of(text: str) -> set[str]:
    """The runs of three characters of a text with a space at each end, without case and punctuation."""
    words = re.findall(r"[^_\W]+", text.casefold())
    plain = f" {' '.join(words) or '.'} "
    return {plain[start : start + 3] for start in range(len(plain) - 2)}


def jaccard(ours: set[str], theirs: set[str]) -> float:
    return len(ours & theirs) / len(ours | theirs)


def group_by_all_pairs(texts: list[str]) -> list[int]:
    """The groups from a comparison of every pair, without MinHash."""
    group = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        alike = normalise_text(texts[one]) == normalise_text(texts[other])
        if alike or jaccard(shingles_of(texts[one]), shingles_of(texts[other])) >= SIMILARITY:
            low, high = sorted((group[one], group[other]))
            group = [low if each == high else each for each in group]
    return group


@given(st.lists(SENTENCES, min_size=1, max_size=25))
def test_groups_are_those_of_all_pairs_except_for_rare_misses(texts: list[str]) -> None:
    found, true = group_near_duplicates(texts), group_by_all_pairs(texts)
    together = {(a, b) for a, b in combinations(range(len(texts)), 2) if found[a] == found[b]}
    right = {(a, b) for a, b in combinations(range(len(texts)), 2) if true[a] == true[b]}
    assert together <= right
    assert len(right - together) <= 0.1 * len(right) + 2


@given(st.lists(st.text(max_size=30), max_size=12), st.randoms())
def test_the_order_of_the_rows_does_not_matter(texts: list[str], chance: random.Random) -> None:
    order = list(range(len(texts)))
    chance.shuffle(order)
    one, other = group_near_duplicates(texts), group_near_duplicates([texts[place] for place in order])
    assert {frozenset(np.flatnonzero(np.array(one) == group).tolist()) for group in one} == {
        frozenset(order[place] for place in np.flatnonzero(np.array(other) == group).tolist()) for group in other
    }


def test_letters_that_become_several_in_lower_case_are_handled() -> None:
    texts = ["\u0390" * length for length in (40, 41, 42)]  # three code points each
    assert group_near_duplicates(texts) == [0, 0, 0]


def test_texts_with_typing_errors_are_near_duplicates_and_texts_with_other_numbers_are_not() -> None:
    texts = [
        "my card payment was declined at the supermarket yesterday",
        "My card payment was decline at the supermarket yesterday!",
        "where is order 38094, it was due last week on monday",
        "where is order 38095, it was due last week on monday",
        "",
        "...",
    ]
    assert group_near_duplicates(texts)[:4] == [0, 0, 2, 3]


def test_time_grows_linearly_with_rows() -> None:
    """Eight thousand rows of a few words; all pairs would be 32 million."""
    generator = random.Random(3)
    texts = [" ".join(generator.choices(WORDS, k=8)) for _ in range(4_000)]
    texts += [text + "?" for text in texts]
    groups = group_near_duplicates(texts)
    assert all(groups[place + 4_000] == groups[place] for place in range(4_000))


def test_a_long_chain_is_divided_and_every_text_is_close_to_the_first_of_its_group() -> None:
    words = [f"w{chr(97 + number % 26)}{chr(97 + number // 26)}xyz" for number in range(200)]
    texts = [" ".join(words[begin : begin + 40]) for begin in range(120)]  # each is nearly the next one
    groups = group_near_duplicates(texts)
    assert max(Counter(groups).values()) <= 60
    assert max(abs(group - row) for row, group in enumerate(groups)) < 15
    assert len(set(groups)) >= 10
