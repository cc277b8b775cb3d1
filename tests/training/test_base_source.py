"""Training starts from folders of transformers and of sentence-transformers, and pools as the latter say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_hub import local_hub, use_hub

from glossator.modeling.checkpoint_reader import load_checkpoint
from glossator.service.errors import ConfigError
from glossator.service.inference.pipeline import Answer
from glossator.training.base_model import open_model, resolve_base_model, window_lengths
from glossator.training.config import TrainingConfig
from glossator.training.fit import fit
from glossator.training.progress import SilentProgress
from glossator.training.text_vectors import embed_texts

KINDS = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
Save = Callable[..., Path]


@pytest.fixture
def sentence_folder(tiny_base: Callable[[str], Path], tmp_path: Path) -> Save:
    """A function that writes a folder of sentence-transformers around a tiny encoder."""

    def save(*modes: str, encoder: str = "", length: int | None = None, dense: bool = False, **settings: Any) -> Path:
        folder = tmp_path / "sentences"
        shutil.copytree(tiny_base("bert"), folder / encoder, dirs_exist_ok=True)
        modules = [
            {"type": f"sentence_transformers.models.{kind}", "path": path or encoder} for kind, path in KINDS.items()
        ]
        if dense:
            fields = {"in_features": 32, "out_features": 8, "activation_function": "torch.nn.modules.linear.Identity"}
            write(folder / "3_Dense" / "config.json", fields)
            modules.insert(2, {"type": "sentence_transformers.models.Dense", "path": "3_Dense"})
        write(folder / "modules.json", modules)
        write(folder / "1_Pooling" / "config.json", {f"pooling_mode_{mode}": True for mode in modes})
        if length is not None:
            write(folder / encoder / "sentence_bert_config.json", {"max_seq_length": length})
        write(folder / "config_sentence_transformers.json", settings)
        return folder

    return save


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))


def test_pooling_and_length_come_from_the_folder(sentence_folder: Save) -> None:
    base = resolve_base_model(str(sentence_folder("cls_token", encoder="0_Transformer", length=24)))
    assert base.folder.endswith("0_Transformer")
    assert (base.name, base.family, base.pooling, base.dimension) == ("sentences", "bert", "cls", 32)
    assert base.evidence == ("modules.json: pooling cls, for algorithms that use vectors of texts",)
    assert window_lengths(base, TrainingConfig()) == (24, 3)
    assert window_lengths(base, TrainingConfig(max_length=64)) == (64, 8)  # the encoder has positions for it


def test_vectors_of_several_poolings_are_concatenated(sentence_folder: Save) -> None:
    base = resolve_base_model(str(sentence_folder("cls_token", "mean_tokens")))
    assert (base.pooling, base.dimension) == (["cls", "mean"], 64)


def test_a_folder_of_transformers_is_pooled_by_the_mean(tiny_base: Callable[[str], Path]) -> None:
    base = resolve_base_model(str(tiny_base("bert")))
    assert (base.pooling, base.dimension, base.max_length, base.evidence) == ("mean", 32, None, ())


def test_layers_and_prompts_that_training_leaves_out_are_said(sentence_folder: Save) -> None:
    folder = sentence_folder("mean_tokens", dense=True, prompts={"query": "query: "})
    assert resolve_base_model(str(folder)).evidence == (
        "not used in training: a dense layer from 32 to 8 (identity)",
        "the prompts of the base model are not added in training",
    )


def test_a_static_table_is_no_base(sentence_folder: Save) -> None:
    folder = sentence_folder("mean_tokens")
    write(folder / "modules.json", [{"type": "sentence_transformers.models.StaticEmbedding", "path": ""}])
    with pytest.raises(ConfigError, match="a table of token vectors, not an encoder") as caught:
        resolve_base_model(str(folder))
    assert "--algorithm static" in (caught.value.hint or "")


def test_modules_that_cannot_be_imported_are_refused_with_the_same_error(sentence_folder: Save) -> None:
    folder = sentence_folder("no_such_mode")
    with pytest.raises(ConfigError, match="the pooling of this sentence-transformers model cannot be imported"):
        resolve_base_model(str(folder / "1_Pooling" / ".."))


def test_texts_are_embedded_as_the_folder_says(sentence_folder: Save) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder, text = sentence_folder("cls_token"), "where is my parcel"
    (vector,) = embed_texts([text], TrainingConfig(base=str(folder)))
    with torch.inference_mode():
        inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        first = AutoModel.from_pretrained(folder)(**inputs).last_hidden_state[0, 0].numpy()
    np.testing.assert_allclose(vector, first / np.linalg.norm(first), atol=1e-5)


def test_a_frozen_model_keeps_the_pooling_of_its_base(
    sentence_folder: Save, topic_splits: Callable[[str], Any], tmp_path: Path
) -> None:
    class Stages(SilentProgress):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def stage(self, name: str) -> None:
            self.lines.append(name)

    stages = Stages()
    config = TrainingConfig(algorithm="frozen", base=str(sentence_folder("cls_token")), device="cpu", precision="fp32")
    fitted = fit(topic_splits("single_label_classification"), config, tmp_path / "checkpoint", progress=stages)
    assert "modules.json: pooling cls, for algorithms that use vectors of texts" in stages.lines
    stored = json.loads((fitted.output / "config.json").read_text())
    assert (stored["model_type"], stored["pooling"]) == ("glossator-pooled", "cls")
    answer = load_checkpoint(fitted.output).predict(["where is my parcel please help"])[0]
    assert isinstance(answer, Answer)
    assert answer.label == "delivery"


def test_a_model_on_the_hub_is_downloaded_without_code_and_pickles(
    sentence_folder: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sentence_folder("cls_token", encoder="0_Transformer")
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    files |= {"code.py": b"1", "0_Transformer/pytorch_model.bin": b"2"}
    with local_hub() as hub:
        commit = hub.add("owner/encoder", files).branches["main"]
        use_hub(monkeypatch, hub.url, str(tmp_path / "cache"))
        base = resolve_base_model("owner/encoder")
        assert (base.name, base.revision, base.pooling) == ("owner/encoder", commit, "cls")
        assert not list(Path(base.folder).parent.rglob("*.py"))
        assert not list(Path(base.folder).parent.rglob("*.bin"))
        with pytest.raises(ConfigError, match="the hub has no such model, or it is private"):
            resolve_base_model("owner/absent")


def test_a_model_with_a_head_of_another_kind_is_a_base(tiny_base: Callable[[str], Path], tmp_path: Path) -> None:
    from task_factory import make_task
    from transformers import AutoModelForMaskedLM

    folder = tmp_path / "masked"
    shutil.copytree(tiny_base("bert"), folder)
    AutoModelForMaskedLM.from_pretrained(tiny_base("bert")).save_pretrained(folder)
    assert open_model(resolve_base_model(str(folder)), make_task(labels=["a", "b"])).config.num_labels == 2
