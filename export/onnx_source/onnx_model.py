"""A foreign model whose source is an ONNX graph, and its files in a checkpoint.

A checkpoint has SOURCE in place of weights and, if the int8 file of the model is to be compared, SOURCE_INT8 too. Both
hold the graph as its maker exported it, with all weights inside.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glossator.export.onnx_source.reference_session import ReferenceSession, open_graph, run_graph
from glossator.export.onnx_source.signature import Signature, read_signature
from glossator.export.onnx_source.source_graph import check_precision, is_quantized, read_graph
from glossator.service.bundle import file_names
from glossator.service.bundle.task import Task, TaskName
from glossator.service.errors import ConfigError

SOURCE = "source.onnx"
SOURCE_INT8 = "source_int8.onnx"
_PROBE = ([0, 1, 1], [0, 1])
"""Two windows of token ids that every vocabulary has."""
_UNIT_LENGTH = 1e-3


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A graph in memory-mapped files, with the configuration of its folder.

    `width`: the number of labels, or of dimensions. `unit_vectors`: the graph gives vectors of length 1.
    """

    config: Any
    graph: Path
    int8: Path | None
    signature: Signature
    width: int
    unit_vectors: bool

    def vector_size(self, pooling: str | Sequence[str]) -> int:
        """Return the number of dimensions of the vector of a text; vectors of several poolings are concatenated."""
        return self.width if self.signature.pooled or isinstance(pooling, str) else self.width * len(pooling)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the configuration and the graphs, as transformers writes its models."""
        self.config.save_pretrained(folder)
        shutil.copyfile(self.graph, Path(folder, SOURCE))
        if self.int8 is not None:
            shutil.copyfile(self.int8, Path(folder, SOURCE_INT8))

    def session(self, task: Task) -> ReferenceSession:
        """Return the session of the unchanged graph."""
        return ReferenceSession(self.graph, task)


def load_onnx_model(folder: Path, file: Path, int8: Path | None, task: TaskName, scratch: Path) -> OnnxModel:
    """Load a graph of a folder, and check that it fits the task.

    Args:
        folder: The folder with `config.json`.
        file: The fp32 graph.
        int8: A graph with int8 products of the same model, or None.
        task: What the model does.
        scratch: A folder for the graphs with all weights inside.

    Raises ConfigError if a graph cannot be read, run or used for the task.
    """
    import onnx

    model = read_graph(file)
    check_precision(model, file)
    signature = read_signature(model, task)
    onnx.save(model, scratch / SOURCE)
    found = run_graph(open_graph(scratch / SOURCE), signature, _PROBE)
    rank = 3 if task == "token-classification" or (task == "text-embedding" and not signature.pooled) else 2
    if any(each.ndim != rank or len(each) != len(_PROBE) for each in found):
        raise ConfigError(
            f"the output of the ONNX graph does not fit {task}",
            found="; ".join(
                f"{name} of shape {_shape(each)}" for name, each in zip(signature.outputs, found, strict=True)
            ),
            expected=f"{rank} axes, the first of {len(_PROBE)} texts",
            hint="--task says what the model does.",
        )
    lengths = np.linalg.norm(found[0], axis=-1)
    quantized = None if int8 is None else _copy_int8(int8, signature, task, scratch)
    return OnnxModel(
        config=read_config(folder),
        graph=scratch / SOURCE,
        int8=quantized,
        signature=signature,
        width=found[0].shape[-1],
        unit_vectors=signature.pooled and bool(np.all(np.abs(lengths - 1.0) < _UNIT_LENGTH)),
    )


def read_config(folder: Path) -> Any:
    """Return the configuration of a model; of a family that transformers does not have, its fields alone."""
    from transformers import AutoConfig, PreTrainedConfig

    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # a family of another version, or with its own code, which is not run
        fields = json.loads((folder / file_names.CONFIG).read_bytes())
        kind = type("UnknownConfig", (PreTrainedConfig,), {"model_type": str(fields.pop("model_type", ""))})
        return kind(**fields)


def _copy_int8(file: Path, signature: Signature, task: TaskName, scratch: Path) -> Path:
    import onnx

    model = read_graph(file)
    if not is_quantized(model):
        raise ConfigError(
            "this ONNX file has no int8 products", found=file.name, expected="a quantised graph of the same model"
        )
    found = read_signature(model, task)
    if (found.outputs, found.pooled) != (signature.outputs, signature.pooled):
        raise ConfigError(
            "the int8 file has other outputs than the fp32 graph",
            found=", ".join(found.outputs),
            expected=", ".join(signature.outputs),
        )
    onnx.save(model, scratch / SOURCE_INT8)
    open_graph(scratch / SOURCE_INT8)
    return scratch / SOURCE_INT8


def _shape(values: np.ndarray[Any, Any]) -> str:
    return " x ".join(map(str, values.shape))
