"""What other tools need is added to a bundle, and nothing of this machine stays in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from vote_bundle import vector_bundle

import glossator
from glossator.export.other_tools import portable_config, portable_tokenizer_config, write_for_other_tools
from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import BundleInvalid

TEXT = "the parcel thanks"
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of vectors, prepared as export does it."""
    folder = vector_bundle(tmp_path / "vectors", dimension=8)
    manifest = read_manifest(folder)
    task = manifest.task.model_copy(update={"prompt": "query: "})
    write_for_other_tools(folder, task)  # type: ignore[arg-type]
    write_manifest(folder, manifest.model_copy(update={"files": list_files(folder)}))
    return folder


def test_the_graph_also_gives_its_vectors_as_the_states_of_one_token(folder: Path) -> None:
    session = onnxruntime.InferenceSession(folder / "onnx/model.onnx", providers=["CPUExecutionProvider"])
    tokens = np.array([[2, 4, 5, 3], [2, 6, 3, 0]])
    vectors, states = session.run(
        ["embedding", "last_hidden_state"], {"input_ids": tokens, "attention_mask": (tokens > 0).astype(np.int64)}
    )
    assert states.shape == (2, 1, 8)
    assert np.array_equal(states[:, 0], vectors)
    assert len(np.unique(vectors)) > 8


def test_the_service_reads_the_same_vectors_as_before(folder: Path, tmp_path: Path) -> None:
    before = glossator.load(vector_bundle(tmp_path / "plain", dimension=8))
    assert np.array_equal(glossator.load(folder)(TEXT).vector, before(TEXT).vector)


def test_a_graph_of_labels_may_not_have_further_outputs(folder: Path, tmp_path: Path) -> None:
    manifest = read_manifest(folder)
    other = vector_bundle(tmp_path / "other", dimension=8)
    shutil.copyfile(folder / "onnx/model.onnx", other / "onnx/model.onnx")
    graph = (other / "onnx/model.onnx").read_bytes().replace(b"last_hidden_state", b"lost_hidden_state")
    (other / "onnx/model.onnx").write_bytes(graph)
    write_manifest(other, manifest.model_copy(update={"files": list_files(other)}))
    with pytest.raises(BundleInvalid) as caught:
        read_bundle(other)
    assert [fault.name for fault in caught.value.faults] == ["graph-outputs"]


def test_sentence_transformers_takes_the_first_token_and_the_prompt(folder: Path) -> None:
    def read(name: str) -> Any:
        return json.loads((folder / name).read_text())

    assert [module["path"] for module in read("modules.json")] == ["", "1_Pooling"]
    pooling = read("1_Pooling/config.json")
    assert pooling["word_embedding_dimension"] == 8
    assert [name for name, value in pooling.items() if name.startswith("pooling_mode") and value] == [
        "pooling_mode_cls_token"
    ]
    assert read("sentence_bert_config.json")["max_seq_length"] == read_manifest(folder).task.encoding.max_length
    assert read("config_sentence_transformers.json")["prompts"] == {"default": "query: "}
    assert set(read_manifest(folder).files) >= {"modules.json", "1_Pooling/config.json"}


def test_an_architecture_of_ours_gets_a_name_that_other_tools_know() -> None:
    config = {"model_type": "glossator-bag", "architectures": ["BagModel"], "id2label": {"0": "a"}, "hidden": 0}
    assert json.loads(portable_config(json.dumps(config).encode())) == {
        "model_type": "bert", "glossator_model_type": "glossator-bag", "id2label": {"0": "a"}, "hidden": 0,
    }  # fmt: skip


def test_the_configuration_of_a_known_architecture_keeps_its_bytes() -> None:
    data = b'{"model_type":  "distilbert", "architectures": ["DistilBertModel"]}'
    assert portable_config(data) == data


def test_classes_that_only_transformers_5_has_are_replaced() -> None:
    config = {"tokenizer_class": "TokenizersBackend", "backend": "tokenizers", "is_local": True, "cls_token": "<s>",
              "local_files_only": True, "name_or_path": "/home/me/base"}  # fmt: skip
    assert json.loads(portable_tokenizer_config(json.dumps(config).encode(), INPUTS)) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "cls_token": "<s>",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }


def test_a_list_of_special_tokens_has_the_name_that_both_versions_read() -> None:
    """transformers 4 fails on a list with the name that transformers 5 writes."""
    config = {"tokenizer_class": "BertTokenizer", "extra_special_tokens": ["<e1>", "<e2>"]}
    assert json.loads(portable_tokenizer_config(json.dumps(config).encode(), INPUTS)) == {
        "tokenizer_class": "BertTokenizer",
        "additional_special_tokens": ["<e1>", "<e2>"],
    }


def test_a_known_class_of_tokenizers_stays() -> None:
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    assert json.loads(portable_tokenizer_config(json.dumps(config).encode(), INPUTS)) == config


def test_an_export_is_prepared_for_other_tools(tiny_bundle: Callable[[str], Path]) -> None:
    config = json.loads((tiny_bundle("single_label_classification") / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "is_local" not in config
