"""Finds the files of a model's weights and checks them by their headers, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from glossator.service.available_memory import available_memory
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError

PICKLED_WEIGHTS = "pytorch_model.bin"
_INDEX = ".index.json"
_UNFINISHED = (".incomplete", ".part", ".crdownload", ".aria2", ".tmp")
_OTHER_FORMATS = (".h5", ".msgpack", ".ot", ".onnx", ".gguf", ".safetensors", ".bin", ".pt", ".pth")
_LONGEST_HEADER = 100_000_000
"""The limit of safetensors itself."""
_COPIES_IN_MEMORY = 3
"""The weights in their file, in PyTorch, and in the graph that is written."""
_LAYERS_PER_TENSOR = 4
"""Layers may share their weights, as in ALBERT."""
_OTHER_MODEL = "Copy config.json and the weights from the same model."
FP32 = 4
"""Bytes of a number in fp32."""
_GIGABYTE = 1 << 30
_QUANTIZED = ("I8", "U8", "F8", "F4", "F6", "I4", "U4")


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """The type of a tensor, such as `F16`, and its shape."""

    kind: str
    shape: tuple[int, ...]


def find_weights(folder: Path) -> list[Path]:
    """Return the files of the weights: safetensors, else pickles; one file, or those that an index names.

    Raises ConfigError if there are none, if one is missing, or if an index names files outside the folder.
    """
    for name in (file_names.WEIGHTS, PICKLED_WEIGHTS):
        if (folder / name).is_file():
            return [folder / name]
        if (folder / f"{name}{_INDEX}").is_file():
            return _shards(folder, folder / f"{name}{_INDEX}")
    raise ConfigError(
        "weights of the model are missing",
        found=_what_is_there(folder),
        expected=file_names.WEIGHTS,
        hint="Download or copy the whole folder again.",
    )


def read_headers(files: Iterable[Path]) -> dict[str, TensorHeader]:
    """Return the headers of all tensors in files of safetensors. Raises ConfigError if a file is damaged."""
    return {name: header for file in files for name, header in _read_header(file).items()}


def check_headers(headers: Mapping[str, TensorHeader], config: Mapping[str, Any]) -> None:
    """Raise ConfigError if weights are quantized, or do not fit the sizes in `config.json`.

    The sizes are checked here because transformers fills what the files lack with random numbers: a wrong size could
    fill the memory.
    """
    elements = {name: prod(header.shape) for name, header in headers.items()}
    quantized = [name for name, header in headers.items() if header.kind.startswith(_QUANTIZED)]
    if 2 * sum(elements[name] for name in quantized) > sum(elements.values()):
        raise ConfigError(
            "the weights of this model are quantized, which loses accuracy before the import can measure it",
            found=f"{quantized[0]} in {headers[quantized[0]].kind}",
            expected="weights in fp32, fp16 or bf16",
            hint="Import the model that it was made of; Glossator makes int8 graphs itself.",
        )
    vocabulary = config.get("vocab_size")
    tables = [header.shape[0] for header in headers.values() if len(header.shape) == 2]
    if vocabulary and tables and vocabulary not in tables:
        raise ConfigError(
            "no table of the weights has a row for each token of the vocabulary",
            found=f"vocab_size {vocabulary:,}; the largest table has {max(tables):,} rows",
            hint=_OTHER_MODEL,
        )
    layers = config.get("num_hidden_layers")
    if layers and layers > _LAYERS_PER_TENSOR * len(headers):
        raise ConfigError(
            "the weights have too few tensors for the layers in config.json",
            found=f"num_hidden_layers {layers:,}, {len(headers):,} tensors",
            hint=_OTHER_MODEL,
        )


def check_memory(files: Iterable[Path], headers: Mapping[str, TensorHeader], config: Mapping[str, Any]) -> None:
    """Raise ConfigError if a model in fp32 does not fit in the memory that is free; weights of 16 bits grow twofold."""
    if headers:
        size = FP32 * sum(prod(header.shape) for header in headers.values())
    else:
        halves = (config.get("dtype") or config.get("torch_dtype")) in ("float16", "bfloat16")
        size = sum(file.stat().st_size for file in files) * (2 if halves else 1)
    check_free_memory(size)


def check_free_memory(size: int) -> None:
    """Raise ConfigError if weights of `size` bytes in fp32 are too large to import on this machine."""
    free = available_memory()
    if free is not None and size * _COPIES_IN_MEMORY > free:
        raise ConfigError(
            "the model is too large for the memory of this machine",
            found=f"{size / _GIGABYTE:.1f} GB of weights in fp32, {free / _GIGABYTE:.1f} GB of free memory",
            expected=f"at least {size * _COPIES_IN_MEMORY / _GIGABYTE:.1f} GB of free memory",
            hint="Use a machine with more memory, or a smaller model.",
        )


def _shards(folder: Path, index: Path) -> list[Path]:
    try:
        named = sorted({str(name) for name in json.loads(index.read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigError(f"{index} cannot be read", found=error, hint="Copy it again.") from None
    outside = [name for name in named if Path(name).name != name]
    if outside or not named:
        raise ConfigError(
            f"{index} names files outside the folder" if outside else f"{index} names no files",
            found=outside[0] if outside else None,
            expected="names of files next to it",
            hint="Get the model from a source that you trust.",
        )
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            "weights of the model are missing",
            found=f"{len(missing)} of {len(named)} files: {', '.join(missing[:4])}",
            expected=f"all files that {index.name} names",
            hint="Download or copy the whole folder again.",
        )
    return [folder / name for name in named]


def _what_is_there(folder: Path) -> str:
    names = sorted(file.name for file in folder.iterdir())
    unfinished = [name for name in names if name.endswith(_UNFINISHED)]
    if unfinished:
        return f"an unfinished download: {unfinished[0]}"
    if shards := [name for name in names if "-of-" in name]:
        return f"{shards[0]}, but no {file_names.WEIGHTS}{_INDEX}"
    others = [name for name in names if name.endswith(_OTHER_FORMATS)]
    return f"only {', '.join(others[:4])}" if others else "no weights"


def _read_header(file: Path) -> dict[str, TensorHeader]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if start.startswith(b"version "):
            raise _damaged(file, "a pointer of Git LFS in place of the weights", "Run `git lfs pull` in the folder.")
        if len(start) < 8 or not 1 < length <= _LONGEST_HEADER:
            raise _damaged(file, f"{size:,} bytes that are no safetensors")
        content = stream.read(length)
    if len(content) < length:
        raise _damaged(file, f"{size:,} of at least {8 + length:,} bytes: the file is incomplete")
    try:
        fields = json.loads(content)
        fields.pop("__metadata__", None)
        headers = {
            name: TensorHeader(str(each["dtype"]), tuple(int(axis) for axis in each["shape"]))
            for name, each in fields.items()
        }
        end = 8 + length + max((int(each["data_offsets"][1]) for each in fields.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise _damaged(file, f"{size:,} bytes that are no safetensors") from None
    if end != size:
        incomplete = ": the file is incomplete" if size < end else ""
        raise _damaged(file, f"{size:,} bytes, but its header describes {end:,}{incomplete}")
    return headers


def _damaged(file: Path, found: str, hint: str = "Download or copy it again.") -> ConfigError:
    return ConfigError(f"{file} is damaged", found=found, expected="a complete file of safetensors", hint=hint)
