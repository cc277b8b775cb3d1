"""A program that trains and is killed: `killed_runs.py PLAN.json` prints what became of each run.

One process imports PyTorch and forks a child for each attempt, so that a kill costs no import. `test_state.py` writes
the plan: `base`, `rows` of text and label, `options` of the training, and `runs`, each with `name`, `output`, `options`
of its own and `attempts`. An attempt is ended by SIGKILL at a moment (`kill`), by SIGXFSZ in the middle of the first
write after a moment that is longer than `bytes` (`cut`), is refused that write with an error (`refuse`), or is left
alone (null). A moment is a list: ["step", n], ["epoch", n] or ["stage", words].
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sklearn.metrics  # noqa: F401  here rather than in each child
import transformers.models.bert.modeling_bert  # noqa: F401

from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import GlossatorError
from glossator.training.algorithms.algorithm import Splits
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.row import SourceRow
from glossator.training.fit import fit
from glossator.training.progress import EpochDone, StepDone


class Fate:
    """Hears of a run's progress and ends the process, or limits what it may write, when its moment has come."""

    def __init__(self, attempt: dict[str, Any] | None) -> None:
        self._attempt = attempt or {"moment": ["never", 0]}
        self._kind, self._when = self._attempt["moment"]

    def stage(self, name: str) -> None:
        self._strike(self._kind == "stage" and self._when in name)

    def step(self, event: StepDone) -> None:
        self._strike(self._kind == "step" and event.step == self._when)

    def epoch(self, event: EpochDone) -> None:
        self._strike(self._kind == "epoch" and event.epoch == self._when)

    def _strike(self, now: bool) -> None:
        if not now:
            return
        if self._attempt["fate"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._attempt["fate"] == "cut":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._attempt["bytes"], resource.RLIM_INFINITY))


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    rows = [SourceRow(line, {"text": text, "label": label}) for line, (text, label) in enumerate(plan["rows"], 1)]
    corpus = read_corpus(rows, source_name="rows", text_column="text", label_column="label")
    held = range(0, len(corpus), 4)
    learned = [row for row in range(len(corpus)) if row % 4]
    splits = Splits(corpus.subset(learned), corpus.subset(held), LabelledRows([], []))
    results = {}
    for run in plan["runs"]:
        config = TrainingConfig(base=plan["base"], **(plan["options"] | run["options"]))
        attempts = [_attempt(splits, config, Path(run["output"]), attempt) for attempt in run["attempts"]]
        results[run["name"]] = attempts
    print(json.dumps(results))


def _attempt(splits: Splits, config: TrainingConfig, output: Path, attempt: dict[str, Any] | None) -> dict[str, Any]:
    """How the child ended, what it said, and what lies in the state's folder afterwards."""
    said = output.with_name(output.name + ".said")
    said.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            fitted = fit(splits, config, output, progress=Fate(attempt))
            answer = {"outcome": asdict(fitted.outcome)}
        except GlossatorError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            answer = {"error": type(error).__name__, "message": str(error)}
        said.write_text(json.dumps(answer))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    state = output.with_name(output.name + ".partial")
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "state": sorted(path.name for path in state.iterdir()) if state.is_dir() else [],
        **(json.loads(said.read_text()) if said.is_file() else {}),
    }


if __name__ == "__main__":
    main()
