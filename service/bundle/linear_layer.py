"""`head.safetensors`: the linear layer of a head, `logits = vectors @ weight.T + bias`.

The file has the format of safetensors: the length of a JSON header as an unsigned 64-bit integer (little-endian), the
header, which gives type, shape and place of each tensor, and the numbers. This module reads and writes the two tensors
of a head, so that serving needs no further package.
"""

from __future__ import annotations

import json
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle import file_names
from glossator.service.errors import BundleInvalid, Fault

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 65_536
_NAMES = ("weight", "bias")


class LinearLayer(NamedTuple):
    """The tensors of a head in float32."""

    weight: NDArray[np.float32]
    """`(labels, dimension)`"""
    bias: NDArray[np.float32]
    """`(labels,)`"""


def dump_layer(layer: LinearLayer) -> bytes:
    """Return the bytes of `head.safetensors`."""
    header: dict[str, object] = {}
    parts: list[bytes] = []
    begin = 0
    for name, tensor in zip(_NAMES, layer, strict=True):
        parts.append(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
        end = begin + len(parts[-1])
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # safetensors aligns the numbers
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + b"".join(parts)


def parse_layer(data: bytes) -> LinearLayer:
    """Return the layer in the bytes of `head.safetensors`.

    Raises:
        BundleInvalid: The file has another format, other tensors, or numbers that are not finite.
    """
    try:
        return _parse(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        fault = Fault("head-malformed", f"{type(error).__name__}: {error}", file_names.HEAD)
        raise BundleInvalid("the linear layer cannot be read", faults=[fault]) from None


def _parse(data: bytes) -> LinearLayer:
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    begin = _LENGTH_BYTES + length
    if length > _MAX_HEADER_BYTES or begin > len(data):
        raise ValueError(f"the header has {length} bytes")
    header = json.loads(data[_LENGTH_BYTES:begin])
    tensors = {name: value for name, value in header.items() if name != "__metadata__"}
    if sorted(tensors) != sorted(_NAMES):
        raise ValueError(f"the tensors are {', '.join(sorted(tensors)) or 'none'}, expected {', '.join(_NAMES)}")
    weight, bias = (_tensor(tensors[name], data[begin:], name) for name in _NAMES)
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(f"the shapes are {weight.shape} and {bias.shape}")
    (first, middle), (second, end) = sorted(tensors[name]["data_offsets"] for name in _NAMES)
    if (first, second, end) != (0, middle, len(data) - begin):
        raise ValueError("the tensors do not fill the file one after the other")
    return LinearLayer(weight, bias)


def _tensor(entry: dict[str, object], numbers: bytes, name: str) -> NDArray[np.float32]:
    shape, offsets = entry["shape"], entry["data_offsets"]
    if entry["dtype"] != "F32" or not isinstance(shape, list) or not isinstance(offsets, list):
        raise ValueError(f"{name} is not an F32 tensor")
    begin, end = offsets
    if not all(type(each) is int and each >= 0 for each in (*shape, begin, end)):
        raise ValueError(f"{name} has sizes that are not whole numbers")
    if end > len(numbers) or end - begin != 4 * math.prod(shape):
        raise ValueError(f"{name} does not fit its place in the file")
    tensor = np.frombuffer(numbers[begin:end], dtype="<f4").reshape(shape)
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} has numbers that are not finite")
    return tensor.astype(np.float32)
