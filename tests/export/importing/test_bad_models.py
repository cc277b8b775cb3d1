"""Folders that are damaged, incomplete or no text models are refused with a reason and a hint; nothing is written."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_models import edit_json, import_folder, named_labels, save_model
from local_hub import local_hub, use_hub

import glossator
from glossator.export.importing import foreign_weights
from glossator.export.importing.foreign_tokenizer import open_tokenizer
from glossator.export.importing.imported_checkpoint import open_foreign_model
from glossator.export.importing.model_source import find_model
from glossator.export.importing.recognition import recognise
from glossator.modeling import weight_files
from glossator.service.errors import ConfigError

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def good(tiny_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tiny_base("bert"), tmp_path_factory.mktemp("good") / "model", **named_labels("a", "b"))


@pytest.fixture
def model(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "model"))


def refused(folder: Path, **options: Any) -> ConfigError:
    """The error of an import, which must leave no bundle and no temporary folder behind."""
    before = {path.name for path in folder.parent.iterdir()}
    with pytest.raises(ConfigError) as error:
        import_folder(folder, folder.parent / "bundle", **options)
    assert {path.name for path in folder.parent.iterdir()} - before <= {"texts.jsonl", "runs"}
    assert error.value.code == "config-error"
    return error.value


def tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def save(folder: Path, found: dict[str, Any], name: str = "model.safetensors") -> None:
    from safetensors.torch import save_file

    save_file(found, folder / name, metadata={"format": "pt"})


def shard(folder: Path, second: str = "model-00002-of-00002.safetensors") -> None:
    """Divide the weights into two files and an index; the index names the second file as given."""
    found = tensors(folder)
    (folder / "model.safetensors").unlink()
    names = sorted(found)
    first = "model-00001-of-00002.safetensors"
    save(folder, {name: found[name] for name in names[::2]}, first)
    save(folder, {name: found[name] for name in names[1::2]}, Path(second).name)
    index = {name: (first, second)[row % 2] for row, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def rewrite(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    return lambda folder: save(folder, change(tensors(folder)))


def replace_weights(content: bytes) -> Damage:
    return lambda folder: (folder / "model.safetensors").write_bytes(content)


def rename_weights(name: str) -> Damage:
    return lambda folder: (folder / "model.safetensors").rename(folder / name)


def cut_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5_000])


def shard_without_the_second(folder: Path) -> None:
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def shard_without_index(folder: Path) -> None:
    shard(folder)
    (folder / "model.safetensors.index.json").unlink()


def with_nan(found: dict[str, Any]) -> dict[str, Any]:
    found["bert.encoder.layer.1.output.dense.weight"][3, 4] = float("nan")
    return found


def in_int8(found: dict[str, Any]) -> dict[str, Any]:
    import torch

    return {name: tensor.to(torch.int8) if tensor.dim() > 1 else tensor for name, tensor in found.items()}


@pytest.mark.parametrize(
    ("damage", "message", "found", "hint"),
    [
        (cut_weights, "is damaged", "the file is incomplete", "Download or copy it again"),
        (replace_weights(b""), "is damaged", "0 bytes that are no safetensors", "Download or copy it again"),
        (replace_weights(b"<html>not found</html>" * 9), "is damaged", "no safetensors", "Download or copy it again"),
        (replace_weights(b"version https://git-lfs"), "is damaged", "pointer of Git LFS", "git lfs pull"),
        (rename_weights("a1b2.incomplete"), "weights of the model are missing", "unfinished download", "Download"),
        (rename_weights("tf_model.h5"), "weights of the model are missing", "only tf_model.h5", "Download"),
        (rename_weights("model-q4.gguf"), "weights of the model are missing", "only model-q4.gguf", "Download"),
        (shard_without_the_second, "weights of the model are missing", "1 of 2 files: model-00002", "whole folder"),
        (shard_without_index, "weights of the model are missing", "no model.safetensors.index.json", "whole folder"),
        (lambda folder: shard(folder, "../outside.safetensors"), "names files outside the folder",
         "../outside.safetensors", "a source that you trust"),
        (rewrite(with_nan), "not all finite", "bert.encoder.layer.1.output.dense.weight", "diverged"),
        (rewrite(in_int8), "are quantized", "in I8", "Import the model that it was made of"),
        (rewrite(lambda found: {name: each for name, each in found.items() if "classifier" not in name}),
         "weights that the model needs are missing", "2 are missing, such as classifier.bias", "its head was trained"),
    ],
)  # fmt: skip
def test_damaged_weights_are_refused(model: Path, damage: Damage, message: str, found: str, hint: str) -> None:
    damage(model)
    error = refused(model)
    assert message in error.message
    assert found in str(error.found)
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("fields", "message", "found", "hint"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantized", "gptq", "that it was made of"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantized", "bitsandbytes", "that it was made of"),
        ({"vocab_size": 20}, "no table of the weights has a row for each token", "vocab_size 20", "the same model"),
        ({"vocab_size": 9_999_999}, "no table of the weights has a row", "vocab_size 9,999,999", "the same model"),
        ({"num_hidden_layers": 100_000}, "too few tensors for the layers", "100,000, 41 tensors", "the same model"),
        ({"num_hidden_layers": 1}, "more layers than config.json says", "16 more weights", "the same model"),
        ({"num_hidden_layers": 3}, "weights that the model needs are missing", "16 are missing", "again"),
        ({"hidden_size": 64}, "other shapes than its config.json says", "of 32", "the same model"),
        ({"max_position_embeddings": 10**10}, "too large for the memory", "GB of weights in fp32", "smaller model"),
        ({"max_position_embeddings": "many"}, "is damaged", "max_position_embeddings", "Copy it again"),
        ({"architectures": "BertModel"}, "is damaged", "architectures is not a list of names", "Copy it again"),
        ({"model_type": "own", "auto_map": {"AutoModel": "modeling.Own"}}, "needs code of its own, which is not run",
         "model_type own", "ONNX"),
        ({"model_type": "own"}, "the family of the model is unknown", "model_type own", "Update transformers"),
        ({"architectures": ["BertForMultipleChoice"]}, "head of this model cannot be imported", "MultipleChoice",
         "--task text-embedding"),
        ({"architectures": ["ViTForImageClassification"]}, "head of this model cannot be imported", "ViT", "--task"),
        ({"architectures": ["MarianMTModel"], "is_encoder_decoder": True}, "an encoder and a decoder", "MarianMT", ""),
        ({"architectures": ["BartForSequenceClassification"], "is_encoder_decoder": True},
         "an encoder and a decoder, which cannot be converted", "BartForSequenceClassification", "ONNX"),
        ({"architectures": ["LlamaForCausalLM"]}, "generates text", "LlamaForCausalLM", ""),
        ({"num_labels": 5}, "contradict each other", "num_labels 5, 2 names", "number of outputs that the head has"),
        ({"id2label": {"0": "a", "2": "b"}}, "does not number the labels", "0, 2", ""),
        ({"id2label": ["a", "b"]}, "does not number the labels", "a, b", ""),
        ({"id2label": {"0": None, "1": "b"}}, "has no name", "number 0", "--label-names"),
        ({"id2label": {"0": "a", "1": "a"}}, "same name", "a", "--label-names"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "other shapes", "classifier.bias of 2", "number of labels"),
        ({"id2label": None, "label2id": None, "num_labels": "many"}, "no usable num_labels", "many", ""),
    ],
)  # fmt: skip
def test_configurations_that_do_not_fit_are_refused(
    model: Path, fields: dict[str, Any], message: str, found: str, hint: str
) -> None:
    edit_json(model / "config.json", **fields)
    error = refused(model)
    assert message in error.message
    assert found in str(error.found)
    assert hint in str(error.hint)


def remove_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def more_tokens(folder: Path) -> None:
    fields = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = fields["model"]["vocab"]
    vocabulary |= {f"further{row}": len(vocabulary) + row for row in range(50)}
    (folder / "tokenizer.json").write_text(json.dumps(fields))


def fewer_tokens(folder: Path) -> None:
    fields = json.loads((folder / "tokenizer.json").read_text())
    fields["model"]["vocab"] = dict(list(fields["model"]["vocab"].items())[:40])
    (folder / "tokenizer.json").write_text(json.dumps(fields))


def other_special_tokens(folder: Path) -> None:
    edit_json(folder / "config.json", pad_token_id=3, bos_token_id=5, eos_token_id=7, cls_token_id=5, sep_token_id=7)


def cut_tokenizer(folder: Path) -> None:
    file = folder / "tokenizer.json"
    file.write_text(file.read_text()[:-500])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_tokenizer, "no tokenizer that can be read"),
        (cut_tokenizer, "no tokenizer that can be read"),
        (more_tokens, "the tokenizer belongs to another model"),
        (fewer_tokens, "the tokenizer belongs to another model"),
        (other_special_tokens, "the tokenizer belongs to another model"),
    ],
)
def test_tokenizers_that_do_not_fit_are_refused(model: Path, damage: Damage, message: str) -> None:
    damage(model)
    error = refused(model)
    assert message in error.message
    assert error.hint


def test_a_model_of_the_memory_is_refused_before_it_is_loaded(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = {name: each.half() for name, each in tensors(model).items()}
    save(model, halves)
    size = 4 * sum(each.numel() for each in halves.values())  # fp16 takes twice the size of its file in fp32
    monkeypatch.setattr(foreign_weights, "load_model", lambda *_: pytest.fail("the model was loaded"))
    monkeypatch.setattr(weight_files, "available_memory", lambda: 3 * size - 1)
    error = refused(model)
    assert error.message == "the model is too large for the memory of this machine"
    assert error.hint


def test_a_model_of_the_hub_that_is_too_large_is_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weight_files, "available_memory", lambda: 64 << 30)
    with local_hub() as hub:
        use_hub(monkeypatch, hub.url, str(tmp_path / "cache"))
        files = {"config.json": b"{}", "model.safetensors": b"weights"}
        hub.add("owner/large", files, weights=7_000_000_000)
        with pytest.raises(ConfigError, match="too large for the memory") as error:
            find_model("owner/large")
        assert str(error.value.found) == "26.1 GB of weights in fp32, 64.0 GB of free memory"
        assert hub.paths("GET", "/resolve/") == []


def test_weights_in_16_bits_in_shards_or_with_more_than_needed_are_read(model: Path) -> None:
    import torch

    found = {name: each.half() for name, each in tensors(model).items()}
    save(model, found | {"cls.predictions.bias": torch.zeros(3)})
    shard(model)
    loaded = foreign_weights.load_foreign_model(model, "text-classification")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.classifier.weight, found["classifier.weight"].float())


def test_a_tokenizer_without_a_padding_token_is_read(model: Path, tmp_path: Path) -> None:
    edit_json(model / "tokenizer_config.json", pad_token=None)
    found = open_foreign_model(find_model(str(model)), recognise(model), make(tmp_path / "scratch"))
    assert "the tokenizer has no padding token: the configuration's pad_token_id (0) fills short rows, masked" in (
        found.evidence
    )
    assert found.task.encoding.pad_token_id == 0


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_model_of_sentencepiece_is_enough(tmp_path: Path) -> None:
    import sentencepiece
    from transformers import XLMRobertaConfig

    sentences, written = ["where is my money", "the card was charged"], io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences * 50), model_writer=written, vocab_size=40, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    (tmp_path / "sentencepiece.bpe.model").write_bytes(written.getvalue())
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
    config = XLMRobertaConfig(vocab_size=30, max_position_embeddings=66)
    config.save_pretrained(tmp_path)
    found = open_tokenizer(tmp_path, config, stated_length=None, max_length=None, stride=None)
    tokens = found.tokenizer.tokenize("where is the money")
    assert "".join(tokens) == "▁where▁is▁the▁money"
    assert (found.tokenizer.is_fast, found.encoding.max_length, found.encoding.pad_token_id) == (True, 64, 1)


def test_a_vocabulary_file_is_enough(model: Path) -> None:
    fields = json.loads((model / "tokenizer.json").read_text())
    names = sorted(fields["model"]["vocab"], key=fields["model"]["vocab"].__getitem__)
    renamed = {"<pad>": "[PAD]", "<s>": "[CLS]", "</s>": "[SEP]", "<unk>": "[UNK]", names[-1]: "[MASK]"}
    remove_tokenizer(model)
    (model / "vocab.txt").write_text("\n".join(renamed.get(name, name) for name in names) + "\n")
    assert glossator.load(import_folder(model, model.parent / "bundle").exported.output)("where is my money").label


def test_modules_in_the_current_folder_do_not_run_when_pickles_are_converted(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    torch.save(tensors(model), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    here = tmp_path / "here"
    here.mkdir()
    for name in ("torch", "safetensors", "resource", "pathlib"):
        (here / f"{name}.py").write_text(f"from os import mkdir; mkdir({str(tmp_path / 'ran')!r}); raise SystemExit")
    monkeypatch.chdir(here)
    loaded = foreign_weights.load_foreign_model(model, "text-classification")
    assert loaded.classifier.weight.shape == (2, 32)
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_no_pickle_is_refused(model: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(b"garbage" * 100)
    error = refused(model)
    assert error.found == "UnpicklingError: Unsupported operand 103"
    assert "cannot be read without running code" in error.message
    assert "save_pretrained" in str(error.hint)
