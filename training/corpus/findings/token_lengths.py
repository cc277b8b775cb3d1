"""Which texts are longer than one window of an encoder, told before anything is trained."""

from __future__ import annotations

from glossator.training.base_model import open_tokenizer, resolve, window_lengths
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.checks import long_text_findings

LEAST_WINDOW = 254
"""Tokens that a window has room for, at least, where nothing else is asked for."""


def may_have_long_texts(corpus: Corpus) -> bool:
    """Whether any text could fill a window: a token has a character or more."""
    keys = corpus.input_keys()
    return any(len(key) > LEAST_WINDOW for key in keys)


def find_long_texts(corpus: Corpus, base: str) -> list[Finding]:
    """The rows of more tokens than a window of the encoder `base` has room for, as a finding; shorter texts are not
    counted. Raises ConfigError where there is no such encoder."""
    encoder = resolve(base)
    tokenizer = open_tokenizer(encoder).backend_tokenizer
    max_length, _ = window_lengths(encoder, TrainingConfig(base=base))
    tokenizer.no_truncation()
    keys = corpus.input_keys()
    room = max_length - tokenizer.num_special_tokens_to_add(corpus.seconds is not None)
    rows = [row for row, key in enumerate(keys) if len(key) > room]
    lengths = [0] * len(keys)
    encoded = tokenizer.encode_batch_fast([keys[row] for row in rows], add_special_tokens=False)
    for row, encoding in zip(rows, encoded, strict=True):
        lengths[row] = len(encoding.ids)
    return long_text_findings(corpus, lengths, room)
