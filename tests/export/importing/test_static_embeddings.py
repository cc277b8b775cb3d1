"""Tables of token vectors give the vectors of the library that saved them: model2vec, or sentence-transformers."""

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
from glossator.service.errors import ConfigError, EmptyText, InputError

WORDS = ["where", "is", "my", "parcel", "late", "money", "back", "please", "the", "refund"]
TEXTS = [
    "where is my parcel",
    "the refund is late please",
    "an unknown parcel, zzz",  # words without a row
    "the money is back " * 300,  # longer than a window
    "money",
]
DIMENSION = 16


def make_tokenizer() -> Any:
    """A tokenizer of words, with an unknown token, and special tokens that static models must not add."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", *WORDS])}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    return tokenizer


def make_table(rows: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).normal(size=(rows, DIMENSION)).astype(np.float32)


def save_model2vec(folder: Path, **options: Any) -> Any:
    """Saves a model as model2vec does, and returns it."""
    from model2vec import StaticModel

    tokenizer = make_tokenizer()
    rows = tokenizer.get_vocab_size() if options.get("token_mapping") is None else 4
    model = StaticModel(make_table(rows), tokenizer, **options)
    model.save_pretrained(folder)
    return model


def open_model(folder: Path, tmp_path: Path, **options: Any) -> ForeignModel:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return open_foreign_model(find_model(str(folder)), recognise(folder), scratch, **options)


def vectors(model: ForeignModel, texts: list[str], *, truncate: bool = True) -> np.ndarray[Any, Any]:
    encoded = [each for each in model.pipeline.encode(texts, truncate=truncate) if not isinstance(each, InputError)]
    return np.stack(model.pipeline.pooled_outputs(encoded))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"normalize": True}, id="normalized"),
        pytest.param({"weights": np.linspace(0.1, 3.0, 13)}, id="weights"),
        pytest.param(
            {"token_mapping": np.arange(13) % 4, "weights": np.linspace(0.1, 3.0, 13), "normalize": True},
            id="tokens that share rows",
        ),
    ],
)
def test_vectors_are_those_of_model2vec(tmp_path: Path, options: dict[str, Any]) -> None:
    theirs = save_model2vec(tmp_path / "model", **options)
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(vectors(model, TEXTS), theirs.encode(TEXTS), atol=1e-5)
    assert (model.task.dimension, model.task.normalized) == (DIMENSION, options.get("normalize", False))
    assert model.task.encoding.max_length == 512
    assert any("saved by model2vec" in line for line in model.evidence)
    assert any("unknown tokens ([UNK]) are left out" in line for line in model.evidence)


@pytest.mark.parametrize(("kind", "tolerance"), [("int8", 1e-5), ("float16", 2e-3)])
def test_tables_in_other_types_are_read(tmp_path: Path, kind: str, tolerance: float) -> None:
    from model2vec import StaticModel

    tokenizer = make_tokenizer()
    table = make_table(tokenizer.get_vocab_size())
    table = (table * 30).round().astype(kind) if kind == "int8" else table.astype(kind)
    theirs = StaticModel(table, tokenizer, normalize=True)
    theirs.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(
        vectors(model, TEXTS), theirs.encode(TEXTS), atol=tolerance
    )  # float16: theirs is rounded


def test_truncation_by_characters_is_that_of_model2vec(tmp_path: Path) -> None:
    theirs = save_model2vec(tmp_path / "model", max_length=8)
    model = open_model(tmp_path / "model", tmp_path)
    texts = ["money " + " " * 60 + "refund", "the refund is late please where is my parcel"]
    assert len(texts[0]) > 8 * theirs.median_token_length
    np.testing.assert_allclose(vectors(model, texts), theirs.encode(texts), atol=1e-5)
    encoded = model.pipeline.encode(texts, truncate=True)
    assert [getattr(each, "truncated", None) for each in encoded] == [True, True]


def test_long_texts_are_read_to_the_end_without_truncation(tmp_path: Path) -> None:
    theirs = save_model2vec(tmp_path / "model", max_length=8)
    model = open_model(tmp_path / "model", tmp_path)
    text = "the refund is late please where is my parcel money back " * 5
    np.testing.assert_allclose(
        vectors(model, [text], truncate=False), theirs.encode([text], max_length=None), atol=1e-5
    )


def test_texts_without_known_tokens_have_vectors_of_zeros_and_empty_texts_are_errors(tmp_path: Path) -> None:
    theirs = save_model2vec(tmp_path / "model", normalize=True)
    model = open_model(tmp_path / "model", tmp_path)
    assert np.abs(theirs.encode(["zzz", ""])).max() == 0.0
    assert np.abs(vectors(model, ["zzz"])).max() == 0.0
    (empty,) = model.pipeline.encode([""])
    assert isinstance(empty, EmptyText)


@pytest.mark.parametrize("normalized", [False, True])
def test_static_embeddings_are_those_of_sentence_transformers(tmp_path: Path, normalized: bool) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, StaticEmbedding

    torch.manual_seed(3)
    table = StaticEmbedding(make_tokenizer(), embedding_weights=make_table(13))
    modules = [table, *([Dense(DIMENSION, 8), Normalize()] if normalized else [])]
    theirs = SentenceTransformer(modules=modules, device="cpu")
    theirs.save_pretrained(str(tmp_path / "model"))
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(vectors(model, TEXTS), theirs.encode(TEXTS), atol=1e-5)
    assert model.task.dimension == (8 if normalized else DIMENSION)


def test_a_table_becomes_a_bundle_with_int8_rows(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = [f"w{number}" for number in range(400)]
    tokenizer = Tokenizer(models.WordLevel({t: i for i, t in enumerate(["[UNK]", *words])}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    from model2vec import StaticModel

    table = np.random.default_rng(5).normal(size=(401, 128)).astype(np.float32)
    theirs = StaticModel(table, tokenizer, normalize=True)
    theirs.save_pretrained(tmp_path / "model")
    random = np.random.default_rng(7)
    texts = [" ".join(random.choice(words, size=1 + number % 30)) for number in range(60)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    found = glossator.import_model(
        tmp_path / "model", tmp_path / "bundle", texts=tmp_path / "texts.jsonl", precision="int8"
    )
    answers = np.stack([answer.vector for answer in found(texts)])
    np.testing.assert_allclose(answers, theirs.encode(texts), atol=2e-2)
    manifest = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert manifest["verification"]["parity"][0]["max_logit_difference"] < 1e-5
    assert manifest["served"]["scheme"] == "row"
    sizes = [(tmp_path / "bundle" / "onnx" / f"{name}.onnx").stat().st_size for name in ("model", "model_quantized")]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("classifier", "head of this model2vec classifier"),
        ("short", "the tokenizer belongs to another model"),
        ("truncated", "cannot be read"),
        ("tokenizer", "cannot be read"),
        ("length", "not a number of tokens"),
        ("long", "the windows are too long"),
    ],
)
def test_damaged_folders_are_refused(tmp_path: Path, damage: str, message: str) -> None:
    from safetensors.numpy import save_file

    folder = tmp_path / "model"
    save_model2vec(folder)
    weights = folder / "model.safetensors"
    if damage == "classifier":
        (folder / "pipeline.skops").write_bytes(b"PK")
    elif damage == "short":
        save_file({"embeddings": make_table(7)}, weights)
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-40])
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    else:
        (folder / "config.json").write_text(json.dumps({"max_length": "long" if damage == "length" else 100_000}))
    with pytest.raises(ConfigError, match=message):
        open_model(folder, tmp_path)
