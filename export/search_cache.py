"""The result of an int8 search, kept on this machine: another export of the same checkpoint does not repeat it.

`export --fast`, and the export of the model that `select` chose, start from a checkpoint that was exported before. What
is kept is small: the comparisons with PyTorch and the activation ranges. The graphs are written again and must be the
same, byte for byte; otherwise the search is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from glossator.export.graphs.graph_builder import Range
from glossator.modeling.checkpoint_writer import package_versions
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Parity, Precision
from glossator.service.files.hashing import hash_file
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.inference.runtime.machine_cache import load_cached, store_cached

_FORMAT = 3
"""Increased when the search or its verdicts change."""
_KIND = "int8-search"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The compared graphs, the activation ranges, and the SHA-256 of the last int8 graph; None if none was written."""

    compared: list[Parity]
    ranges: Mapping[str, Range]
    int8: str | None


def search_key(
    checkpoint: Path, fp32: Path, precision: Precision | None, max_loss: float | None, max_flips: float
) -> str:
    """Return what decides the result of a search: weights, rows, graph, options, packages and machine."""
    names = (file_names.TASK, file_names.CONFIG, file_names.TOKENIZER, file_names.VALIDATION)
    weights = (*checkpoint.glob("*.safetensors"), *checkpoint.glob("*.onnx"))
    files = sorted([*(checkpoint / name for name in names), *weights])
    hashes = {file.name: hash_file(file) for file in files} | {"fp32 graph": hash_file(fp32)}
    packages = package_versions() | {name: metadata.version(name) for name in ("onnx", "onnxruntime")}
    return json.dumps([_FORMAT, hashes, precision, max_loss, max_flips, packages, describe_machine()], sort_keys=True)


def load_search(key: str) -> SearchResult | None:
    """Return the result that is kept under this key, or None."""
    try:
        fields = load_cached(_KIND, key)
        return SearchResult(
            compared=[Parity.model_validate(each) for each in fields["compared"]],
            ranges={
                name: Range(**each | {"factors": tuple(each["factors"])}) for name, each in fields["ranges"].items()
            },
            int8=fields["int8"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def store_search(key: str, result: SearchResult) -> None:
    """Keep a result."""
    fields = {
        "compared": [each.model_dump() for each in result.compared],
        "ranges": {name: asdict(each) for name, each in result.ranges.items()},
        "int8": result.int8,
    }
    store_cached(_KIND, key, fields)
