"""One encoder with random weights in one engine: windows of token ids to the numbers of their labels.

    python encoder_engine.py ours|stock|openvino|torch-bf16

`prepare` gets the name of the shape as its checkpoint. Every engine gets batches of texts of similar length.
"""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from worker import Setting, by_length, serve

TOKENS = (256, 512, 1024)
"""Padded tokens of a batch that are worth trying."""
CPUS = len(os.sched_getaffinity(0))
Logits = Callable[[np.ndarray, np.ndarray], np.ndarray]


def pad(windows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """`input_ids` and `attention_mask`, `(windows, longest)`."""
    ids = np.zeros((len(windows), max(map(len, windows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, window in enumerate(windows):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
    return ids, mask


class EncoderEngine(ABC):
    """What the engines share: batches, in as many callers at once as a setting says."""

    def run(self, texts: Sequence[Any], setting: Setting) -> list[str]:
        found = np.empty(len(texts), dtype=np.int64)
        logits = self.logits(setting)

        def one(batch: list[int]) -> None:
            found[batch] = logits(*pad([texts[index] for index in batch])).argmax(axis=1)

        batches = by_length([len(text) for text in texts], setting["tokens"])
        with ThreadPoolExecutor(setting.get("callers", 1)) as pool:
            list(pool.map(one, batches))
        return [str(label) for label in found]

    @abstractmethod
    def logits(self, setting: Setting) -> Logits:
        """The function that computes a batch."""


class OnnxRuntime(EncoderEngine):
    """A graph in ONNX Runtime: ours, or stock's."""

    def __init__(self, graph: str) -> None:
        self._graph = graph

    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        import onnxruntime as ort

        self._sessions = {}
        for threads in {1, CPUS}:
            options = ort.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            graph = Path(work, checkpoint, self._graph)
            self._sessions[threads] = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def settings(self) -> list[Setting]:
        return [
            {"tokens": tokens, "threads": threads, "callers": CPUS // threads}
            for tokens in TOKENS
            for threads in sorted(self._sessions)
        ]

    def logits(self, setting: Setting) -> Logits:
        session = self._sessions[setting["threads"]]
        return lambda ids, mask: session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


class OpenVINO(EncoderEngine):
    """Int8 by NNCF, calibrated on random windows, from the plain export of PyTorch."""

    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        import nncf
        import openvino as ov

        folder, core = Path(work, checkpoint), ov.Core()
        quantised = folder / "openvino.xml"
        if not quantised.is_file():
            windows = json.loads((folder / "calibration.json").read_text())
            feeds = [dict(zip(("input_ids", "attention_mask"), pad([window]), strict=True)) for window in windows]
            model = nncf.quantize(
                ov.convert_model(str(folder / "stock-fp32.onnx")),
                nncf.Dataset(feeds),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(feeds),
            )
            ov.save_model(model, quantised)
        self._compiled = {
            streams: core.compile_model(
                str(quantised), "CPU", {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(CPUS)}
            )
            for streams in {1, CPUS}
        }

    def settings(self) -> list[Setting]:
        return [
            {"tokens": tokens, "streams": streams, "callers": streams}
            for tokens in TOKENS
            for streams in sorted(self._compiled)
        ]

    def logits(self, setting: Setting) -> Logits:
        model = self._compiled[setting["streams"]]

        def compute(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
            request = model.create_infer_request()
            found: np.ndarray = request.infer({"input_ids": ids, "attention_mask": mask})[0]
            return found

        return compute


class TorchBfloat16(EncoderEngine):
    """PyTorch in bf16, with the attention that transformers chooses."""

    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        import torch

        from benchmarks.common.encoder_shapes import build_classifier

        torch.set_num_threads(CPUS)
        self._model = build_classifier(checkpoint).to(torch.bfloat16)

    def settings(self) -> list[Setting]:
        return [{"tokens": tokens} for tokens in TOKENS]

    def logits(self, setting: Setting) -> Logits:
        import torch

        def compute(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                found = self._model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
            values: np.ndarray = found.logits.float().numpy()
            return values

        return compute


ENGINES: dict[str, Callable[[], Any]] = {
    "ours": lambda: OnnxRuntime("ours.onnx"),
    "stock": lambda: OnnxRuntime("stock-int8.onnx"),
    "openvino": OpenVINO,
    "torch-bf16": TorchBfloat16,
}

if __name__ == "__main__":
    serve(ENGINES[sys.argv[1]])
