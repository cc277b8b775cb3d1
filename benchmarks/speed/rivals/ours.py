"""Glossator, as its users call it."""

from __future__ import annotations

from collections.abc import Sequence

from worker import Setting, serve

import glossator


class Ours:
    def prepare(self, checkpoint: str, bundle: str, work: str) -> None:
        self._model = glossator.load(bundle)
        self._model.measure_batch_cost()

    def settings(self) -> list[Setting]:
        return [{"found by": "calibration"}]

    def run(self, texts: Sequence[str], setting: Setting) -> list[str]:
        return [str(answer.label) for answer in self._model(list(texts))]


if __name__ == "__main__":
    serve(Ours)
