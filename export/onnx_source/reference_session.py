"""Runs a foreign graph in ONNX Runtime as it is: what the graph of its bundle must compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.export.onnx_source.signature import Signature, poolings_of, read_signature
from glossator.service.bundle.task import Task, TextEmbedding
from glossator.service.errors import ConfigError, InferenceError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.runtime.session import by_window, pad, session_options, token_types
from glossator.service.tasks.encoded import Floats

Values = NDArray[np.float64]


class ReferenceSession:
    """The graph of a source, unchanged, with its own inputs and outputs; vectors are pooled in numpy, in fp64.

    `run` has the interface of the ONNX `Session` that serves.
    """

    def __init__(self, graph: Path, task: Task) -> None:
        import onnx

        self._signature = read_signature(onnx.load(graph), task.task)
        self._task = task
        self._session = open_graph(graph)

    def run(self, windows: Sequence[Sequence[int]]) -> Sequence[Floats]:
        """Return the outputs for each window of token ids."""
        found = run_graph(self._session, self._signature, windows, self._task)
        per_token = self._task.task in ("token-classification", "question-answering")
        if isinstance(self._task, TextEmbedding):
            lengths = np.array([len(window) for window in windows])
            found = [_vectors(found[0], lengths, self._task, pooled=self._signature.pooled)]
        return by_window([each.astype(np.float32) for each in found], windows, per_token=per_token)


def open_graph(graph: Path) -> object:
    """Return the session of a graph. Raises ConfigError if ONNX Runtime cannot run it."""
    import onnxruntime as ort

    try:
        return ort.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise ConfigError(
            f"ONNX Runtime {ort.__version__} cannot run this graph",
            found=str(error).strip().partition("\n")[0],
            hint="Export the model again, for instance with optimum.",
        ) from None


def run_graph(
    session: object, signature: Signature, windows: Sequence[Sequence[int]], task: Task | None = None
) -> list[NDArray[np.float64]]:
    """Return the outputs of a graph for windows of token ids, as it gives them."""
    import onnx
    import onnxruntime as ort

    assert isinstance(session, ort.InferenceSession)
    ids, mask = pad(windows, 0 if task is None else task.encoding.pad_token_id)
    given = {"input_ids": ids, "attention_mask": mask}
    if "token_type_ids" in signature.inputs:
        pairs = task is not None and reads_pairs(task)
        given["token_type_ids"] = token_types(windows) if pairs else np.zeros_like(ids)
    if "position_ids" in signature.inputs:
        given["position_ids"] = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    feeds = {
        name: given[name].astype(onnx.helper.tensor_dtype_to_np_dtype(kind)) for name, kind in signature.inputs.items()
    }
    try:
        found = session.run(list(signature.outputs), feeds)
    except Exception as error:  # see above
        raise InferenceError(
            f"the ONNX graph failed on {len(windows)} windows of {ids.shape[1]} tokens", found=error
        ) from error
    return [np.asarray(each, dtype=np.float64) for each in found]


def _vectors(outputs: Values, lengths: NDArray[np.int64], task: TextEmbedding, *, pooled: bool) -> Values:
    """Pool `(batch, seq, dimension)` as the task says; `pooled`: the outputs are vectors already."""
    vectors = outputs
    if not pooled:
        rows = [tokens[:length] for tokens, length in zip(outputs, lengths, strict=True)]
        vectors = np.stack([np.concatenate([_POOLINGS[name](row) for name in poolings_of(task)]) for row in rows])
    if task.normalized:
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


_POOLINGS: dict[str, Callable[[Values], Values]] = {
    "mean": lambda tokens: tokens.mean(axis=0),
    "cls": lambda tokens: tokens[0],
    "max": lambda tokens: tokens.max(axis=0),
    "last": lambda tokens: tokens[-1],
    "weighted_mean": lambda tokens: np.average(tokens, axis=0, weights=np.arange(1, len(tokens) + 1)),
    "mean_sqrt_len": lambda tokens: tokens.sum(axis=0) / np.sqrt(len(tokens)),
}
