"""What every engine's process does: reads a line of JSON, works, writes a line of JSON.

An engine is a class with three methods; `serve` is its process. Requests are `{"do": "prepare", ...}`,
`{"do": "settings"}` and `{"do": "run", "texts": [...], "setting": ...}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

Setting = dict[str, Any]


class Engine(Protocol):
    """Strings to labels, tokenising included."""

    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        """Loads, and converts where that is needed; not timed."""

    def settings(self) -> list[Setting]:
        """What is worth trying; the orchestrator finds the best for each set of texts."""

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        """The label of each text, in order."""


def serve(make: Callable[[], Engine]) -> None:
    """Answers requests until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    engine = make()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answer(engine, request)
        except Exception as error:  # the orchestrator reports it and goes on without this engine
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "prepare":
        engine.prepare(request["checkpoint"], request["bundle"], request["work"])
        return {"ready": True}
    if request["do"] == "settings":
        return {"settings": engine.settings()}
    began = time.perf_counter()
    labels = engine.run(request["texts"], request["setting"])
    return {"seconds": time.perf_counter() - began, "labels": labels}


def by_length(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Batches of indices, longest first, of at most `tokens` padded tokens (one text at least): a plain planner that
    any user of a bare engine would write."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    for index in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
