"""The weights of known families are found in their ONNX graphs, and used only if they compute the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_graphs import export_graph, random_model

from glossator.export.onnx_source.recovered_weights import recover_model
from glossator.export.onnx_source.reference_session import ReferenceSession
from glossator.service.bundle.task import Encoding, Provenance, TextEmbedding

TASK = TextEmbedding(
    normalized=True,
    dimension=32,
    encoding=Encoding(max_length=64, stride=8),
    provenance=Provenance(
        corpus_fingerprint="", corpus_rows=0, base_model="x", base_revision="", algorithm="imported", config={},
        seed=0, code_version="", packages={}, created="",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def exported(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A model, and its ONNX graph."""
    model = random_model(tiny_base("bert"), "AutoModel")
    file = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_graph(model, file, ["last_hidden_state"])
    return model, file


def recover(file: Path, config: Any) -> Any:
    return recover_model(file, config, TASK, ReferenceSession(file, TASK))


def edited(exported: tuple[Any, Path], target: Path, edit: Callable[[Any], None]) -> Any:
    """Return what is recovered from a changed graph."""
    model = onnx.load(exported[1])
    edit(model)
    onnx.save(model, target)
    return recover(target, exported[0].config)


def test_all_weights_of_an_exported_encoder_are_found(exported: tuple[Any, Path]) -> None:
    model, file = exported
    found = recover(file, model.config)
    expected = {name: value for name, value in model.state_dict().items() if "pooler" not in name}
    assert len(expected) > 30
    for name, value in expected.items():
        np.testing.assert_array_equal(found.state_dict()[name], value, err_msg=name)


def test_weights_without_biases_are_found_by_their_nodes(tiny_base: Any, tmp_path: Path) -> None:
    model = random_model(tiny_base("modernbert"), "AutoModel")
    export_graph(model, tmp_path / "model.onnx", ["last_hidden_state"], inputs=("input_ids", "attention_mask"))
    found = recover(tmp_path / "model.onnx", model.config)
    assert any(name.endswith("Wqkv.weight") for name in model.state_dict())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(found.state_dict()[name], value, err_msg=name)


def test_a_graph_without_one_of_the_weights_gives_no_model(exported: tuple[Any, Path], tmp_path: Path) -> None:
    def rename(model: Any) -> None:
        bias = next(each for each in model.graph.initializer if each.name.endswith("query.bias"))
        for node in model.graph.node:
            node.input[:] = ["other" if name == bias.name else name for name in node.input]
        bias.name = "other"

    assert edited(exported, tmp_path / "model.onnx", rename) is None


def test_names_alone_prove_nothing(exported: tuple[Any, Path], tmp_path: Path) -> None:
    """The names fit, but the graph adds something that the family does not."""

    def double(model: Any) -> None:
        output = model.graph.output[0].name
        last = next(node for node in model.graph.node if output in node.output)
        last.output[:] = ["half" if name == output else name for name in last.output]
        model.graph.node.append(onnx.helper.make_node("Softsign", ["half"], [output]))

    assert edited(exported, tmp_path / "model.onnx", double) is None


def test_weights_of_another_shape_give_no_model(exported: tuple[Any, Path], tmp_path: Path) -> None:
    def shorten(model: Any) -> None:
        for tensor in model.graph.initializer:
            if tensor.name.endswith("word_embeddings.weight"):
                values = np.repeat(numpy_helper.to_array(tensor), 2, axis=0)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    assert edited(exported, tmp_path / "model.onnx", shorten) is None


def test_a_configuration_that_makes_no_model_gives_none(exported: tuple[Any, Path]) -> None:
    from transformers import BertConfig

    assert recover(exported[1], BertConfig(hidden_size=32, num_attention_heads=7)) is None
