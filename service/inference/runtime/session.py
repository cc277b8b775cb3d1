"""One ONNX graph, ready to run: token ids in, logits (or a vector) out, for each window its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glossator.service.bundle.onnx_inspection import FURTHER_OUTPUT, TOKEN_VECTORS
from glossator.service.errors import BundleInvalid, ConfigError, Fault, InferenceError
from glossator.service.inference.runtime import int8_kernels
from glossator.service.tasks.encoded import Floats, PairWindow, TokenWindow, join_vectors

OPTIMIZATION_LEVEL = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
"""The level that serves; export measures parity at the same one."""

_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


Device = Literal["cpu", "cuda"]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def providers(device: Device, available: Sequence[str]) -> list[str]:
    """ONNX Runtime's execution providers for a device, the preferred one first; what it cannot run, the CPU does.

    Raises ConfigError where the device is not among the `available` ones: a graph would run on the CPU silently.
    """
    wanted = _PROVIDERS[device]
    if wanted not in available:
        raise ConfigError(
            f"this ONNX Runtime cannot run on {device}",
            found=", ".join(available),
            expected=wanted,
            hint="Install onnxruntime-gpu in its place, with the CUDA that it names; or use --device cpu.",
        )
    return list(dict.fromkeys([wanted, _PROVIDERS["cpu"]]))


def session_options(threads: int = 1) -> ort.SessionOptions:
    """Return the session options: `threads` within an operator, and int8 products that are exact on every processor."""
    options = ort.SessionOptions()
    options.graph_optimization_level = OPTIMIZATION_LEVEL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between calls steal the core on which the server answers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    int8_kernels.configure(options)
    return options


class Session:
    """Runs batches of windows. Threads may call `run` at the same time, and share the weights.

    `graph` is the file or its content; `name` names it in errors.

    By default a run stays on the thread that calls it: two batches side by side take less time than two one after the
    other on two threads each, which wait for one another at every operator.
    """

    def __init__(
        self,
        graph: Path | bytes,
        *,
        name: str | None = None,
        pad_token_id: int = 0,
        threads: int = 1,
        device: Device = "cpu",
    ) -> None:
        chosen = providers(device, ort.get_available_providers())
        options = session_options(threads)
        try:
            self._session = ort.InferenceSession(graph, options, providers=chosen)
            self._session._model_bytes = None  # ONNX Runtime would keep a copy of the weights for `set_providers`
            # Names that are not UTF-8 fail here.
            self.inputs = tuple(item.name for item in self._session.get_inputs())
            outputs = [item for item in self._session.get_outputs() if item.name not in (FURTHER_OUTPUT, TOKEN_VECTORS)]
            self.outputs = [item.name for item in outputs]
            self._per_token = len(outputs) > 1 or len(outputs[0].shape) > 2
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            where = graph.name if name is None and isinstance(graph, Path) else name or ""
            fault = Fault("graph-does-not-load", str(error), where)
            raise BundleInvalid("ONNX Runtime refuses the graph", faults=[fault]) from error
        self.threads = options.intra_op_num_threads
        self.device: Device = "cuda" if _PROVIDERS["cuda"] in self._session.get_providers() else "cpu"
        if self.device != device:  # the driver or a library is absent: ONNX Runtime only warns
            raise ConfigError(
                "CUDA could not be started",
                found=", ".join(self._session.get_providers()),
                hint="Check the driver and the CUDA libraries, or use --device cpu.",
            )
        self._pad_token_id = pad_token_id
        unknown = sorted(set(self.inputs) - set(_KNOWN_INPUTS))
        if unknown or not {"input_ids", "attention_mask"} <= set(self.inputs):
            raise BundleInvalid(
                "the graph has the wrong inputs",
                found=", ".join(self.inputs),
                expected="input_ids, attention_mask and optionally token_type_ids",
            )

    def run(self, windows: Sequence[Sequence[int]]) -> Sequence[Floats]:
        """What the graph gives for each window of token ids, padded here to the longest: logits `(labels,)`, a vector,
        or for tasks that speak of tokens logits `(len(window), labels)`. For a `TokenWindow`, see there."""
        input_ids, attention_mask = pad(windows, self._pad_token_id)
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
        if "token_type_ids" in self.inputs:
            feeds["token_type_ids"] = token_types(windows)
        with_tokens = any(isinstance(window, TokenWindow) for window in windows)
        names = [*self.outputs, TOKEN_VECTORS] if with_tokens else self.outputs
        try:
            outputs = self._session.run(names, feeds)
        except Exception as error:
            count, longest = input_ids.shape
            raise InferenceError(f"the graph failed on {count} windows of {longest} tokens", found=error) from error
        if with_tokens:
            return add_tokens(by_window(outputs[:-1], windows, per_token=False), outputs[-1], windows)
        return by_window(outputs, windows, per_token=self._per_token)


def pad(windows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`input_ids` and `attention_mask` of windows of token ids, each `(len(windows), longest)`."""
    longest = max(len(window) for window in windows)
    input_ids = np.full((len(windows), longest), pad_token_id, dtype=np.int64)  # (batch, seq)
    attention_mask = np.zeros_like(input_ids)  # (batch, seq)
    for row, window in enumerate(windows):
        input_ids[row, : len(window)] = window
        attention_mask[row, : len(window)] = 1
    return input_ids, attention_mask


def token_types(windows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """`token_type_ids` `(len(windows), longest)`: 1 for the tokens of a second text."""
    types = np.zeros((len(windows), max(len(window) for window in windows)), dtype=np.int64)  # (batch, seq)
    for row, window in enumerate(windows):
        if isinstance(window, PairWindow):
            types[row, window.second : len(window)] = 1
    return types


def by_window(
    outputs: Sequence[NDArray[np.float32]], windows: Sequence[Sequence[int]], *, per_token: bool
) -> Sequence[Floats]:
    """The outputs of a batch, `(batch, labels)` or `(batch, seq[, labels])`, split into those of its windows, without
    the padding. Two outputs (start and end) are put side by side."""
    together = np.asarray(outputs[0] if len(outputs) == 1 else np.stack(outputs, axis=-1), dtype=np.float32)
    if not per_token:
        return list(together)  # of (labels,)
    return [rows[: len(window)] for rows, window in zip(together, windows, strict=True)]


def add_tokens(
    vectors: Sequence[Floats], tokens: NDArray[np.float32], windows: Sequence[Sequence[int]]
) -> Sequence[Floats]:
    """Return the vector of each window, and for each `TokenWindow` those of its tokens after it.

    `tokens` are the vectors of the tokens of a batch, `(batch, seq, dimension)`.
    """
    return [
        join_vectors(vector, tokens[row, : len(window)]) if isinstance(window, TokenWindow) else vector
        for row, (vector, window) in enumerate(zip(vectors, windows, strict=True))
    ]
