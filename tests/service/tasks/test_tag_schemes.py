from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.tasks.tag_schemes import InvalidTag, TaggedSpan, find_scheme, find_spelling, spans_from_tags

OFFSETS = [(0, 4), (5, 10), (11, 13)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["I-A", "B-A", "I-A"], [(0, 4, "A"), (5, 13, "A")]),  # IOB1: B- separates two adjacent entities
        (["B-A", "I-B", "I-B"], [(0, 4, "A"), (5, 13, "B")]),  # the type changes
        (["B-A", "O", "I-A"], [(0, 4, "A"), (11, 13, "A")]),  # O before it
        (["B-A", "E-A", "I-A"], [(0, 10, "A"), (11, 13, "A")]),
        (["U-A", "U-A", "U-A"], [(0, 4, "A"), (5, 10, "A"), (11, 13, "A")]),
        (["B-X-Y", "I-X-Y", "O"], [(0, 10, "X-Y")]),
    ],
)
def test_entities_begin_and_end_as_in_conlleval(tags: list[str], expected: list[tuple[int, int, str]]) -> None:
    assert spans_from_tags(tags, OFFSETS) == [TaggedSpan(*each) for each in expected]


@pytest.mark.parametrize("tag", ["PER", "X-PER", "B_PER", "B-", ""])
def test_a_value_that_is_no_canonical_tag_is_an_error(tag: str) -> None:
    with pytest.raises(InvalidTag, match="is not a tag"):
        spans_from_tags([tag], [(0, 1)])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["O", "B-PER", "I-PER"], "prefix"),
        (["o", "b-per", "i-per"], "prefix"),
        (["O", "B_PER", "I_PER", "S_LOC"], "prefix"),
        (["O", "O", "PER-B", "PER-I", "LOC-B"], "suffix"),
        (["O", "O", "O", "PER", "PER", "LOC", "LOC"], "bare"),
        (["O", "B", "I", "O"], "letters"),
        (["B", "M", "E", "S", "O"], "letters"),
        (["O", "O"], None),
        (["NNP", "VBZ", "NNP", "CD"], None),
        (["1", "2", "3"], None),
    ],
)
def test_the_spelling_of_tags_is_found(values: list[str], kind: str | None) -> None:
    spelling = find_spelling(values)
    assert (None if spelling is None else spelling.kind) == kind


def test_an_inside_tag_after_outside_is_counted() -> None:
    assert find_scheme([["B-X", "O", "I-X"], ["I-X", "O"]]) == ("IOB2", 2)
    assert find_scheme([["I-X", "O", "I-X"]]) == ("IOB1", 0)


PARTS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["A", "B"])), min_size=1, max_size=6)


def write_tags(parts: list[tuple[int, int, str]], scheme: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """The tags of entities, as (tokens before, tokens, type), and the entities by their tokens."""
    first, inside, last, single = {
        "IOB2": "BIIB", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "IOB1": "IIII",
    }[scheme]  # fmt: skip
    tags: list[str] = []
    entities = []
    for before, size, label in parts:
        tags += ["O"] * before
        touches = scheme == "IOB1" and bool(entities) and entities[-1][1:] == (len(tags), label)
        entities.append((len(tags), len(tags) + size, label))
        letters = single if size == 1 else first + inside * (size - 2) + last
        letters = "B" + letters[1:] if touches else letters
        tags += [f"{letter}-{label}" for letter in letters]
    return [*tags, "O"], entities


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES", "BILOU", "BMES"])
@pytest.mark.parametrize("separator", ["-", "_"])
@given(parts=PARTS)
def test_entities_written_in_any_scheme_are_read_back(
    scheme: str, separator: str, parts: list[tuple[int, int, str]]
) -> None:
    tags, expected = write_tags(parts, scheme)
    written = [tag.replace("-", separator, 1) for tag in tags]
    spelling = find_spelling(written)
    assert spelling is not None
    offsets = [(3 * place, 3 * place + 2) for place in range(len(tags))]
    found = spans_from_tags([spelling.canonical(tag) for tag in written], offsets)
    assert [(span.start, span.end, span.label) for span in found] == [
        (3 * first, 3 * last - 1, label) for first, last, label in expected
    ]
