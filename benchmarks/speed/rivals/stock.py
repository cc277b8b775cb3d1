"""ONNX Runtime as its documentation has it: PyTorch's export, `quantize_dynamic`, and a well-tuned loop around it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer
from worker import Setting, by_length, serve

MAX_LENGTH = 256


def convert_stock(checkpoint: str, folder: Path) -> Path:
    """The int8 graph, made once."""
    int8 = folder / "stock-int8.onnx"
    if not int8.is_file():
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.shape_inference import quant_pre_process

        from glossator.export.graphs.torch_to_onnx import convert_to_onnx
        from glossator.modeling.checkpoint_reader import load_model, read_task

        task = read_task(checkpoint)
        convert_to_onnx(load_model(checkpoint, task.task), task, folder / "stock-fp32.onnx")
        quant_pre_process(folder / "stock-fp32.onnx", folder / "stock-prepared.onnx", skip_symbolic_shape=True)
        quantize_dynamic(folder / "stock-prepared.onnx", int8, weight_type=QuantType.QInt8, per_channel=True)
    return int8


class Stock:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        graph = convert_stock(checkpoint, Path(work))
        self._tokenizer = Tokenizer.from_file(f"{checkpoint}/tokenizer.json")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_LENGTH)
        import json

        labels = json.loads(Path(checkpoint, "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        self._cpus = len(os.sched_getaffinity(0))
        self._sessions = {
            (threads, spin): self._open(graph, threads, spin) for threads in {1, self._cpus} for spin in (False, True)
        }

    def settings(self) -> list[Setting]:
        return [
            {"tokens": tokens, "threads": threads, "callers": self._cpus // threads, "spin": spin}
            for tokens in (128, 256, 512, 1024, 2048, 4096)
            for threads in sorted({1, self._cpus})
            for spin in (False, True)
            if not (spin and threads == 1)
        ]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        session = self._sessions[setting["threads"], setting["spin"]]
        ids = [each.ids for each in self._tokenizer.encode_batch_fast(list(texts))]
        batches = by_length([len(each) for each in ids], setting["tokens"])
        found = np.empty(len(ids), dtype=np.int64)

        def one(batch: list[int]) -> None:
            longest = len(ids[batch[0]])
            input_ids = np.zeros((len(batch), longest), dtype=np.int64)
            mask = np.zeros_like(input_ids)
            for row, index in enumerate(batch):
                input_ids[row, : len(ids[index])] = ids[index]
                mask[row, : len(ids[index])] = 1
            found[batch] = session.run(["logits"], {"input_ids": input_ids, "attention_mask": mask})[0].argmax(axis=1)

        with ThreadPoolExecutor(setting["callers"]) as pool:
            list(pool.map(one, batches))
        return [self._labels[index] for index in found]

    @staticmethod
    def _open(graph: Path, threads: int, spin: bool) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    serve(Stock)
