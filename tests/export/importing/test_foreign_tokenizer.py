"""How long the windows of a foreign model are, and why."""

from __future__ import annotations

from typing import Any

import pytest

from glossator.export.importing.foreign_tokenizer import open_tokenizer
from glossator.service.errors import ConfigError


@pytest.mark.parametrize(
    ("heads", "stated", "wanted", "length", "why"),
    [
        (12, 512, None, 512, "what sentence-transformers sets"),
        (16, 32_768, None, 4_096, "what sentence-transformers sets: 32,768; --max-length sets another"),
        (32, 32_768, None, 2_048, "would take over 2 GB of memory"),
        (16, 32_768, 8_192, 8_192, "as requested"),
    ],
)
def test_windows_are_as_long_as_files_say_unless_attention_would_take_too_much_memory(
    tiny_base: Any, heads: int, stated: int, wanted: int | None, length: int, why: str
) -> None:
    from transformers import BertConfig

    config = BertConfig(vocab_size=129, num_attention_heads=heads, max_position_embeddings=32_768)
    found = open_tokenizer(tiny_base("bert"), config, stated_length=stated, max_length=wanted, stride=None)
    assert found.encoding.max_length == length
    assert why in found.evidence[-1]


def test_windows_that_no_bundle_can_have_are_refused(tiny_base: Any) -> None:
    from transformers import BertConfig

    config = BertConfig(vocab_size=129, max_position_embeddings=1_000_000)
    with pytest.raises(ConfigError, match="the windows are too long"):
        open_tokenizer(tiny_base("bert"), config, stated_length=None, max_length=100_000, stride=None)
