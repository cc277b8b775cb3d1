"""Two texts to windows: nothing of either is lost, and the shorter stands whole in each window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from tokenizers import Tokenizer

from glossator.service.bundle.task import Encoding
from glossator.service.errors import EmptyText, InputError, TextTooLong, UndecodableText
from glossator.service.inference.encoding import Encoder, check_input
from glossator.service.tasks.encoded import EncodedText, Pair, PairWindow

WORDS = st.lists(st.sampled_from(["parcel", "late", "zzz", "ünder", "12", "😀"]), min_size=1, max_size=60)
ENCODING = Encoding(max_length=24, stride=6)


@pytest.fixture(scope="module")
def tokenizer_file(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert") / "tokenizer.json"


@pytest.fixture(scope="module")
def encoder(tokenizer_file: Path) -> Encoder:
    return Encoder(tokenizer_file, ENCODING)


def ids(tokenizer_file: Path, text: str) -> list[int]:
    found: list[int] = Tokenizer.from_file(str(tokenizer_file)).encode(text, add_special_tokens=False).ids
    return found


@settings(max_examples=examples(80))
@given(first=WORDS, second=WORDS)
def test_the_longer_text_is_split_and_both_are_read_completely(
    encoder: Encoder, tokenizer_file: Path, first: list[str], second: list[str]
) -> None:
    pair = Pair(" ".join(first), " ".join(second))
    sides = [ids(tokenizer_file, text) for text in pair]
    (encoded,) = encoder.encode([pair])
    room = ENCODING.max_length - 3
    if isinstance(encoded, InputError):
        assert isinstance(encoded, TextTooLong)
        assert min(map(len, sides)) > room // 2
        assert sum(map(len, sides)) > room
        return
    assert encoded.tokens == sum(map(len, sides))
    split = 0 if len(sides[0]) > len(sides[1]) else 1
    start, end = encoded.windows[0][0], encoded.windows[0][-1]
    rebuilt: list[int] = []
    for window in encoded.windows:
        assert len(window) <= ENCODING.max_length
        assert (window[0], window[-1]) == (start, end)
        kept = sides[1 - split]
        inner = window[1 : -1 - len(kept) - 1] if split == 0 else window[1 + len(kept) + 1 : -1]
        assert (window[-1 - len(kept) : -1] if split == 0 else window[1 : 1 + len(kept)]) == kept
        for overlap in range(min(len(inner), len(rebuilt)), -1, -1):
            if rebuilt[len(rebuilt) - overlap :] == inner[:overlap] and overlap in (0, *range(1, ENCODING.stride + 1)):
                rebuilt += inner[overlap:]
                break
    if len({*sides[split]}) == len(sides[split]):  # else an overlap cannot be recognised by words that recur
        assert rebuilt == sides[split]


@settings(max_examples=examples(60))
@given(first=WORDS, second=WORDS)
def test_truncation_reads_one_window_and_says_so(encoder: Encoder, first: list[str], second: list[str]) -> None:
    pair = Pair(" ".join(first), " ".join(second))
    (cut,) = encoder.encode([pair], truncate=True)
    (whole,) = encoder.encode([pair])
    assert isinstance(cut, EncodedText)
    assert len(cut.windows) == 1
    assert len(cut.windows[0]) <= ENCODING.max_length
    fits = isinstance(whole, EncodedText) and len(whole.windows) == 1
    assert cut.truncated == (not fits)
    assert cut.tokens == len(cut.windows[0]) - 3


def test_token_types_begin_with_the_second_text(tmp_path: Path) -> None:
    """With a tokenizer that tells the two apart, as BERT's does."""
    from tokenizers import models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1, "a": 2, "b": 3}, unk_token="b"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encoder = Encoder(tmp_path / "tokenizer.json", Encoding(max_length=10, stride=2))
    (encoded,) = encoder.encode([Pair("a a a", "b " * 12)])
    assert isinstance(encoded, EncodedText)
    assert len(encoded.windows) > 2
    for window in encoded.windows:
        assert isinstance(window, PairWindow)
        assert window.second == 5
        assert window[:5] == [0, 2, 2, 2, 1]


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("one text", UndecodableText, "two texts at a time"),
        (("a",), UndecodableText, "not a pair of texts"),
        (("a", "b", "c"), UndecodableText, "not a pair of texts"),
        (7, UndecodableText, "not a pair of texts"),
        (("a", ""), EmptyText, "second text: the text is empty"),
        ((" ", "b"), EmptyText, "first text: the text is empty"),
        (("a", None), UndecodableText, "second text: this is not a text"),
    ],
)
def test_what_is_no_pair_is_named(value: object, kind: type[InputError], said: str) -> None:
    with pytest.raises(kind, match=said):
        check_input(value, pair=True)
    assert check_input(["a", "b"], pair=True) == Pair("a", "b")
