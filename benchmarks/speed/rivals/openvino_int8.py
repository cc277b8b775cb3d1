"""OpenVINO in int8, calibrated by NNCF on validation texts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from tokenizers import Tokenizer
from worker import Setting, by_length, serve

MAX_LENGTH = 256
_CALIBRATION = 300


class OpenVINO:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        self._tokenizer = Tokenizer.from_file(f"{checkpoint}/tokenizer.json")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_LENGTH)
        labels = json.loads(Path(checkpoint, "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        quantised = Path(work, "openvino.xml")
        core = ov.Core()
        if not quantised.is_file():
            import nncf

            # The plain graph: stock.py of the project's environment has made it.
            model = ov.convert_model(str(Path(work, "stock-fp32.onnx")))
            lines = Path(checkpoint, "validation.jsonl").read_text(encoding="utf-8").splitlines()[:_CALIBRATION]
            feeds = [self._feed([self._tokenizer.encode(json.loads(line)["text"]).ids]) for line in lines]
            ov.save_model(
                nncf.quantize(
                    model, nncf.Dataset(feeds), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(feeds)
                ),
                quantised,
            )
        cpus = len(os.sched_getaffinity(0))
        self._compiled = {
            streams: core.compile_model(
                str(quantised), "CPU", {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(cpus)}
            )
            for streams in {1, cpus}
        }

    def settings(self) -> list[Setting]:
        return [
            {"tokens": tokens, "streams": streams}
            for tokens in (128, 256, 512, 1024, 2048)
            for streams in sorted(self._compiled)
        ]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        ids = [each.ids for each in self._tokenizer.encode_batch_fast(list(texts))]
        found = np.empty(len(ids), dtype=np.int64)
        queue = ov.AsyncInferQueue(self._compiled[setting["streams"]], setting["streams"])

        def keep(request: ov.InferRequest, batch: list[int]) -> None:
            found[batch] = request.get_output_tensor(0).data.argmax(axis=1)

        queue.set_callback(keep)
        for batch in by_length([len(each) for each in ids], setting["tokens"]):
            queue.start_async(self._feed([ids[index] for index in batch]), batch)
        queue.wait_all()
        return [self._labels[index] for index in found]

    @staticmethod
    def _feed(windows: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
        longest = max(map(len, windows))
        input_ids = np.zeros((len(windows), longest), dtype=np.int64)
        mask = np.zeros_like(input_ids)
        for row, window in enumerate(windows):
            input_ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        return {"input_ids": input_ids, "attention_mask": mask}


if __name__ == "__main__":
    serve(OpenVINO)
