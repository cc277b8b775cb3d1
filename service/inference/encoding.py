"""Text to windows of token ids, with nothing cut off unless the caller asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from service.bundle.task import Encoding
from service.errors import BundleInvalid, EmptyText, Fault, TextTooLong, UndecodableText

MAX_CHARACTERS = 10_000_000
"""A text above this is refused: its windows would hold one worker for minutes."""


@dataclass(frozen=True, slots=True)
class EncodedText:
    """The windows of one text. `windows[i]` holds token ids with special tokens; `new_tokens[i]` counts the tokens
    of the text that window i adds to those before it, so that `sum(new_tokens)` is the text's length in tokens."""

    windows: tuple[list[int], ...]
    new_tokens: tuple[int, ...]
    truncated: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of the text that the model sees, special tokens and overlaps not counted."""
        return sum(self.new_tokens)


def check_text(text: object) -> str:
    """The text itself; raises UndecodableText, EmptyText or TextTooLong where it cannot be encoded."""
    if not isinstance(text, str):
        raise UndecodableText("this is not a text", found=type(text).__name__, expected="a string")
    if len(text) > MAX_CHARACTERS:
        raise TextTooLong(
            "the text is too long",
            found=f"{len(text):,} characters",
            expected=f"at most {MAX_CHARACTERS:,} characters",
            way_out="Split it into documents.",
        )
    if not text.strip():
        raise EmptyText("the text is empty", expected="at least one character that is not white space")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UndecodableText(
            f"the text holds a lone surrogate at character {error.start}",
            found=text[error.start],
            expected="Unicode scalar values",
            way_out="The writer cut an emoji in half or mixed encodings: mend the source.",
        ) from None
    return text


class Encoder:
    """Encodes texts with a bundle's tokenizer. Threads may share one: truncation and padding are set once, here."""

    def __init__(self, tokenizer_file: Path, encoding: Encoding) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        except Exception as error:  # tokenizers raises bare Exception
            fault = Fault("tokenizer-unreadable", str(error), tokenizer_file.name)
            raise BundleInvalid("the tokenizer cannot be read", faults=[fault]) from error
        if self._tokenizer.id_to_token(encoding.pad_token_id) is None:
            fault = Fault(
                "pad-token-unknown", f"the tokenizer has no token {encoding.pad_token_id}", tokenizer_file.name
            )
            raise BundleInvalid("the tokenizer does not know the padding token", faults=[fault])
        self.encoding = encoding
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(encoding.max_length, stride=encoding.stride)
        self.special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        """How many a window has."""

    def encode(self, texts: Sequence[str], *, truncate: bool = False) -> list[EncodedText]:
        """The windows of each text, all of them unless `truncate` asks for the first alone.

        Texts must have passed `check_text`. A text may come out with no token of its own (a tokenizer that drops
        every character): then it has one window of special tokens.
        """
        if len(texts) == 1:  # as online: the threads that share a batch out would cost more than the work
            encoded = [self._tokenizer.encode(texts[0], add_special_tokens=True)]
        else:
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=True)  # fast: no offsets
        texts_encoded = []
        for first in encoded:
            parts = [first] if truncate else [first, *first.overflowing]
            windows = tuple(part.ids for part in parts)
            lengths = [len(window) - self.special_tokens for window in windows]
            new_tokens = (lengths[0], *(length - self.encoding.stride for length in lengths[1:]))
            texts_encoded.append(EncodedText(windows, new_tokens, truncated=truncate and bool(first.overflowing)))
        return texts_encoded
