"""What other tools need to open a bundle, besides the files that they share with us.

- No other tool knows the architectures of `modeling/architectures`; a graph needs no more than a name that is known.
- transformers 4, and what builds on it, does not know the classes of tokenizers that transformers 5 names.
- Tools for sentence vectors pool the states of the tokens themselves. The graph has pooled them already, so it also
  gives its vectors as the states of a single token, `last_hidden_state` of shape (batch, 1, dimension). The files of
  sentence-transformers then say: take the first token. That is exact for every pooling, and costs no time.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from glossator.service.bundle import file_names
from glossator.service.bundle.onnx_inspection import FURTHER_OUTPUT, inspect_onnx
from glossator.service.bundle.task import Task, TextEmbedding

_OUR_ARCHITECTURES, _KNOWN_ARCHITECTURE = "glossator-", "bert"
_PORTABLE_CLASS = "PreTrainedTokenizerFast"
_NEW_CLASSES = frozenset({"TokenizersBackend", "PreTrainedTokenizer"})
"""Classes of transformers 5 that only say: read `tokenizer.json`."""
_INPUTS = ("input_ids", "token_type_ids", "attention_mask")
_OF_THE_MACHINE = ("backend", "is_local", "local_files_only", "name_or_path")
"""What transformers notes about how the tokenizer was loaded."""


def write_for_other_tools(folder: Path, task: Task) -> None:
    """Change the configurations so that other tools read them, and add what sentence vectors need."""
    model_config = folder / file_names.CONFIG
    model_config.write_bytes(portable_config(model_config.read_bytes()))
    config = folder / file_names.TOKENIZER_CONFIG
    if config.is_file():
        inputs = inspect_onnx((folder / file_names.GRAPH_FP32).read_bytes(), file_names.GRAPH_FP32).inputs
        config.write_bytes(portable_tokenizer_config(config.read_bytes(), inputs))
    if isinstance(task, TextEmbedding):
        for graph in (folder / file_names.GRAPH_FP32, folder / file_names.GRAPH_INT8):
            if graph.is_file():
                _add_further_output(graph, task.dimension)
        _write_sentence_transformers(folder, task)


def portable_config(data: bytes) -> bytes:
    """Return a `config.json` whose `model_type` other tools know; that of the model is then in `glossator_model_type`.

    The graph says what is computed. Tools that run it take the class that calls it from `model_type`, and refuse those
    of our own architectures. That of BERT calls any graph with these inputs.
    """
    config = json.loads(data)
    name = config.get("model_type", "")
    if not name.startswith(_OUR_ARCHITECTURES):
        return data
    kept = {key: value for key, value in config.items() if key != "architectures"}
    return _to_bytes(kept | {"model_type": _KNOWN_ARCHITECTURE, "glossator_model_type": name})


def portable_tokenizer_config(data: bytes, inputs: Collection[str]) -> bytes:
    """Return a `tokenizer_config.json` that transformers 4 and 5 read, without notes about this machine.

    `inputs`: those of the graph. Without their names, a tokenizer of no particular class gives no `token_type_ids`, and
    other tools then take zeros for the second text too.
    """
    config = json.loads(data)
    if config.get("tokenizer_class", _PORTABLE_CLASS) in (*_NEW_CLASSES, _PORTABLE_CLASS):
        config["tokenizer_class"] = _PORTABLE_CLASS
        config["model_input_names"] = [name for name in _INPUTS if name in inputs]
    if isinstance(config.get("extra_special_tokens"), list):  # as transformers 5 writes it; 4 fails on a list
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    kept = {name: value for name, value in config.items() if name not in _OF_THE_MACHINE}
    return _to_bytes(kept)


def _to_bytes(config: dict[str, object]) -> bytes:
    return (json.dumps(config, ensure_ascii=False, indent=2) + "\n").encode()


def _add_further_output(graph: Path, dimension: int) -> None:
    """Let a graph of vectors also give them as `last_hidden_state` `(batch, 1, dimension)`."""
    model = onnx.load(graph)
    (output,) = (each for each in model.graph.output if each.name == "embedding")
    axis = f"{FURTHER_OUTPUT}_axis"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], dtype=np.int64), axis))
    model.graph.node.append(helper.make_node("Unsqueeze", [output.name, axis], [FURTHER_OUTPUT]))
    shape = ["batch", 1, dimension]
    model.graph.output.append(helper.make_tensor_value_info(FURTHER_OUTPUT, TensorProto.FLOAT, shape))
    onnx.save(model, graph)


def _write_sentence_transformers(folder: Path, task: TextEmbedding) -> None:
    """Write the modules of sentence-transformers: the graph, then its only token."""
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    other_modes = ("mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
    pooling = {
        "word_embedding_dimension": task.dimension,
        "pooling_mode_cls_token": True,
        **{f"pooling_mode_{mode}": False for mode in other_modes},
        "include_prompt": True,
    }
    prompts = {"default": task.prompt} if task.prompt else {}
    contents: dict[str, object] = {
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": task.encoding.max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": prompts,
            "default_prompt_name": "default" if prompts else None,
            "similarity_fn_name": "cosine",
        },
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
