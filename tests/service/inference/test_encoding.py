from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from glossator.service.bundle.task import Encoding
from glossator.service.errors import (
    BundleInvalid,
    EmptyText,
    InputError,
    TextTooLong,
    TokenizerFailed,
    UndecodableText,
)
from glossator.service.inference.encoding import MAX_CHARACTERS, Encoder, check_text
from glossator.service.tasks.encoded import Pair

WORDS = st.lists(
    st.sampled_from(["parcel", "refund", "late", "money", "where", "login", "ünder", "12", "😀", "zzz"]),
    min_size=1,
    max_size=120,
)


@pytest.fixture(scope="module")
def tokenizer_file(tiny_base: Callable[[str], Path]) -> Path:
    return tiny_base("bert") / "tokenizer.json"


@given(words=WORDS, max_length=st.integers(6, 40), data=st.data())
def test_windows_hold_every_token_once_and_overlap_by_the_stride(
    tokenizer_file: Path, words: list[str], max_length: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(0, max_length // 2 - 1).filter(lambda stride: stride < max_length - 2))
    text = " ".join(words)
    plain = Tokenizer.from_file(str(tokenizer_file))
    plain.no_truncation()
    whole = plain.encode(text, add_special_tokens=False).ids
    (encoded,) = Encoder(tokenizer_file, Encoding(max_length=max_length, stride=stride)).encode([text])
    rebuilt: list[int] = []
    for window, new in zip(encoded.windows, encoded.new_tokens, strict=True):
        body = window[1:-1]
        assert len(window) <= max_length
        assert new > 0
        if rebuilt:
            assert body[:stride] == rebuilt[len(rebuilt) - stride :]
        rebuilt += body[len(body) - new :]
    assert rebuilt == whole
    assert encoded.tokens == len(whole)
    assert not encoded.truncated


def test_truncation_only_when_asked_and_said(tokenizer_file: Path) -> None:
    encoder = Encoder(tokenizer_file, Encoding(max_length=8, stride=2))
    text = "parcel " * 50
    (cut,) = encoder.encode([text], truncate=True)
    assert cut.truncated
    assert cut.tokens == 6
    assert len(cut.windows) == 1
    (short,) = encoder.encode(["parcel"], truncate=True)
    assert not short.truncated


def test_a_text_without_a_token_of_its_own_has_one_window(tokenizer_file: Path) -> None:
    (encoded,) = Encoder(tokenizer_file, Encoding(max_length=8, stride=2)).encode(["\u200b\u0301"])
    assert encoded.tokens == 0
    assert len(encoded.windows) == 1


@pytest.mark.parametrize("text", [None, 7, 1.5, b"bytes", ["list"]])
def test_what_is_not_a_string_is_refused(text: object) -> None:
    with pytest.raises(UndecodableText, match="not a text"):
        check_text(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0\u2003"])
def test_blank_texts_are_refused(text: str) -> None:
    with pytest.raises(EmptyText):
        check_text(text)


def test_lone_surrogates_are_refused_with_their_place() -> None:
    with pytest.raises(UndecodableText, match="at character 3") as caught:
        check_text("abc\ud800")
    str(caught.value).encode("utf-8")  # the message itself can be written


def test_a_text_of_too_many_characters_is_refused() -> None:
    with pytest.raises(TextTooLong, match="too long"):
        check_text("a" * (MAX_CHARACTERS + 1))


def test_an_unreadable_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleInvalid, match="tokenizer-unreadable"):
        Encoder(tmp_path / "tokenizer.json", Encoding(max_length=8, stride=2))


@pytest.mark.parametrize("text", ["\u200b", "\u200b\u0301", "\u2060 \ufeff", "\x00"])
def test_a_text_without_tokens_is_empty_where_answers_are_given(tokenizer_file: Path, text: str) -> None:
    encoder = Encoder(tokenizer_file, Encoding(max_length=8, stride=2))
    empty, good = encoder.encode([text, "parcel"], allow_empty=False)
    assert isinstance(empty, EmptyText)
    assert empty.code == "empty-text"
    assert not isinstance(good, EmptyText)
    for pair, side in ((Pair(text, "parcel"), "first"), (Pair("parcel", text), "second")):
        (found,) = encoder.encode([pair], allow_empty=False)
        assert isinstance(found, EmptyText)
        assert f"the {side} text" in str(found)


@pytest.fixture(scope="module")
def panicking_file(tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer whose three special tokens leave room for one token in windows of four, with a stride of one.

    Texts that need a second window make the Rust code panic.
    """
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    start, end = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s> </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", start), ("</s>", end)]
    )
    path = tmp_path_factory.mktemp("panicking") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("aligned", [False, True])
def test_a_text_on_which_the_tokenizer_panics_is_an_error_of_this_text_alone(
    panicking_file: Path, aligned: bool
) -> None:
    encoder = Encoder(panicking_file, Encoding(max_length=4, stride=1), aligned=aligned)
    good, bad, also_good = encoder.encode(["parcel", "late parcel money", "refund"])
    assert isinstance(bad, TokenizerFailed)
    assert bad.code == "tokenizer-failed"
    assert "stride" in str(bad.found)
    assert [each.tokens for each in (good, also_good) if not isinstance(each, InputError)] == [1, 1]
    (alone,) = encoder.encode(["late parcel money"])
    assert isinstance(alone, TokenizerFailed)
    (long,) = encoder.encode(["late parcel money " * 200])
    assert isinstance(long, TokenizerFailed)


class Recorder:
    """A tokenizer that notes which of its methods were called."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.called: list[str] = []

    def __getattr__(self, name: str) -> object:
        self.called.append(name)
        return getattr(self._tokenizer, name)


@pytest.mark.parametrize("aligned", [False, True])
def test_long_texts_are_encoded_without_the_interpreters_lock(tokenizer_file: Path, aligned: bool) -> None:
    """`Tokenizer.encode` keeps the lock: a text of 1 MB would stop every thread and the event loop for a second."""
    encoder = Encoder(tokenizer_file, Encoding(max_length=8, stride=2), aligned=aligned)
    recorder = Recorder(encoder._tokenizer)
    encoder._tokenizer = recorder  # type: ignore[assignment]
    text = "where is my parcel " * 200
    (long,) = encoder.encode([text])
    assert recorder.called == ["encode_batch" if aligned else "encode_batch_fast"]
    whole = encoder._tokenizer.encode(text)
    assert not isinstance(long, InputError)
    assert list(long.windows) == [part.ids for part in (whole, *whole.overflowing)]
