"""LoRA adapters of peft are merged onto their base; the expected answers come from the formula, without merging."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from foreign_models import TEXTS, edit_json, import_folder, named_labels, save_model

import glossator
from glossator.export.importing.adapter_merge import merge_adapter
from glossator.export.importing.model_source import find_model
from glossator.service.errors import ConfigError

RANK = 3
LABELS = ["billing", "delivery", "login"]
QUERY = "bert.encoder.layer.0.attention.self.query"
VALUE = "bert.encoder.layer.1.attention.self.value"
WORDS = "bert.embeddings.word_embeddings"


@pytest.fixture(scope="module")
def base(tiny_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base as most adapters have it: the weights of an encoder with another head."""
    folder = tmp_path_factory.mktemp("base") / "base"
    return save_model(tiny_base("bert"), folder, **named_labels("a", "b"))


def random_tensor(*shape: int) -> Any:
    import torch

    return torch.randn(*shape)


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as peft saves it: matrices for two products and the table of tokens, and a new head of three labels."""
    import torch

    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    folder.mkdir()
    torch.manual_seed(5)
    vocabulary = json.loads((base / "config.json").read_text())["vocab_size"]
    save_tensors(
        folder,
        {
            **{f"{module}.lora_A.weight": random_tensor(RANK, 32) for module in (QUERY, VALUE)},
            **{f"{module}.lora_B.weight": random_tensor(32, RANK) for module in (QUERY, VALUE)},
            f"{WORDS}.lora_embedding_A": random_tensor(RANK, vocabulary),
            f"{WORDS}.lora_embedding_B": random_tensor(32, RANK),
            "classifier.weight": random_tensor(3, 32),
            "classifier.bias": random_tensor(3),
            "classifier.original_module.bias": random_tensor(2),
        },
    )
    settings = {
        "base_model_name_or_path": str(base), "peft_type": "LORA", "task_type": "SEQ_CLS", "r": RANK, "lora_alpha": 6,
        "alpha_pattern": {"attention.self.value": 2}, "fan_in_fan_out": False, "use_rslora": False, "use_dora": False,
        "init_lora_weights": True, "target_modules": ["query", "value"], "modules_to_save": ["classifier", "score"],
        "bias": "none", "megatron_core": "megatron.core", "inference_mode": True, "peft_version": "0.21.2",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def folder(adapter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapter, tmp_path / "adapter"))


def save_tensors(folder: Path, tensors: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    save_file(
        {f"base_model.model.{name}": tensor for name, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )


def tensors_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found = load_file(folder / "adapter_model.safetensors")
    return {name.removeprefix("base_model.model."): tensor for name, tensor in found.items()}


def expected_scores(base: Path, folder: Path, scales: Mapping[str, float]) -> list[list[float]]:
    """The probabilities of the base with the matrices apart from its weights, as in training: h = W x + scale B A x."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3, ignore_mismatched_sizes=True).eval()
    tensors = tensors_of(folder)
    model.classifier.load_state_dict({name: tensors[f"classifier.{name}"] for name in ("weight", "bias")})
    for module in (QUERY, VALUE):
        first, second = (tensors[f"{module}.lora_{side}.weight"] for side in "AB")

        def apart(_: Any, given: Any, found: Any, first: Any = first, second: Any = second, name: str = module) -> Any:
            return found + scales[name] * (given[0] @ first.T) @ second.T

        model.get_submodule(module).register_forward_hook(apart)
    table = tensors[f"{WORDS}.lora_embedding_A"].T @ tensors[f"{WORDS}.lora_embedding_B"].T
    model.get_submodule(WORDS).register_forward_hook(lambda _, given, found: found + scales[WORDS] * table[given[0]])
    tokenizer = AutoTokenizer.from_pretrained(base)
    with torch.no_grad():
        return [
            model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64)).logits.softmax(-1)[0].tolist()
            for text in TEXTS
        ]


@pytest.mark.parametrize(
    ("by_root", "scales"),
    [
        (False, {QUERY: 6 / RANK, VALUE: 2 / RANK, WORDS: 6 / RANK}),
        (True, {QUERY: 6 / math.sqrt(RANK), VALUE: 2 / math.sqrt(RANK), WORDS: 6 / math.sqrt(RANK)}),
    ],
)
def test_a_merged_adapter_answers_as_the_adapter_next_to_its_base(
    base: Path, folder: Path, tmp_path: Path, by_root: bool, scales: dict[str, float]
) -> None:
    edit_json(folder / "adapter_config.json", use_rslora=by_root)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **named_labels(*LABELS)}))
    found = import_folder(folder, tmp_path / "bundle")
    assert found.exported.manifest.task.labels == LABELS
    assert found.evidence[0].startswith("adapter_config.json: 2 LoRA matrices, merged onto base at ")
    answers = glossator.load(found.exported.output)(TEXTS, truncate=True)
    expected = expected_scores(base, folder, scales)
    for answer, theirs in zip(answers, expected, strict=True):
        scores = {each.label: each.score for each in answer.prediction.scores}
        assert scores == pytest.approx(dict(zip(LABELS, theirs, strict=True)), abs=1e-4)
    assert max(row[0] for row in expected) - min(row[0] for row in expected) > 0.01


def test_pickled_matrices_are_converted_without_running_code(base: Path, folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    one, _ = merge_adapter(find_model(str(folder)), make(tmp_path / "one"))
    (folder / "adapter_model.safetensors").unlink()
    other, _ = merge_adapter(find_model(str(folder)), make(tmp_path / "other"))
    first, second = (load_file(each.folder / "model.safetensors") for each in (one, other))
    assert all(torch.equal(first[name], second[name]) for name in first)


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_missing_base_can_be_given(base: Path, folder: Path, tmp_path: Path) -> None:
    edit_json(folder / "adapter_config.json", base_model_name_or_path="/home/someone/checkpoint-500")
    with pytest.raises(ConfigError, match="base model of the adapter cannot be used: there is no model here") as error:
        import_folder(folder, tmp_path / "bundle")
    assert "--base" in str(error.value.hint)
    assert not (tmp_path / "bundle").exists()
    merged, evidence = merge_adapter(find_model(str(folder)), tmp_path, base=str(base))
    assert (merged.name, len(evidence)) == ("adapter", 1)
    assert (merged.folder / "tokenizer.json").is_file()


@pytest.mark.parametrize(
    ("fields", "message", "found"),
    [
        ({"peft_type": "IA3"}, "this kind of adapter cannot be merged", "IA3"),
        ({"use_dora": True}, "this variant of LoRA cannot be merged", "use_dora"),
        ({"layer_replication": [[0, 2]]}, "this variant of LoRA cannot be merged", "layer_replication"),
        ({"option_of_tomorrow": 1}, "this variant of LoRA cannot be merged", "option_of_tomorrow"),
        ({"init_lora_weights": "pissa"}, "changes the weights of the base", "pissa"),
        ({"task_type": "CAUSAL_LM"}, "an adapter for this task", "CAUSAL_LM"),
        ({"lora_alpha": "many"}, "is damaged", "many"),
        ({"alpha_pattern": {"(": 2}}, "patterns of this adapter cannot be read", "alpha_pattern ("),
        ({"alpha_pattern": {"(a+)+b": 2}}, "patterns of this adapter cannot be read", "alpha_pattern (a+)+b"),
        ({"alpha_pattern": ["a"]}, "is damaged", ""),
        ({"peft_type": None}, "is not the configuration of an adapter", ""),
        ({"base_model_name_or_path": None}, "names no base model", ""),
    ],
)
def test_other_adapters_are_refused_by_name(
    folder: Path, tmp_path: Path, fields: dict[str, Any], message: str, found: str
) -> None:
    edit_json(folder / "adapter_config.json", **fields)
    with pytest.raises(ConfigError, match=message) as error:
        import_folder(folder, tmp_path / "bundle")
    assert found in str(error.value.found)
    assert not (tmp_path / "bundle").exists()


def test_matrices_that_do_not_fit_are_refused(base: Path, folder: Path, tmp_path: Path) -> None:
    import torch

    good = tensors_of(folder)
    without = {name: tensor for name, tensor in good.items() if "classifier" not in name}
    for row, (tensors, message) in enumerate(
        [
            (good | {f"{QUERY}.lora_A.weight": torch.zeros(RANK, 16)}, "belongs to another base model"),
            (good | {f"{QUERY}.lora_A.weight": torch.zeros(RANK + 1, 32)}, "belongs to another base model"),
            (good | {"bert.encoder.layer.7.output.dense.bias": torch.zeros(32)}, "weights that its base lacks"),
            (good | {f"{QUERY}.lora_magnitude_vector": torch.zeros(32)}, "variant of LoRA cannot be merged"),
            ({name: each for name, each in good.items() if name != f"{QUERY}.lora_B.weight"}, "is incomplete"),
            (good | {"classifier.bias": torch.zeros(2)}, "belongs to another base model"),
        ]
    ):
        save_tensors(folder, tensors)
        with pytest.raises(ConfigError, match=message):
            merge_adapter(find_model(str(folder)), make(tmp_path / str(row)))
    save_tensors(folder, without)
    headless = Path(shutil.copytree(base, tmp_path / "headless"))
    from safetensors.torch import load_file, save_file

    weights = load_file(headless / "model.safetensors")
    save_file(
        {name: each for name, each in weights.items() if "classifier" not in name}, headless / "model.safetensors"
    )
    with pytest.raises(ConfigError, match="neither the adapter nor its base has all weights"):
        merge_adapter(find_model(str(folder)), make(tmp_path / "scratch"), base=str(headless))


def test_only_adapters_have_a_base(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only an adapter has a base model"):
        merge_adapter(find_model(str(base)), tmp_path, base=str(base))
