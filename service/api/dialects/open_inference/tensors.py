"""Tensors of the Open Inference Protocol V2, in JSON and in its binary extension.

The binary data follow the JSON header, whose length is in `Inference-Header-Content-Length`: the bytes of each tensor
in order, little-endian. Each element of a BYTES tensor is preceded by its length in 4 bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.api.inference.json_answers import PlainItems
from glossator.service.errors import InputError, shorten

BINARY = "binary_tensor_data"
_TYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8"}
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """An output tensor. `values` are flat, in row-major order; for BYTES they are texts, made once, when needed."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[Any] | Iterable[str]

    def to_json(self) -> dict[str, Any]:
        """Return the tensor with its data, for JSON."""
        return self._head() | {"data": self.values if isinstance(self.values, np.ndarray) else PlainItems(self.values)}

    def to_binary(self) -> tuple[dict[str, Any], bytes]:
        """Return the tensor's header entry and its bytes."""
        if isinstance(self.values, np.ndarray):
            raw = self.values.astype(_TYPES[self.datatype]).tobytes()
        else:
            encoded = [value.encode("utf-8") for value in self.values]
            raw = b"".join(struct.pack("<I", len(each)) + each for each in encoded)
        return self._head() | {"parameters": {"binary_data_size": len(raw)}}, raw

    def _head(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


def texts_of(tensor: Mapping[str, Any], raw: bytes | None) -> list[str]:
    """Return the texts of a BYTES input. `raw`: its binary data, or None if the data are JSON.

    Raises InputError if shape, type or data are invalid.
    """
    name = shorten(tensor.get("name"))
    shape = tensor.get("shape")
    whole = isinstance(shape, list) and 0 < len(shape) <= _MAX_DIMENSIONS
    if not whole or not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape):  # type: ignore[union-attr]
        raise InputError(
            f"the shape of {name} is invalid",
            found=f"{len(shape):,} sizes" if isinstance(shape, list) and len(shape) > _MAX_DIMENSIONS else shape,
            expected=f"a list of one to {_MAX_DIMENSIONS} sizes",
        )
    if tensor.get("datatype") != "BYTES":
        raise InputError(f"{name} contains no texts", found=tensor.get("datatype"), expected="the datatype BYTES")
    texts = _flat(tensor.get("data"), name) if raw is None else _unpacked(raw, name)
    if len(texts) != math.prod(shape):  # type: ignore[arg-type]
        raise InputError(
            f"the number of elements of {name} does not match its shape",
            found=f"{len(texts):,} elements, shape {shorten(shape)}",
            expected="as many elements as the product of the shape",
        )
    return texts


def split_binary(body: bytes, header_length: int | None, tensors: Sequence[Mapping[str, Any]]) -> list[bytes | None]:
    """Return the binary data of each tensor, None for tensors with JSON data."""
    rest = b"" if header_length is None else body[header_length:]
    parts: list[bytes | None] = []
    begin = 0
    for tensor in tensors:
        size = (tensor.get("parameters") or {}).get("binary_data_size")
        if size is None:
            parts.append(None)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 0 or begin + size > len(rest):
            raise InputError(
                "the binary data are shorter than binary_data_size", found=size, expected=f"{len(rest) - begin} bytes"
            )
        parts.append(rest[begin : begin + size])
        begin += size
    if begin != len(rest):
        raise InputError("there are binary data after the last tensor", found=f"{len(rest) - begin} bytes too many")
    return parts


def _flat(data: object, name: str) -> list[str]:
    """Flatten JSON data."""
    texts: list[str] = []
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(reversed(value))
        elif isinstance(value, str):
            texts.append(value)
        else:
            raise InputError(f"an element of {name} is not a text", found=type(value).__name__, expected="a string")
    return texts


def _unpacked(raw: bytes, name: str) -> list[str]:
    texts, begin = [], 0
    while begin < len(raw):
        end = begin + 4
        length = struct.unpack_from("<I", raw, begin)[0] if end <= len(raw) else len(raw)
        if end + length > len(raw):
            raise InputError(f"an element of {name} is truncated", found=f"{len(raw) - begin} bytes")
        try:
            texts.append(raw[end : end + length].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"an element of {name} is not UTF-8", found=error.reason) from None
        begin = end + length
    return texts
