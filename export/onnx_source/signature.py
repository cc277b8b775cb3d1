"""Which inputs and outputs of a foreign graph are those of a task, found by their names, types and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.bundle.task import Pooling, TaskName, TextEmbedding
from glossator.service.errors import ConfigError

REQUIRED_INPUTS = ("input_ids", "attention_mask")
_OPTIONAL_INPUTS = ("token_type_ids", "position_ids")
_VECTORS = ("sentence_embedding", "embedding", "embeddings", "text_embeds")
"""Names of outputs with one vector per text."""
_TOKEN_VECTORS = ("last_hidden_state", "token_embeddings")
_RANKS: Mapping[TaskName, tuple[int, ...]] = {
    "text-classification": (2,),
    "text-pair": (2,),
    "token-classification": (3,),
    "question-answering": (2, 2),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of a graph with their ONNX element types, and the outputs for a task, in the order of the task's.

    `pooled`: the output has one vector per text; without, vectors of tokens are pooled. `evidence`: how the outputs
    were found.
    """

    inputs: dict[str, int]
    outputs: tuple[str, ...]
    pooled: bool
    evidence: str


def read_signature(model: Any, task: TaskName) -> Signature:
    """Return how a graph is called, and which of its outputs are those of a task.

    Raises ConfigError if the graph needs inputs that a text does not give, if an axis has a fixed length, or if no
    output fits the task.
    """
    inputs = _inputs(model)
    outputs = {value.name: value for value in model.graph.output}
    if task == "text-embedding":
        for names, rank in ((_VECTORS, 2), (_TOKEN_VECTORS, 3)):
            if name := next((name for name in names if name in outputs), None):
                return Signature(inputs, (name,), rank == 2, _described(name, rank))
        for rank in (3, 2):
            found = [name for name, value in outputs.items() if _is_float(value) and len(_axes(value)) == rank]
            if len(found) == 1:
                return Signature(inputs, (found[0],), rank == 2, _described(found[0], rank))
        raise _no_output(outputs, "one vector per text, or one per token")
    wanted = ("start_logits", "end_logits") if task == "question-answering" else ("logits",)
    ranks = _RANKS[task]
    if all(name in outputs for name in wanted):
        chosen = wanted
    else:
        floats = [name for name, value in outputs.items() if _is_float(value)]
        if len(floats) != 1 or len(wanted) > 1:
            raise _no_output(outputs, " and ".join(wanted))
        chosen = (floats[0],)
    for name, rank in zip(chosen, ranks, strict=True):
        if len(_axes(outputs[name])) not in (0, rank):
            raise ConfigError(
                f"the output of the ONNX graph does not fit {task}",
                found=f"{name} with {len(_axes(outputs[name]))} axes",
                expected=f"{rank} axes",
                hint="--task says what the model does.",
            )
    return Signature(inputs, chosen, False, f"outputs of the graph: {', '.join(chosen)}")


def poolings_of(task: TextEmbedding) -> list[Pooling]:
    """Return the poolings of a task, whose vectors are concatenated."""
    return [task.pooling] if isinstance(task.pooling, str) else task.pooling


def _inputs(model: Any) -> dict[str, int]:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name: value for value in model.graph.input if value.name not in constants}
    unknown = [name for name in inputs if name not in (*REQUIRED_INPUTS, *_OPTIONAL_INPUTS)]
    missing = [name for name in REQUIRED_INPUTS if name not in inputs]
    if unknown or missing:
        raise ConfigError(
            "the inputs of the ONNX graph are not those of a model that reads texts",
            found=", ".join(inputs) or "no inputs",
            expected="input_ids and attention_mask, and perhaps token_type_ids and position_ids",
            hint="Without attention_mask, answers would depend on the length of the other texts." if missing else None,
        )
    for name, value in inputs.items():
        axes = _axes(value)
        fixed = [str(axis.dim_value) for axis in axes if axis.dim_value > 0]
        if fixed or len(axes) not in (0, 2):
            raise ConfigError(
                "the ONNX graph reads texts of one length only",
                found=f"{name} with {len(axes)} axes, fixed: {', '.join(fixed) or 'none'}",
                expected="two free axes: texts and tokens",
                hint="Export the model again with dynamic axes.",
            )
    return {name: value.type.tensor_type.elem_type for name, value in inputs.items()}


def _axes(value: Any) -> Sequence[Any]:
    return list(value.type.tensor_type.shape.dim)


def _is_float(value: Any) -> bool:
    from onnx import TensorProto

    return value.type.tensor_type.elem_type in (TensorProto.FLOAT, TensorProto.DOUBLE)


def _described(name: str, rank: int) -> str:
    what = "the vector of a text" if rank == 2 else "vectors of tokens, which are pooled"
    return f"output {name} of the graph: {what}"


def _no_output(outputs: Mapping[str, Any], expected: str) -> ConfigError:
    return ConfigError(
        "the ONNX graph has no output of this kind",
        found=", ".join(outputs) or "no outputs",
        expected=expected,
        hint="--task says what the model does.",
    )
