"""Classifiers that read the last token of a text: causal models find it by the number of the padding token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from glossator.export.importing.foreign_tokenizer import ForeignTokenizer


def align_padding(model: Any, tokenizer: ForeignTokenizer) -> ForeignTokenizer:
    """Return the tokenizer with the padding token by which the model finds the last token.

    The model takes the last token that is not this one. If its configuration names none, it takes the last token of
    all; then it gets a padding token that ends no text.
    """
    if not hasattr(model, "score"):  # the name of the head in causal models
        return tokenizer
    config = model.config.get_text_config()
    known = tokenizer.tokenizer.get_vocab().values()
    pad = config.pad_token_id
    if isinstance(pad, int) and pad in known:
        why = "the token that is not counted as the last one"
    else:
        pad = _never_last(tokenizer, set(known))
        config.pad_token_id = pad
        why = "config.json names no padding token, and this one ends no text"
    evidence = f"the answer is read from the last token; token {pad} fills short rows: {why}"
    encoding = tokenizer.encoding.model_copy(update={"pad_token_id": pad})
    return replace(tokenizer, encoding=encoding, evidence=[*tokenizer.evidence, evidence])


def _never_last(tokenizer: ForeignTokenizer, known: set[int]) -> int:
    """Return a special token that the tokenizer does not put at the end of a text, or the last token it has."""
    ends = tokenizer.tokenizer("a")["input_ids"][-1:]
    candidates = [tokenizer.encoding.pad_token_id, *tokenizer.tokenizer.all_special_ids, max(known)]
    special = {*tokenizer.tokenizer.all_special_ids, max(known)}
    return next(int(each) for each in candidates if each in special and each not in ends)
