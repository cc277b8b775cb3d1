"""Opens the tokenizer of a foreign folder, and finds the length of its windows and its padding token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.modeling.context_length import context_length
from glossator.service.bundle.task import Encoding
from glossator.service.errors import ConfigError

_UNLIMITED = 1 << 20
"""transformers writes a huge number as the length of tokenizers that have no limit."""
_LONGEST = 65_536
"""The longest window of any bundle."""
_ATTENTION_BYTES = 2 << 30
"""Of the scores of a layer for one window, which PyTorch keeps twice: before and after the softmax."""
_HEADS = 12
"""Of a model whose configuration does not name them."""
_MOST_TOKENS_MISSING = 2
"""Tables of tokens are padded to round sizes, never to twice their size."""
_SPECIAL_TOKENS = (("pad_token_id",), ("bos_token_id", "cls_token_id"), ("eos_token_id", "sep_token_id"))
"""Two names of a token mean the same: encoders have one, decoders the other."""


@dataclass(frozen=True, slots=True)
class ForeignTokenizer:
    """A tokenizer, how texts are split into windows, and how both were found."""

    tokenizer: Any
    encoding: Encoding
    evidence: list[str]


def open_tokenizer(
    folder: Path, config: Any, *, stated_length: int | None, max_length: int | None, stride: int | None
) -> ForeignTokenizer:
    """Return the tokenizer of a model.

    Args:
        folder: The folder of the model.
        config: The configuration of the model, of transformers.
        stated_length: The longest window that another file of the model sets.
        max_length: The longest window that the user wants, in tokens; None takes the shortest that a file sets.
        stride: Tokens that neighbouring windows share; None takes an eighth of a window.

    Raises ConfigError if there is no tokenizer, if it belongs to another model, or if a length does not fit.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), use_fast=True, trust_remote_code=False)
    except Exception as error:  # each tokenizer class fails in its own way
        raise _no_tokenizer(folder, str(error).strip().split("\n")[0]) from error
    finally:
        logging.set_verbosity(verbosity)
    if not tokenizer.is_fast or len(tokenizer) <= len(tokenizer.all_special_ids):
        raise _no_tokenizer(folder, f"{type(tokenizer).__name__} of {len(tokenizer)} tokens")
    vocabulary = int(getattr(config, "vocab_size", 0) or 0)
    if vocabulary and len(tokenizer) > vocabulary:
        raise ConfigError(
            "the tokenizer belongs to another model",
            found=f"{len(tokenizer):,} tokens, but the model has {vocabulary:,}",
            hint="Copy the tokenizer that the model was trained with into its folder.",
        )
    if vocabulary > _MOST_TOKENS_MISSING * len(tokenizer):
        raise ConfigError(
            "the tokenizer belongs to another model",
            found=f"{len(tokenizer):,} tokens, but the model has {vocabulary:,}",
            hint="Copy the tokenizer that the model was trained with into its folder.",
        )
    _check_special_tokens(tokenizer, config)
    pad, evidence = _padding(tokenizer, config)
    length, why = _length(tokenizer, config, stated_length, max_length)
    if tokenizer.num_special_tokens_to_add() + 2 > length:
        raise ConfigError("windows are too short", found=f"{length} tokens")
    encoding = make_encoding(length, length // 8 if stride is None else stride, pad)
    return ForeignTokenizer(tokenizer, encoding, [*evidence, why])


def make_encoding(length: int, stride: int, pad: int) -> Encoding:
    """Return how texts are split. Raises ConfigError if no bundle can have such windows."""
    if length > _LONGEST:
        raise ConfigError(
            "the windows are too long",
            found=f"{length:,} tokens",
            expected=f"at most {_LONGEST:,}",
            hint="Pass a smaller --max-length.",
        )
    if stride >= length // 2:
        raise ConfigError("stride is too large", found=stride, expected=f"less than half of {length}")
    return Encoding(max_length=length, stride=stride, pad_token_id=pad)


def _check_special_tokens(tokenizer: Any, config: Any) -> None:
    """Raise ConfigError if the configuration numbers two special tokens or more, and the tokenizer none of them so."""
    named = [(names[0], _first_id(config, names), _first_id(tokenizer, names)) for names in _SPECIAL_TOKENS]
    both = [(name, one, other) for name, one, other in named if one is not None and other is not None]
    if len(both) > 1 and all(one != other for _, one, other in both):
        raise ConfigError(
            "the tokenizer belongs to another model",
            found=", ".join(f"{name} {other}" for name, _, other in both),
            expected=", ".join(f"{name} {one}" for name, one, _ in both),
            hint="Copy the tokenizer that the model was trained with into its folder.",
        )


def _first_id(owner: Any, names: Sequence[str]) -> int | None:
    return next((number for name in names if isinstance(number := getattr(owner, name, None), int)), None)


def _padding(tokenizer: Any, config: Any) -> tuple[int, list[str]]:
    if tokenizer.pad_token_id is not None:
        return int(tokenizer.pad_token_id), []
    for name, number in (
        ("the configuration's pad_token_id", getattr(config, "pad_token_id", None)),
        ("the end-of-text token", tokenizer.eos_token_id),
        ("the unknown token", tokenizer.unk_token_id),
    ):
        if isinstance(number, int) and 0 <= number < len(tokenizer):
            return number, [f"the tokenizer has no padding token: {name} ({number}) fills short rows, masked"]
    return 0, ["the tokenizer has no padding token: token 0 fills short rows, masked"]


def _length(tokenizer: Any, config: Any, stated: int | None, wanted: int | None) -> tuple[int, str]:
    positions = context_length(config)
    found = {
        "what sentence-transformers sets": stated,
        # sentence-transformers overrides the tokenizer.
        "the tokenizer's model_max_length": int(tokenizer.model_max_length) if stated is None else None,
        "the positions of the encoder": positions,
    }
    known = {name: value for name, value in found.items() if value is not None and 0 < value < _UNLIMITED}
    if wanted is not None:
        if positions is not None and wanted > positions:
            raise ConfigError(
                "max_length exceeds the positions of the encoder", found=wanted, expected=f"at most {positions:,}"
            )
        return wanted, f"windows of {wanted:,} tokens, as requested"
    if not known:
        return 512, "no file sets a length: windows of 512 tokens; --max-length sets another"
    name = min(known, key=lambda each: known[each])
    others = [f"{each} would allow {value:,}" for each, value in known.items() if value != known[name]]
    longest = _longest_window(config)
    if known[name] > longest:
        why = f"attention in longer ones would take over 2 GB of memory; {name}: {known[name]:,}"
        return longest, f"windows of {longest:,} tokens: {why}; --max-length sets another"
    return known[name], "; ".join([f"windows of {known[name]:,} tokens: {name}", *others])


def _longest_window(config: Any) -> int:
    """Return the longest window, a power of two, whose attention scores stay within _ATTENTION_BYTES."""
    heads = getattr(config, "num_attention_heads", None)
    heads = heads if isinstance(heads, int) and heads > 0 else _HEADS
    return 1 << (int((_ATTENTION_BYTES / (8 * heads)) ** 0.5).bit_length() - 1)


def _no_tokenizer(folder: Path, found: str) -> ConfigError:
    return ConfigError(
        "the model has no tokenizer that can be read",
        found=found,
        expected=f"tokenizer.json in {folder}, or a vocabulary from which transformers makes one",
        hint="Save it with tokenizer.save_pretrained(folder).",
    )
