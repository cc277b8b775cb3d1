"""The families that compute what BERT or RoBERTa computes, compared with PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from random_encoder import RandomEncoder, assert_equals_pytorch

SETTINGS: dict[str, dict[str, Any]] = {
    "camembert": {"pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1},
    "data2vec-text": {"pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1},
    "xlm-roberta": {"pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1},
    "ernie": {"use_task_id": True, "type_vocab_size": 2},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 24},
}


@pytest.mark.parametrize("kind", ["text-pair", "token-classification", "text-embedding"])
@pytest.mark.parametrize("family", SETTINGS)
def test_fp32_equals_pytorch_in_families_that_share_a_graph(family: str, kind: str, tmp_path: Path) -> None:
    assert_equals_pytorch(RandomEncoder(family, kind, **SETTINGS[family]), tmp_path)


@pytest.mark.parametrize("family", ["xlm-roberta-xl", "roberta-prelayernorm", "megatron-bert"])
def test_families_that_normalise_first_are_left_to_pytorch(family: str) -> None:
    assert RandomEncoder(family, pad_token_id=1).weights is None
