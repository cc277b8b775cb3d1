"""ONNX files of other tools are checked before ONNX Runtime sees them, and refused by the name of the fault."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import constants_of, toy_graph

from glossator.export.onnx_source import source_graph
from glossator.export.onnx_source.reference_session import open_graph
from glossator.export.onnx_source.source_graph import check_precision, convert_operators, opset, read_graph
from glossator.service.errors import ConfigError


@pytest.fixture
def external(tmp_path: Path) -> Path:
    """A graph whose weights are in `model.onnx_data`, as exporters write large ones."""
    file = tmp_path / "model.onnx"
    onnx.save(toy_graph(), file, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    return file


def relocate(file: Path, location: str, **fields: str) -> None:
    """Let all external tensors of a graph name another place."""
    model = onnx.load(file, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
            elif entry.key in fields:
                entry.value = fields[entry.key]
    file.write_bytes(model.SerializeToString())


def test_weights_in_another_file_are_moved_into_the_graph(external: Path) -> None:
    model = read_graph(external)
    expected = constants_of(toy_graph())
    for name, values in constants_of(model).items():
        np.testing.assert_array_equal(values, expected[name])
    assert not any(tensor.external_data for tensor in model.graph.initializer)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "folder/weights", "..", "a\\b", ""])
def test_weights_elsewhere_are_not_read(external: Path, location: str) -> None:
    (external.parent.parent / "secret").write_bytes(b"\0" * 4096)
    relocate(external, location)
    with pytest.raises(ConfigError, match="in a place that is not read"):
        read_graph(external)


def test_a_link_to_a_file_elsewhere_is_not_read(external: Path) -> None:
    """The content would become part of the bundle, which may be published."""
    data = external.parent / "model.onnx_data"
    secret = data.rename(external.parent.parent / "secret")
    data.symlink_to(secret)
    with pytest.raises(ConfigError, match="in a place that is not read"):
        read_graph(external)


def test_links_of_the_cache_of_the_hub_are_followed(external: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    for name in ("model.onnx", "model.onnx_data"):
        blob = (tmp_path / name).rename(tmp_path / "blobs" / name.replace(".", "-"))
        (tmp_path / name).symlink_to(blob)
    assert len(read_graph(external).graph.initializer) > 3


def test_a_missing_file_of_weights_is_named(external: Path) -> None:
    (external.parent / "model.onnx_data").unlink()
    with pytest.raises(ConfigError, match=r"model\.onnx_data") as error:
        read_graph(external)
    assert "the weights of the ONNX graph are missing" in str(error.value)


def test_half_a_download_of_weights_is_named(external: Path) -> None:
    data = external.parent / "model.onnx_data"
    os.truncate(data, data.stat().st_size // 2)
    with pytest.raises(ConfigError, match="the weights of the ONNX graph are incomplete"):
        read_graph(external)


@pytest.mark.parametrize("fields", [{"offset": "-8"}, {"length": "999999999999"}, {"offset": "many"}])
def test_wrong_places_inside_the_file_of_weights_are_refused(external: Path, fields: dict[str, str]) -> None:
    relocate(external, "model.onnx_data", **fields)
    with pytest.raises(ConfigError, match="the weights of the ONNX graph are incomplete"):
        read_graph(external)


def test_weights_in_inner_graphs_are_checked_too(tmp_path: Path) -> None:
    model = toy_graph()
    tensor = numpy_helper.from_array(np.ones(3, dtype=np.float32), "inner")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=tensor))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match="in a place that is not read"):
        read_graph(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        pytest.param(lambda data: data[: len(data) // 2], "graph-malformed", id="half a file"),
        pytest.param(lambda data: b"version https://git-lfs.github.com/spec/v1\n", "graph-malformed", id="a pointer"),
        pytest.param(lambda data: b"", "graph-malformed", id="an empty file"),
        pytest.param(
            lambda data: with_node(data, helper.make_node("Custom", ["mean"], ["x"], domain="custom.ops")),
            "unknown-op-domain: operator set 'custom.ops'",
            id="operators of a library",
        ),
    ],
)
def test_files_that_are_no_safe_graph_are_refused(tmp_path: Path, damage: Callable[[bytes], bytes], found: str) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(damage(toy_graph().SerializeToString()))
    with pytest.raises(ConfigError, match="this ONNX file cannot be imported") as error:
        read_graph(file)
    assert found in str(error.value)


def with_node(data: bytes, node: Any) -> bytes:
    model = onnx.load_model_from_string(data)
    model.graph.node.append(node)
    model.opset_import.append(helper.make_opsetid(node.domain, 1))
    return model.SerializeToString()


def test_graphs_that_fit_in_no_bundle_are_refused_before_their_weights_are_read(
    external: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_graph, "LARGEST", external.stat().st_size + 10)
    with pytest.raises(ConfigError, match="too large for a bundle"):
        read_graph(external)


def test_graphs_that_do_not_fit_in_the_memory_are_refused(external: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glossator.modeling.weight_files.available_memory", lambda: 1_000)
    with pytest.raises(ConfigError, match="memory"):
        read_graph(external)


def test_graphs_in_half_precision_are_refused() -> None:
    model = toy_graph()
    for tensor in model.graph.initializer:
        if tensor.name == "table":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), "table"))
    with pytest.raises(ConfigError, match="a bundle needs the fp32 graph") as error:
        check_precision(model, Path("model_fp16.onnx"))
    assert "model_fp16.onnx: weights in fp16" in str(error.value)
    assert "--onnx names another file" in str(error.value)


def test_an_int8_graph_is_not_taken_for_the_fp32_graph() -> None:
    model = toy_graph()
    model.graph.node.append(helper.make_node("DynamicQuantizeLinear", ["mean"], ["q", "scale", "zero"]))
    with pytest.raises(ConfigError, match="a graph with int8 products"):
        check_precision(model, Path("model_quantized.onnx"))
    check_precision(toy_graph(), Path("model.onnx"))


def test_old_operators_are_converted_and_other_operator_sets_kept() -> None:
    model = toy_graph(opset=13)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node[-1].CopyFrom(helper.make_node("FusedMatMul", ["mean", "head"], ["logits"], domain="com.microsoft"))
    converted = convert_operators(model, Path("model.onnx"))
    assert opset(converted) == 20
    assert {item.domain for item in converted.opset_import} == {"", "com.microsoft"}


def test_operators_that_cannot_be_converted_are_named() -> None:
    model = toy_graph(opset=13)
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ConfigError, match=r"the operators of model\.onnx cannot be converted to operator set 20"):
        convert_operators(model, Path("model.onnx"))


def test_a_graph_of_a_later_onnx_runtime_is_refused(tmp_path: Path) -> None:
    model = toy_graph()
    model.opset_import[0].version = 9_999
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match=r"ONNX Runtime \S+ cannot run this graph"):
        open_graph(tmp_path / "model.onnx")
