"""Infinity's engine, called from Python: it sorts and batches by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

os.environ.update(HF_HUB_OFFLINE="1", INFINITY_ANONYMOUS_USAGE_STATS="0", DO_NOT_TRACK="1")

import torch
from infinity_emb import AsyncEmbeddingEngine, EngineArgs
from worker import Setting, serve


class Infinity:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self._checkpoint = checkpoint
        self._loop = asyncio.new_event_loop()
        self._engines: dict[tuple[int, str], AsyncEmbeddingEngine] = {}

    def settings(self) -> list[Setting]:
        return [{"batch": batch, "dtype": dtype} for batch in (8, 32, 64) for dtype in ("float32", "bfloat16")]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        return self._loop.run_until_complete(self._run(list(texts), setting["batch"], setting["dtype"]))

    async def _run(self, texts: list[str], batch: int, dtype: str) -> list[str]:
        key = (batch, dtype)
        if key not in self._engines:  # the first call of a setting is not counted
            args = EngineArgs(
                model_name_or_path=self._checkpoint, engine="torch", device="cpu", batch_size=batch, dtype=dtype,
                bettertransformer=False, compile=False, model_warmup=False,
            )  # fmt: skip
            self._engines[key] = AsyncEmbeddingEngine.from_args(args)
            await self._engines[key].astart()
        answers, _ = await self._engines[key].classify(sentences=texts)
        return [max(answer, key=lambda each: each["score"])["label"] for answer in answers]


if __name__ == "__main__":
    serve(Infinity)
