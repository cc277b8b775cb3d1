"""Finds texts that are longer than one window of an encoder, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.errors import ConfigError
from glossator.training.base_model import open_tokenizer, resolve_base_model, window_lengths
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding

MIN_WINDOW_TOKENS = 254
"""A window holds at least this many tokens of a text with the default options."""


def may_have_long_texts(corpus: Corpus) -> bool:
    """True if any text has enough characters to fill a window; a token has at least one character."""
    return any(len(key) > MIN_WINDOW_TOKENS for key in corpus.input_keys())


def find_long_texts(corpus: Corpus, base: str) -> list[Finding]:
    """A finding about texts that do not fit one window of the encoder `base`; empty if all fit.

    Only texts with enough characters to be too long are tokenized. Raises ConfigError if there is no such encoder.
    """
    encoder = resolve_base_model(base)
    tokenizer = open_tokenizer(encoder).backend_tokenizer
    max_length, _ = window_lengths(encoder, TrainingConfig(base=base))
    tokenizer.no_truncation()
    keys = corpus.input_keys()
    window_tokens = max_length - tokenizer.num_special_tokens_to_add(corpus.seconds is not None)
    rows = [row for row, key in enumerate(keys) if len(key) > window_tokens]
    lengths = [0] * len(keys)
    encoded = tokenizer.encode_batch_fast([keys[row] for row in rows], add_special_tokens=False)
    for row, encoding in zip(rows, encoded, strict=True):
        lengths[row] = len(encoding.ids)
    return long_text_findings(corpus, lengths, window_tokens)


def long_text_findings(corpus: Corpus, lengths: Sequence[int], window_tokens: int) -> list[Finding]:
    """A finding about rows with more than `window_tokens` tokens, the longest first; empty if there are none.

    `lengths` is the number of tokens of each row.
    """
    if len(lengths) != len(corpus):
        raise ConfigError("token counts and rows differ in number", found=len(lengths), expected=f"{len(corpus)}")
    long = [index for index, length in enumerate(lengths) if length > window_tokens]
    if not long:
        return []
    long.sort(key=lambda index: (-lengths[index], index))
    examples = tuple(f"line {corpus.lines[index]}: {lengths[index]} tokens" for index in long[:EXAMPLES])
    done = f"over {window_tokens} tokens: read in several windows, nothing is cut off"
    return [Finding("too-long", len(long), len(long) / max(1, len(corpus)), examples, done)]
