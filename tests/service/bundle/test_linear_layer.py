from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from glossator.service.bundle.linear_layer import LinearLayer, dump_layer, parse_layer
from glossator.service.errors import BundleInvalid

LAYER = LinearLayer(np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.array([0.5, -1.0], dtype=np.float32))


def test_the_safetensors_package_reads_what_is_written() -> None:
    found = load(dump_layer(LAYER))
    np.testing.assert_array_equal(found["weight"], LAYER.weight)
    np.testing.assert_array_equal(found["bias"], LAYER.bias)


def test_what_the_safetensors_package_writes_is_read() -> None:
    found = parse_layer(save(LAYER._asdict(), metadata={"format": "pt"}))
    np.testing.assert_array_equal(found.weight, LAYER.weight)
    np.testing.assert_array_equal(found.bias, LAYER.bias)


def _with_header(change: dict[str, object]) -> bytes:
    data = dump_layer(LAYER)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["weight"] |= change
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        dump_layer(LAYER)[:-1],
        dump_layer(LAYER) + b"\0\0\0\0",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"not JSON.",
        save({"weight": LAYER.weight}),
        save({"weight": LAYER.weight.astype(np.float64), "bias": LAYER.bias}),
        save({"weight": LAYER.weight, "bias": LAYER.bias[:1]}),
        save({"weight": LAYER.weight * np.float32("nan"), "bias": LAYER.bias}),
        _with_header({"shape": [-2, -3]}),
        _with_header({"shape": [6]}),
        _with_header({"data_offsets": [0, 10**9]}),
        _with_header({"data_offsets": [8, 32]}),
        _with_header({"data_offsets": None}),
    ],
)
def test_damage_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BundleInvalid) as error:
        parse_layer(data)
    assert [fault.name for fault in error.value.faults] == ["head-malformed"]
