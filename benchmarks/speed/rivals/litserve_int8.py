"""LitServe in front of the stock int8 graph: `python litserve_int8.py CHECKPOINT GRAPH PORT BATCH WAIT WORKERS`.

A batch holds at most BATCH requests and waits at most WAIT seconds for them. Each worker is one process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import litserve
import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

MAX_LENGTH = 256


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    """Strings to labels, the highest logit."""

    def __init__(self, checkpoint: str, graph: str, threads: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._checkpoint, self._graph, self._threads = checkpoint, graph, threads

    def setup(self, device: str) -> None:
        self._tokenizer = Tokenizer.from_file(f"{self._checkpoint}/tokenizer.json")
        self._tokenizer.enable_truncation(MAX_LENGTH)
        self._tokenizer.enable_padding(pad_id=0)
        labels = json.loads(Path(self._checkpoint, "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, texts: list[str] | str) -> list[str] | str:
        many = [texts] if isinstance(texts, str) else texts
        encodings = self._tokenizer.encode_batch_fast(many)
        feeds = {
            "input_ids": np.array([each.ids for each in encodings], dtype=np.int64),
            "attention_mask": np.array([each.attention_mask for each in encodings], dtype=np.int64),
        }
        found = self._session.run(["logits"], feeds)[0].argmax(axis=1)
        labels = [self._labels[index] for index in found]
        return labels[0] if isinstance(texts, str) else labels

    def unbatch(self, output: list[str]) -> list[str]:
        return output

    def encode_response(self, output: str) -> dict[str, str]:
        return {"label": output}


if __name__ == "__main__":
    checkpoint, graph, port, batch, wait, workers = sys.argv[1:]
    threads = max(1, len(os.sched_getaffinity(0)) // int(workers))
    api = Classifier(checkpoint, graph, threads, max_batch_size=int(batch), batch_timeout=float(wait))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(workers), timeout=120)
    server.run(host="127.0.0.1", port=int(port), num_api_servers=1, log_level="warning", generate_client_file=False)
