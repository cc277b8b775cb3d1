"""Tensors of the Open Inference Protocol V2, in JSON and in its binary extension.

The binary form follows the JSON header whose length `Inference-Header-Content-Length` tells: each tensor's bytes in
order, little-endian; elements of BYTES with their length before them, 4 bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.service.errors import InputError

BINARY = "binary_tensor_data"
_TYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8"}
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that is answered: `values` flat, in row order; texts where the type is BYTES."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[Any] | Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """With its data in JSON."""
        data = self.values.tolist() if isinstance(self.values, np.ndarray) else list(self.values)
        return self._head() | {"data": data}

    def to_binary(self) -> tuple[dict[str, Any], bytes]:
        """Its entry in the header, and its bytes."""
        if isinstance(self.values, np.ndarray):
            raw = self.values.astype(_TYPES[self.datatype]).tobytes()
        else:
            encoded = [value.encode("utf-8") for value in self.values]
            raw = b"".join(struct.pack("<I", len(each)) + each for each in encoded)
        return self._head() | {"parameters": {"binary_data_size": len(raw)}}, raw

    def _head(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


def texts_of(tensor: Mapping[str, Any], raw: bytes | None) -> list[str]:
    """The texts of an input of BYTES; raises InputError where shape, type or data are not as they should be. `raw`
    holds its binary form, where it came so."""
    name = str(tensor.get("name"))
    shape = tensor.get("shape")
    whole = isinstance(shape, list) and 0 < len(shape) <= _MAX_DIMENSIONS
    if not whole or not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape):  # type: ignore[union-attr]
        raise InputError(f"the shape of {name} is wrong", found=shape, expected="a list of sizes")
    if tensor.get("datatype") != "BYTES":
        raise InputError(f"{name} holds no texts", found=tensor.get("datatype"), expected="the datatype BYTES")
    texts = _flat(tensor.get("data"), name) if raw is None else _unpacked(raw, name)
    count = math.prod(shape)  # type: ignore[arg-type]
    if len(texts) != count:
        raise InputError(
            f"{name} does not have as many elements as its shape says", found=len(texts), expected=str(count)
        )
    return texts


def parted(body: bytes, header_length: int | None, tensors: Sequence[Mapping[str, Any]]) -> list[bytes | None]:
    """The binary form of each tensor, None for those whose data stand in the header."""
    rest = b"" if header_length is None else body[header_length:]
    parts: list[bytes | None] = []
    begin = 0
    for tensor in tensors:
        size = (tensor.get("parameters") or {}).get("binary_data_size")
        if size is None:
            parts.append(None)
            continue
        if not isinstance(size, int) or isinstance(size, bool) or size < 0 or begin + size > len(rest):
            raise InputError("the binary data end before their size", found=size, expected=f"{len(rest) - begin} bytes")
        parts.append(rest[begin : begin + size])
        begin += size
    if begin != len(rest):
        raise InputError("the binary data go on after the last tensor", found=f"{len(rest) - begin} bytes too many")
    return parts


def _flat(data: object, name: str) -> list[str]:
    """JSON data, nested or flat."""
    texts: list[str] = []
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(reversed(value))
        elif isinstance(value, str):
            texts.append(value)
        else:
            raise InputError(f"an element of {name} is no text", found=type(value).__name__, expected="a string")
    return texts


def _unpacked(raw: bytes, name: str) -> list[str]:
    texts, begin = [], 0
    while begin < len(raw):
        end = begin + 4
        length = struct.unpack_from("<I", raw, begin)[0] if end <= len(raw) else len(raw)
        if end + length > len(raw):
            raise InputError(f"an element of {name} is cut off", found=f"{len(raw) - begin} bytes")
        try:
            texts.append(raw[end : end + length].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"an element of {name} is not UTF-8", found=error.reason) from None
        begin = end + length
    return texts
