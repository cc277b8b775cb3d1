from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.modeling.labelled_rows import GoldSpan
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.conll import read_conll, spans_from_tags
from glossator.training.corpus.row import RowFault

WORDS = ["Anna", "lives", "in", "New", "York", "City", "."]
OFFSETS = [(0, 4), (5, 10), (11, 13), (14, 17), (18, 22), (23, 27), (28, 29)]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB2", ["B-PER", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O"]),
        ("IOB1", ["I-PER", "O", "O", "I-LOC", "I-LOC", "I-LOC", "O"]),
        ("BILOU", ["U-PER", "O", "O", "B-LOC", "I-LOC", "L-LOC", "O"]),
        ("BIOES", ["S-PER", "O", "O", "B-LOC", "I-LOC", "E-LOC", "O"]),
    ],
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_every_scheme_gives_the_same_entities(scheme: str, tags: list[str], separator: str) -> None:
    lines = [f"{word}{separator}{tag}" for word, tag in zip(WORDS, tags, strict=True)]
    tagged = read_conll([*lines, "", *lines, "\t", *lines])
    assert (tagged.scheme, tagged.stray, len(tagged.rows)) == (scheme, 0, 3)
    assert [row.line for row in tagged.rows] == [1, 9, 17]
    assert tagged.rows[1].fields == {
        "text": "Anna lives in New York City .",
        "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 27, "label": "LOC"}],
    }


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
    assert spans_from_tags(tags, OFFSETS[:3]) == [GoldSpan(*each) for each in expected]


def test_an_inside_tag_after_outside_is_counted() -> None:
    tagged = read_conll(["a B-X", "b O", "c I-X", "", "d I-X", "e O"])
    assert (tagged.scheme, tagged.stray) == ("IOB2", 2)


@pytest.mark.parametrize("tag", ["PER", "X-PER", "B_PER", "B-", ""])
def test_an_invalid_tag_makes_its_sentence_unusable(tag: str) -> None:
    with pytest.raises(RowFault) as caught:
        spans_from_tags([tag], [(0, 1)])
    assert caught.value.reason == "tag-outside-scheme"


def test_a_bad_sentence_is_a_row_with_an_error_and_the_others_are_read() -> None:
    good = ["a B-X", "b O", ""] * 20
    tagged = read_conll([*good, "c NO-TAG", "d O", "", "lonely", ""])
    assert [row.error is None for row in tagged.rows] == [True] * 20 + [False] * 2
    assert "tag-outside-scheme" in str(tagged.rows[20].error)
    assert "missing-tag" in str(tagged.rows[21].error)
    assert tagged.rows[20].raw == "c\tNO-TAG\nd\tO"


def test_raw_text_and_columns_of_universal_ner() -> None:
    lines = [
        "# sent_id = 1",
        "# text = It's 東京.",
        "1\tIt\tO\t-\t-",
        "2\t's\tO\t-\t-",
        "3\t東京\tB-LOC\t-\t-",
        "4\t.\tO\t-\t-",
    ]
    tagged = read_conll(lines)
    assert (tagged.token_column, tagged.tag_column) == (1, 2)
    assert tagged.rows[0].fields == {"text": "It's 東京.", "spans": [{"start": 5, "end": 7, "label": "LOC"}]}


def test_a_token_that_is_not_in_the_raw_text_is_reported() -> None:
    tagged = read_conll(["# text = a b", "a B-X", "c O"])
    assert "token-not-in-text" in str(tagged.rows[0].error)


def test_a_hash_is_a_token_unless_it_begins_a_comment() -> None:
    tagged = read_conll(["# newdoc id = 1", "#tag B-X", "# O", "-DOCSTART- -X- O", "b O"])
    assert tagged.rows[0].fields["text"] == "#tag # b"


def test_a_file_without_tags_is_rejected() -> None:
    with pytest.raises(CorpusError, match=r"no column of x\.conll holds tags"):
        read_conll(["a b", "c d"], name="x.conll")


ENTITIES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["A", "B"])), max_size=4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["A", "B"])), max_size=5))
def test_entities_written_as_iob2_are_read_back(parts: list[tuple[int, int, str]]) -> None:
    tags, expected = [], []
    for before, size, label in parts:
        tags += ["O"] * before
        expected.append((len(tags), len(tags) + size, label))
        tags += [f"B-{label}", *[f"I-{label}"] * (size - 1)]
    offsets = [(3 * place, 3 * place + 2) for place in range(len(tags))]
    assert spans_from_tags(tags, offsets) == [
        GoldSpan(3 * first, 3 * last - 1, label) for first, last, label in expected
    ]
