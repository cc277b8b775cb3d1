"""Causal models with a head that reads the last token answer as their libraries do, alone and in batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glossator
from glossator.export.importing.imported_checkpoint import ForeignModel, open_foreign_model
from glossator.export.importing.model_source import find_model
from glossator.export.importing.recognition import recognise
from glossator.service.errors import ConfigError

TEXTS = [
    "where is my parcel",
    "the refund is late and the code never comes, please help me to get my money back " * 4,  # longer than a window
    "a",
    "the courier did not come and i want my money back",
]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LOCAL = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}


def save_causal(base: Path, folder: Path, architecture: str, family: str, *, seed: int = 5, **settings: Any) -> Path:
    """Saves a random causal model with the tokenizer of `base`; its head is large, so that answers differ."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    config = transformers.AutoConfig.for_model(family, vocab_size=len(tokenizer), **SMALL | settings)
    torch.manual_seed(seed)
    model = getattr(transformers, architecture)(config)
    with torch.no_grad():
        if hasattr(model, "score"):
            model.score.weight.normal_(std=1.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def open_model(folder: Path, tmp_path: Path) -> ForeignModel:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return open_foreign_model(find_model(str(folder)), recognise(folder), scratch)


def outputs(model: ForeignModel, texts: list[str]) -> np.ndarray[Any, Any]:
    encoded = [each for each in model.pipeline.encode(texts, truncate=True) if not isinstance(each, Exception)]
    return np.stack(model.pipeline.pooled_outputs(encoded))


def save_embedding(base: Path, folder: Path, architecture: str, family: str, **settings: Any) -> Any:
    """Saves a causal encoder as sentence-transformers does, with last-token pooling, and returns its model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    save_causal(base, folder.parent / "plain", architecture, family, **settings)
    encoder = Transformer(str(folder.parent / "plain"), max_seq_length=32, processor_kwargs={"padding_side": "left"})
    modules = [encoder, Pooling(32, pooling_mode="lasttoken"), Normalize()]
    model = SentenceTransformer(modules=modules, device="cpu")
    model.save_pretrained(str(folder))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
    return model


@pytest.mark.parametrize(
    ("architecture", "family", "settings"),
    [
        pytest.param("Qwen3ForCausalLM", "qwen3", {}, id="Qwen3, causal"),
        pytest.param("Gemma3TextModel", "gemma3_text", LOCAL, id="Gemma3, causal with local attention"),
        pytest.param(
            "Gemma3TextModel", "gemma3_text", LOCAL | {"use_bidirectional_attention": True}, id="Gemma3, bidirectional"
        ),
    ],
)
def test_the_vector_of_the_last_token_is_that_of_sentence_transformers(
    tiny_base: Any, tmp_path: Path, architecture: str, family: str, settings: dict[str, Any]
) -> None:
    theirs = save_embedding(tiny_base("bert"), tmp_path / "model", architecture, family, **settings)
    model = open_model(tmp_path / "model", tmp_path)
    assert model.task.pooling == "last"
    np.testing.assert_allclose(outputs(model, TEXTS), theirs.encode(TEXTS, batch_size=4), atol=1e-5)
    np.testing.assert_allclose(outputs(model, TEXTS[:1]), theirs.encode(TEXTS[:1]), atol=1e-5)


def test_a_causal_encoder_becomes_a_bundle_with_its_prompt(tiny_base: Any, tmp_path: Path) -> None:
    theirs = save_embedding(tiny_base("bert"), tmp_path / "model", "Qwen3ForCausalLM", "qwen3")
    theirs.prompts, theirs.default_prompt_name = {"query": "where is it: "}, "query"
    theirs.save_pretrained(str(tmp_path / "model"))
    found = glossator.import_model(tmp_path / "model", tmp_path / "bundle", precision="fp32")
    answers = np.stack([answer.vector for answer in found(TEXTS, truncate=True)])
    np.testing.assert_allclose(answers, theirs.encode(TEXTS), atol=1e-4)
    assert "Every text is read with `where is it: ` before it" in (tmp_path / "bundle" / "README.md").read_text()


@pytest.mark.parametrize(
    ("architecture", "family", "settings"),
    [
        pytest.param("Qwen3ForSequenceClassification", "qwen3", {}, id="Qwen3"),
        pytest.param("Qwen3ForSequenceClassification", "qwen3", {"pad_token_id": None}, id="no padding token"),
        pytest.param("Qwen3ForSequenceClassification", "qwen3", {"pad_token_id": 2}, id="padding ends every text"),
        pytest.param("Gemma3TextForSequenceClassification", "gemma3_text", LOCAL, id="Gemma3"),
    ],
)
def test_classifiers_read_the_last_token_as_transformers_does(
    tiny_base: Any, tmp_path: Path, architecture: str, family: str, settings: dict[str, Any]
) -> None:
    from transformers import pipeline

    save_causal(tiny_base("bert"), tmp_path / "model", architecture, family, num_labels=3, **settings)
    model = open_model(tmp_path / "model", tmp_path)
    theirs = pipeline("text-classification", model=str(tmp_path / "model"), top_k=None, function_to_apply="none")
    expected = [
        {each["label"]: each["score"] for each in theirs([text], truncation=True, max_length=64)[0]} for text in TEXTS
    ]
    np.testing.assert_allclose(
        outputs(model, TEXTS), [[each[f"LABEL_{number}"] for number in range(3)] for each in expected], atol=1e-5
    )
    assert any("read from the last token" in line for line in model.evidence)


def test_a_model_that_generates_text_is_refused_without_a_pooling(tiny_base: Any, tmp_path: Path) -> None:
    save_causal(tiny_base("bert"), tmp_path / "model", "Qwen3ForCausalLM", "qwen3")
    with pytest.raises(ConfigError, match="generates text"):
        recognise(tmp_path / "model")
