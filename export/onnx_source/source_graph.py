"""Reads an ONNX file of another tool, with the checks of bundles, before ONNX Runtime sees it.

Weights in other files (`model.onnx_data`) are moved into the graph: a bundle has no external data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from glossator.modeling.weight_files import check_free_memory
from glossator.service.bundle.onnx_inspection import inspect_onnx
from glossator.service.errors import ConfigError

LARGEST = (1 << 31) - 1
"""Bytes that a protocol buffer, and so a graph with its weights inside, can have at most."""
OPSET = 20
"""Graphs are converted to this operator set: the nodes that import adds, and int8 graphs, need 18 or later."""
_INT8_OPERATORS = frozenset(
    {
        "DynamicQuantizeLinear", "DequantizeLinear", "MatMulInteger", "QLinearMatMul", "MatMulIntegerToFloat",
        "DynamicQuantizeMatMul", "MatMulNBits", "QAttention", "DequantizeWithOrder", "MatMulBnb4",
    }
)  # fmt: skip
_HALF = {"FLOAT16": "fp16", "BFLOAT16": "bf16"}


def read_graph(file: Path) -> Any:
    """Return the ONNX model in a file, with all weights inside.

    Raises ConfigError, by name of the fault, for files that are no ONNX model, that need a library for their operators,
    or whose weights are missing, somewhere else than next to the file, or larger than LARGEST or than the memory.
    """
    import onnx

    _check_size(file, file.stat().st_size)
    data = file.read_bytes()
    faults = [fault for fault in inspect_onnx(data, file.name).faults if fault.name != "external-data"]
    if faults:
        raise ConfigError(
            "this ONNX file cannot be imported",
            found="; ".join(f"{fault.name}: {fault.message}" for fault in faults[:5]),
            expected="a graph of standard operators, or of com.microsoft",
            hint="Export the model again, for instance with optimum.",
        )
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf raises its own types
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again.") from None
    _load_external_data(model, file)
    if (size := model.ByteSize()) > LARGEST:
        _check_size(file, size)
    return model


def is_quantized(model: Any) -> bool:
    """Return whether a graph computes products in int8 or smaller numbers."""
    return any(node.op_type in _INT8_OPERATORS for node in model.graph.node)


def check_precision(model: Any, file: Path) -> None:
    """Raise ConfigError if a graph is not in fp32: then no fp32 graph can be proved with it."""
    from onnx import TensorProto

    if is_quantized(model):
        found = "a graph with int8 products"
    else:
        types = {TensorProto.DataType.Name(tensor.data_type) for tensor in _tensors(model.graph)}
        found = next((f"weights in {name}" for kind, name in _HALF.items() if kind in types), "")
    if found:
        raise ConfigError(
            "a bundle needs the fp32 graph of the model",
            found=f"{file.name}: {found}",
            expected="fp32, usually onnx/model.onnx",
            hint="--onnx names another file of the model.",
        )


def convert_operators(model: Any, file: Path) -> Any:
    """Return a model with OPSET or later. Raises ConfigError if its operators cannot be converted."""
    from onnx import version_converter

    version = opset(model)
    if version >= OPSET:
        return model
    try:
        converted = version_converter.convert_version(model, OPSET)
    except Exception as error:  # the converter raises RuntimeError and others
        raise ConfigError(
            f"the operators of {file.name} cannot be converted to operator set {OPSET}",
            found=f"operator set {version}: {str(error).strip().partition(chr(10))[0]}",
            hint=f"Export the model again with --opset {OPSET}.",
        ) from None
    _restore_domains(model, converted)
    return converted


def opset(model: Any) -> int:
    """Return the version of the standard operators that a model uses."""
    return max((int(item.version) for item in model.opset_import if item.domain in ("", "ai.onnx")), default=1)


def _restore_domains(model: Any, converted: Any) -> None:
    """Declare the other operator sets again, which the converter drops."""
    known = {item.domain for item in converted.opset_import}
    converted.opset_import.extend(
        item for item in model.opset_import if item.domain not in known and item.domain not in ("", "ai.onnx")
    )


def _load_external_data(model: Any, file: Path) -> None:
    """Move weights from other files into the model."""
    from onnx import TensorProto

    external = [tensor for tensor in _tensors(model.graph) if tensor.data_location == TensorProto.EXTERNAL]
    fields = [{entry.key: entry.value for entry in tensor.external_data} for tensor in external]
    places = [_place(field.get("location", ""), file) for field in fields]
    _check_size(file, file.stat().st_size + sum(place.stat().st_size for place in set(places)))
    for tensor, field, place in zip(external, fields, places, strict=True):
        try:
            offset = int(field.get("offset") or 0)
            length = int(field.get("length") or place.stat().st_size - offset)
        except ValueError:
            offset = length = -1
        if offset < 0 or length < 0 or offset + length > place.stat().st_size:
            raise ConfigError(
                "the weights of the ONNX graph are incomplete",
                found=f"{tensor.name} ends after the end of {place.name}",
                hint="Download or copy the whole folder again.",
            )
        with place.open("rb") as data:
            data.seek(offset)
            tensor.raw_data = data.read(length)
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _place(location: str, file: Path) -> Path:
    """Return the file of external data. Raises ConfigError if it is missing, or not next to the graph.

    In the cache of the hub, both are links to files in one other folder.
    """
    parts = PurePosixPath(location).parts
    place = file.parent / location
    inside = len(parts) == 1 and parts[0] not in ("..", "/") and "\\" not in location
    if not inside or place.resolve().parent != file.resolve().parent:
        raise ConfigError(
            "the weights of the ONNX graph are in a place that is not read",
            found=location or "no location",
            expected="a file next to the graph",
        )
    if not place.is_file():
        raise ConfigError(
            "the weights of the ONNX graph are missing",
            found=f"no file {place}",
            hint="Download or copy the whole folder again.",
        )
    return place


def _check_size(file: Path, size: int) -> None:
    if size > LARGEST:
        raise ConfigError(
            "the ONNX graph is too large for a bundle, whose graphs have no external data",
            found=f"{file.name}: {size / 1e9:.1f} GB with its weights",
            expected=f"at most {LARGEST / 1e9:.1f} GB",
        )
    check_free_memory(size)


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the constants of a graph, those in attributes and inner graphs too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)
