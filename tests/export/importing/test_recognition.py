"""What a folder holds is recognised by its files; what cannot be imported is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from glossator.export.importing.recognition import recognise
from glossator.service.errors import ConfigError


def config(folder: Path, architecture: str = "BertForSequenceClassification", **fields: Any) -> Path:
    found = {"architectures": [architecture], "model_type": "bert", **fields}
    (folder / "config.json").write_text(json.dumps(found))
    return folder


def labels(*names: str) -> dict[str, Any]:
    return {"id2label": {str(row): name for row, name in enumerate(names)}}


@pytest.mark.parametrize(
    ("architecture", "fields", "task", "names"),
    [
        ("BertForSequenceClassification", labels("a", "b"), "text-classification", ["a", "b"]),
        ("BertForSequenceClassification", labels(*"abcdefghijkl"), "text-classification", list("abcdefghijkl")),
        ("BertForSequenceClassification", labels("ENTAILMENT", "not_entailment"), "text-pair",
         ["ENTAILMENT", "not_entailment"]),
        ("BertForSequenceClassification", {**labels("x"), "sbert_ce_default_activation_function": "Identity"},
         "text-pair", ["score"]),
        ("BertForTokenClassification", labels("O", "B_LOC", "I_LOC"), "token-classification", ["O", "B-LOC", "I-LOC"]),
        ("BertForQuestionAnswering", {}, "question-answering", []),
        ("BertModel", {}, "text-embedding", []),
        ("BertForMaskedLM", {}, "text-embedding", []),
    ],
)  # fmt: skip
def test_the_head_says_what_a_model_does(
    tmp_path: Path, architecture: str, fields: dict[str, Any], task: str, names: list[str]
) -> None:
    found = recognise(config(tmp_path, architecture, **fields))
    assert (found.task, found.labels) == (task, names)
    assert architecture in found.evidence[0]


def test_labels_without_names_are_said_and_can_be_named(tmp_path: Path) -> None:
    folder = config(tmp_path, **labels("LABEL_0", "LABEL_1"))
    assert any("--label-names" in line for line in recognise(folder).evidence)
    named = recognise(folder, label_names=["bad", "good"])
    assert named.labels == ["bad", "good"]
    assert not any("--label-names" in line for line in named.evidence)
    with pytest.raises(ConfigError, match="another number of labels"):
        recognise(folder, label_names=["bad", "good", "ugly"])


def test_the_user_may_say_that_a_score_is_of_two_texts(tmp_path: Path) -> None:
    folder = config(tmp_path, **labels("LABEL_0"))
    alone = recognise(folder)
    assert (alone.task, alone.problem_type, alone.labels) == ("text-classification", "regression", ["score"])
    assert any("--task text-pair" in line for line in alone.evidence)
    found = recognise(folder, task="text-pair")
    assert (found.task, found.problem_type, found.labels) == ("text-pair", "regression", ["score"])


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    folder = config(tmp_path, **labels("a", "b"), auto_map={"AutoModel": "modeling.Model"})
    (folder / "modeling.py").write_text("raise SystemExit('ran')")
    assert any("its own code, which is not run" in line for line in recognise(folder).evidence)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.txt": ""}, "this folder holds no model"),
        ({}, "this folder holds no model"),
        ({"config.json": "{"}, "cannot be read"),
        ({"config.json": "[]"}, "is not the configuration"),
        ({"config.json": '{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'}, "generates text"),
        ({"config.json": '{"architectures": ["BertModel"], "model_type": "bert"}', "model_head.pkl": ""}, "a pickle"),
        ({"adapter_config.json": "{}"}, "an adapter without its base"),
        ({"modules.json": '{"a": 1}', "config.json": '{"model_type": "bert"}'}, "no list of modules"),
        ({"modules.json": "[1]", "config.json": '{"model_type": "bert"}'}, "no list of modules"),
        (
            {"config.json": '{"architectures": ["BertForTokenClassification"], "model_type": "bert", "id2label": '
             '{"0": "B-LOC", "1": "I-LOC"}}'},
            "no tag for words outside",
        ),
        (
            {"modules.json": '[{"type": "sentence_transformers.models.WordEmbeddings", "path": ""}]',
             "config.json": '{"model_type": "bert"}'},
            "modules that cannot be imported",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_refused_by_name(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        recognise(tmp_path)


def test_prompts_and_lengths_of_sentence_transformers_are_read(tmp_path: Path) -> None:
    config(tmp_path, "BertModel")
    kinds = ("models.Transformer", "models.Pooling", "models.Normalize")
    modules = [
        {"type": f"sentence_transformers.{kind}", "path": path}
        for kind, path in zip(kinds, ("", "1", "2"), strict=True)
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "config.json").write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    (tmp_path / "config_sentence_transformers.json").write_text('{"prompts": {"query": "query: ", "document": ""}}')
    found = recognise(tmp_path)
    assert (found.pooling, found.normalized, found.max_length) == ("cls", True, 128)
    assert found.evidence[-1] == (
        "the prompt 'query' is not added: begin your texts with 'query: ', or import with --prompt query"
    )
