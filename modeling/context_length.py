"""The longest text that an encoder can read at once."""

from __future__ import annotations

from typing import Any

_AFTER_PADDING = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "data2vec-text", "longformer"}
)
"""Families that use the positions up to the padding token's number for padding."""


def context_length(config: Any) -> int | None:
    """Return the most tokens that a window may have, special tokens included; None if the family has no limit.

    RoBERTa and its relatives use their first positions for padding, and so does MPNet. BigBird may read more, but with
    sparse attention, which is not exported.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    padding = getattr(config, "pad_token_id", None) or 0
    offset = {"mpnet": 2}.get(config.model_type, padding + 1 if config.model_type in _AFTER_PADDING else 0)
    if config.model_type == "big_bird" and config.attention_type == "block_sparse":
        sparse: int = (5 + 2 * config.num_random_blocks) * config.block_size
        return min(positions, sparse)
    return positions - offset
