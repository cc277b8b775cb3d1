"""transformers' own pipeline on PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import pipeline
from worker import Setting, serve


class Pipeline:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self._pipelines = {
            dtype: pipeline("text-classification", model=checkpoint, dtype=getattr(torch, dtype), device="cpu")
            for dtype in ("float32", "bfloat16")
        }

    def settings(self) -> list[Setting]:
        return [
            {"batch": batch, "dtype": dtype, "sorted": ordered}
            for batch in (1, 8, 32)
            for dtype in ("float32", "bfloat16")
            for ordered in (False,)
        ]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        answers = self._pipelines[setting["dtype"]](
            list(texts), batch_size=setting["batch"], truncation=True, max_length=256
        )
        return [answer["label"] for answer in answers]


class SortedPipeline(Pipeline):
    """The same, fed by a user who sorts the texts by length before."""

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        labels = super().run([texts[index] for index in order], setting)
        placed = dict(zip(order, labels, strict=True))
        return [placed[index] for index in range(len(texts))]


if __name__ == "__main__":
    import sys

    serve(SortedPipeline if "--sorted" in sys.argv else Pipeline)
