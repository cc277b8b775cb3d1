"""Models of sentence-transformers give its vectors. The weights are random, the shapes small."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glossator.export.importing.imported_checkpoint import (
    ForeignModel,
    open_foreign_model,
    write_imported_checkpoint,
)
from glossator.export.importing.model_source import find_model
from glossator.export.importing.recognition import recognise
from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import ConfigError

TEXTS = [
    "where is my parcel",
    "the refund is late and the code never comes, please help me to get my money back " * 4,  # longer than a window
    "a",
]


@pytest.fixture(scope="module")
def bert(tiny_base: Any) -> Path:
    return Path(tiny_base("bert"))


@pytest.fixture
def save(bert: Path, tmp_path: Path) -> Callable[..., Any]:
    """Saves an encoder with modules after it, as sentence-transformers saves it, and returns the model."""

    def make(*modules: Any, encoder: dict[str, Any] | None = None, **settings: Any) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Transformer

        torch.manual_seed(3)
        model = SentenceTransformer(
            modules=[Transformer(str(bert), max_seq_length=32, **(encoder or {})), *modules], device="cpu", **settings
        )
        model.save_pretrained(str(tmp_path / "model"))
        return model.eval()

    return make


def open_model(folder: Path, tmp_path: Path, *, layers: Sequence[int] = (), **options: Any) -> ForeignModel:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return open_foreign_model(find_model(str(folder)), recognise(folder, **options), scratch, layers=layers)


def vectors(model: ForeignModel, texts: Sequence[str] = TEXTS) -> np.ndarray[Any, Any]:
    encoded = [each for each in model.pipeline.encode(texts, truncate=True) if not isinstance(each, Exception)]
    return np.stack(model.pipeline.pooled_outputs(encoded))


def modules() -> Any:
    from sentence_transformers.sentence_transformer import modules as found

    return found


@pytest.mark.parametrize("mode", ["weightedmean", "mean_sqrt_len_tokens", ("max", "cls", "mean")])
def test_poolings_are_those_of_sentence_transformers(save: Any, tmp_path: Path, mode: Any) -> None:
    theirs = save(modules().Pooling(32, pooling_mode=mode))
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(vectors(model), theirs.encode(TEXTS), atol=1e-5)
    assert model.task.dimension == (96 if isinstance(mode, tuple) else 32)


def test_flags_of_older_files_name_poolings_in_a_fixed_order(save: Any, tmp_path: Path) -> None:
    save(modules().Pooling(32))
    file = tmp_path / "model" / "1_Pooling" / "config.json"
    flags = ("mean_tokens", "cls_token", "weightedmean_tokens")
    file.write_text(json.dumps({"word_embedding_dimension": 32, **{f"pooling_mode_{flag}": True for flag in flags}}))
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    model = open_model(tmp_path / "model", tmp_path)
    assert model.task.pooling == ["cls", "mean", "weighted_mean"]
    np.testing.assert_allclose(vectors(model), theirs.encode(TEXTS), atol=1e-5)


def test_pickled_weights_of_layers_are_converted(one_folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer

    shutil.copytree(one_folder, tmp_path / "model")
    weights = tmp_path / "model" / "2_Dense" / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    model = open_model(tmp_path / "model", tmp_path)
    theirs = SentenceTransformer(str(one_folder), device="cpu")
    np.testing.assert_allclose(vectors(model), theirs.encode(TEXTS), atol=1e-5)


def test_layers_after_the_pooling_are_computed(save: Any, tmp_path: Path) -> None:
    import torch

    st = modules()
    theirs = save(
        st.Pooling(32, pooling_mode=("mean", "max")),
        st.Dense(64, 24),
        st.Normalize(),
        st.Dense(24, 16, bias=False, activation_function=torch.nn.Identity()),
        st.LayerNorm(16),
        st.Dropout(0.3),
        st.Dense(16, 16, activation_function=torch.nn.GELU(), use_residual=True),
        st.Normalize(),
    )
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(vectors(model), theirs.encode(TEXTS), atol=1e-5)
    assert (model.task.dimension, model.task.normalized) == (16, True)
    assert any("a dense layer from 64 to 24 (tanh)" in line for line in model.evidence)


def test_an_encoder_of_t5_with_layers_is_loaded_from_its_checkpoint(bert: Path, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(bert)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    T5EncoderModel(T5Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "plain")
    tokenizer.save_pretrained(tmp_path / "plain")
    st = modules()
    encoder = st.Transformer(str(tmp_path / "plain"), max_seq_length=32)
    linear = st.Dense(32, 16, bias=False, activation_function=torch.nn.Identity())
    theirs = SentenceTransformer(modules=[encoder, st.Pooling(32), linear, st.Normalize()], device="cpu")
    theirs.save_pretrained(str(tmp_path / "model"))
    model = open_model(tmp_path / "model", tmp_path)
    write_imported_checkpoint(model, tmp_path / "checkpoint", LabelledRows(TEXTS, [()] * len(TEXTS)), None)
    loaded = load_checkpoint(tmp_path / "checkpoint")
    encoded = [each for each in loaded.encode(TEXTS, truncate=True) if not isinstance(each, Exception)]
    np.testing.assert_allclose(np.stack(loaded.pooled_outputs(encoded)), theirs.encode(TEXTS), atol=1e-5)


def test_truncated_vectors_are_not_normalized_again(save: Any, tmp_path: Path) -> None:
    st = modules()
    theirs = save(st.Pooling(32), st.Normalize(), truncate_dim=8, similarity_fn_name="dot")
    model = open_model(tmp_path / "model", tmp_path)
    found = vectors(model)
    np.testing.assert_allclose(found, theirs.encode(TEXTS), atol=1e-5)
    assert found.shape == (3, 8)
    assert not model.task.normalized
    assert any("the first 8 dimensions" in line for line in model.evidence)
    assert any("similarity_fn_name dot" in line for line in model.evidence)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_the_default_prompt_is_put_before_each_text(save: Any, tmp_path: Path, include_prompt: bool) -> None:
    prompts = {"query": "where is it: ", "document": "the code: "}
    pooling = modules().Pooling(32, include_prompt=include_prompt)
    theirs = save(pooling, prompts=prompts, default_prompt_name="query")
    model = open_model(tmp_path / "model", tmp_path)
    np.testing.assert_allclose(vectors(model), theirs.encode(TEXTS), atol=1e-5)
    assert any("the prompt 'document' is not added: import with --prompt document" in line for line in model.evidence)


@pytest.mark.parametrize("name", ["document", ""])
def test_another_prompt_or_none_can_be_chosen(save: Any, tmp_path: Path, name: str) -> None:
    prompts = {"query": "where is it: ", "document": "the code: "}
    theirs = save(modules().Pooling(32), prompts=prompts, default_prompt_name="query")
    model = open_model(tmp_path / "model", tmp_path, prompt=name)
    expected = theirs.encode(TEXTS, prompt=prompts.get(name, ""))
    np.testing.assert_allclose(vectors(model), expected, atol=1e-5)
    assert model.task.prompt == prompts.get(name, "")


def test_an_unknown_prompt_is_refused(save: Any, tmp_path: Path) -> None:
    save(modules().Pooling(32), prompts={"query": "where is it: "})
    with pytest.raises(ConfigError, match="no such prompt") as caught:
        recognise(tmp_path / "model", prompt="passage")
    assert caught.value.expected == "document, query"


def test_every_window_of_a_long_text_begins_with_the_prompt(save: Any, tmp_path: Path) -> None:
    prompt = "where is it: "
    theirs = save(modules().Pooling(32), prompts={"query": prompt}, default_prompt_name="query")
    model = open_model(tmp_path / "model", tmp_path)
    (encoded,) = model.pipeline.encode_all([TEXTS[1]])
    start = theirs.tokenizer(prompt)["input_ids"][:-1]
    whole = theirs.tokenizer(TEXTS[1], truncation=False)["input_ids"][1:-1]
    assert len(encoded.windows) > 2
    assert all(window[: len(start)] == start and window[-1] == 2 for window in encoded.windows)
    assert encoded.tokens == len(whole)
    assert model.pipeline.encoder.prompt_tokens == len(start) - 1
    read = [*encoded.windows[0][len(start) : -1]]
    for window, new in zip(encoded.windows[1:], encoded.new_tokens[1:], strict=True):
        read += window[len(window) - 1 - new : -1]
    assert read == whole


def test_the_end_of_a_prompt_and_the_start_of_a_text_may_be_one_token(save: Any, tmp_path: Path) -> None:
    theirs = save(modules().Pooling(32), prompts={"query": "where is it par"}, default_prompt_name="query")
    model = open_model(tmp_path / "model", tmp_path)
    assert "parcel" in theirs.tokenizer.tokenize("where is it parcel")
    np.testing.assert_allclose(vectors(model, ["cel"]), theirs.encode(["cel"]), atol=1e-5)


def test_a_folder_may_ask_for_lower_case(bert: Path, save: Any, tmp_path: Path) -> None:
    theirs = save(modules().Pooling(32))
    folder = tmp_path / "model"
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps({**settings, "do_lower_case": True}))
    model = open_model(folder, tmp_path)
    np.testing.assert_allclose(vectors(model, ["WHERE is My Parcel"]), theirs.encode(["where is my parcel"]), atol=1e-5)


@pytest.mark.parametrize("plain", [False, True], ids=["sentence-transformers", "encoder alone"])
def test_the_vectors_of_layers_are_concatenated(bert: Path, save: Any, tmp_path: Path, plain: bool) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    save(modules().Pooling(32), modules().Normalize())
    model = open_model(bert if plain else tmp_path / "model", tmp_path, layers=[0, 2])
    tokens = AutoTokenizer.from_pretrained(bert)("where is my parcel", return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(bert).eval()(**tokens, output_hidden_states=True).hidden_states
    means = [states[layer][0].mean(dim=0).numpy() for layer in (0, 2)]
    expected = np.concatenate([mean / np.linalg.norm(mean) for mean in means]) / np.sqrt(2)
    np.testing.assert_allclose(vectors(model, ["where is my parcel"])[0], expected, atol=1e-5)
    assert model.task.dimension == 64
    assert any("the layers 0, 2" in line for line in model.evidence)


@pytest.mark.parametrize("layers", [[3], [-1], [1, 1]], ids=str)
def test_layers_that_the_encoder_lacks_are_refused(bert: Path, tmp_path: Path, layers: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"different numbers from 0 .* to 2"):
        open_model(bert, tmp_path, layers=layers)


def test_layers_are_refused_if_a_dense_layer_follows(one_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="further layers after the pooling"):
        open_model(one_folder, tmp_path, layers=[1])


def test_the_length_that_sentence_transformers_sets_wins_over_that_of_the_tokenizer(save: Any, tmp_path: Path) -> None:
    save(modules().Pooling(32))
    folder = tmp_path / "model"
    settings = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps({**settings, "max_seq_length": 48}))
    model = open_model(folder, tmp_path)
    assert model.task.encoding.max_length == 48
    assert any("windows of 48 tokens: what sentence-transformers sets" in line for line in model.evidence)


@pytest.mark.parametrize(
    ("file", "fields", "message"),
    [
        ("modules.json", [{"type": "sentence_transformers.models.Transformer", "path": ""},
                          {"type": "sentence_transformers.models.LSTM", "path": "1"}], "modules that cannot"),
        ("modules.json", [{"type": "custom_st.Transformer", "path": ""},
                          {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}], "module of its own"),
        ("modules.json", [{"type": "sentence_transformers.models.Transformer", "path": "../other"},
                          {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}], "outside the folder"),
        ("1_Pooling/config.json", {"pooling_mode": "attention"}, "the pooling"),
        ("1_Pooling/config.json", {}, "the pooling"),
        ("1_Pooling/config.json", [], "no JSON object"),
        ("2_Dense/config.json", {"in_features": 32, "out_features": 8, "activation_function": "own.Swish"},
         "activation"),
        ("2_Dense/config.json", {"in_features": "32", "out_features": 8}, "not a positive whole number"),
        ("2_Dense/config.json", {"out_features": 8}, "has no in_features"),
        ("2_Dense/config.json", {"in_features": 32, "out_features": 8, "module_input_name": "token_embeddings"},
         "does not work on the vector"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "reads its inputs"),
        ("sentence_bert_config.json", {"modality_config": {"message": {}, "text": {}}}, "reads its inputs"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "sparse vectors"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_refused_by_name(
    one_folder: Path, tmp_path: Path, file: str, fields: Any, message: str
) -> None:
    shutil.copytree(one_folder, tmp_path / "copy")
    (tmp_path / "copy" / file).write_text(json.dumps(fields))
    with pytest.raises(ConfigError, match=message):
        recognise(tmp_path / "copy")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"in_features": 64, "out_features": 8}, "do not fit together"),
        ({"in_features": 32, "out_features": 9}, "do not match its config.json"),
        ({"in_features": 32, "out_features": 8, "bias": False}, "weights that config.json does not describe"),
    ],
)
def test_a_layer_with_other_weights_is_refused(
    one_folder: Path, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    shutil.copytree(one_folder, tmp_path / "copy")
    (tmp_path / "copy" / "2_Dense" / "config.json").write_text(json.dumps(fields))
    with pytest.raises(ConfigError, match=message):
        open_model(tmp_path / "copy", tmp_path)


@pytest.fixture(scope="module")
def one_folder(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with one dense layer, saved by sentence-transformers."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    folder = tmp_path_factory.mktemp("sentence") / "model"
    encoder = Transformer(str(bert), max_seq_length=32)
    SentenceTransformer(modules=[encoder, Pooling(32), Dense(32, 8)], device="cpu").save_pretrained(str(folder))
    return folder
