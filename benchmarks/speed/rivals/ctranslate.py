"""CTranslate2 in int8: its converter has BERT's encoder and pooler, the classifier is one product in NumPy."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import ctranslate2
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from worker import Setting, by_length, serve

MAX_LENGTH = 256


class CTranslate2:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        folder = Path(work, "ctranslate2")
        if not (folder / "model.bin").is_file():
            ctranslate2.converters.TransformersConverter(checkpoint).convert(
                str(folder), quantization="int8", force=True
            )
        self._tokenizer = Tokenizer.from_file(f"{checkpoint}/tokenizer.json")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_LENGTH)
        weights = load_file(f"{checkpoint}/model.safetensors")
        self._classifier = weights["classifier.weight"].T, weights["classifier.bias"]
        self._pooler = weights["bert.pooler.dense.weight"].T, weights["bert.pooler.dense.bias"]
        labels = json.loads(Path(checkpoint, "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        cpus = len(os.sched_getaffinity(0))
        self._encoders = {
            (inter, intra): ctranslate2.Encoder(
                str(folder), device="cpu", compute_type="int8", inter_threads=inter, intra_threads=intra
            )
            for inter, intra in {(1, cpus), (cpus, 1)}
        }

    def settings(self) -> list[Setting]:
        return [
            {"tokens": tokens, "inter": inter, "intra": intra}
            for tokens in (256, 512, 1024, 2048)
            for inter, intra in self._encoders
        ]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        from concurrent.futures import ThreadPoolExecutor

        encoder = self._encoders[setting["inter"], setting["intra"]]
        ids = [each.ids for each in self._tokenizer.encode_batch_fast(list(texts))]
        found = np.empty(len(ids), dtype=np.int64)

        def one(batch: list[int]) -> None:
            output = encoder.forward_batch([ids[index] for index in batch])
            if output.pooler_output is not None:
                pooled = np.array(output.pooler_output)
            else:
                pooled = np.tanh(np.array(output.last_hidden_state)[:, 0] @ self._pooler[0] + self._pooler[1])
            found[batch] = (pooled @ self._classifier[0] + self._classifier[1]).argmax(axis=1)

        with ThreadPoolExecutor(setting["inter"]) as pool:
            list(pool.map(one, by_length([len(each) for each in ids], setting["tokens"])))
        return [self._labels[index] for index in found]


if __name__ == "__main__":
    serve(CTranslate2)
