"""A program that trains models and is killed: `killed_training.py PLAN.json` prints how each case ended.

One process imports PyTorch and forks a child for each attempt, so that attempts are fast. `test_resume_state.py` writes
the plan: `base`, `rows` of text and label, `options` of training, and `cases`, each with `name`, `output`, `options` of
its own and `attempts`. An attempt ends by SIGKILL at a moment (`kill`), by SIGXFSZ in the first write of more than
`bytes` after a moment (`cut`), by an error of that write (`refuse`), or normally (null). A moment is a list: ["step",
n], ["epoch", n] or ["stage", text].
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

import sklearn.metrics  # noqa: F401  imported here once, not in each child
import transformers.models.bert.modeling_bert  # noqa: F401

from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import GlossatorError
from glossator.training.algorithms.algorithm import Splits
from glossator.training.config import TrainingConfig
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.row import SourceRow
from glossator.training.fit import fit
from glossator.training.progress import EpochDone, StepDone


class FailingProgress:
    """Ends the process, or limits the size of its files, at a given moment of training."""

    def __init__(self, attempt: dict[str, Any] | None) -> None:
        self._attempt = attempt or {"moment": ["never", 0]}
        self._kind, self._when = self._attempt["moment"]

    def stage(self, name: str) -> None:
        self._fail_if(self._kind == "stage" and self._when in name)

    def step(self, event: StepDone) -> None:
        self._fail_if(self._kind == "step" and event.step == self._when)

    def epoch(self, event: EpochDone) -> None:
        self._fail_if(self._kind == "epoch" and event.epoch == self._when)

    def _fail_if(self, now: bool) -> None:
        if not now:
            return
        if self._attempt["failure"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._attempt["failure"] == "cut":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # by default Python ignores this signal, and the write fails
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._attempt["bytes"], resource.RLIM_INFINITY))


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    rows = [SourceRow(line, {"text": text, "label": label}) for line, (text, label) in enumerate(plan["rows"], 1)]
    corpus = read_corpus(rows, source_name="rows", text_column="text", label_column="label")
    validation = range(0, len(corpus), 4)
    train = [row for row in range(len(corpus)) if row % 4]
    splits = Splits(corpus.subset(train), corpus.subset(validation), LabelledRows([], []))
    results = {}
    for case in plan["cases"]:
        config = TrainingConfig(base=plan["base"], **(plan["options"] | case["options"]))
        attempts = [_attempt(splits, config, Path(case["output"]), attempt) for attempt in case["attempts"]]
        results[case["name"]] = attempts
    print(json.dumps(results))


def _attempt(splits: Splits, config: TrainingConfig, output: Path, attempt: dict[str, Any] | None) -> dict[str, Any]:
    """How the child ended, its answer, and the files in the state folder afterwards."""
    answer_file = output.with_name(output.name + ".answer")
    answer_file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            fitted = fit(splits, config, output, progress=FailingProgress(attempt))
            answer = {"outcome": asdict(fitted.outcome)}
        except GlossatorError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            answer = {"error": type(error).__name__, "message": str(error)}
        answer_file.write_text(json.dumps(answer))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    state = output.with_name(output.name + ".partial")
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "state": sorted(path.name for path in state.iterdir()) if state.is_dir() else [],
        **(json.loads(answer_file.read_text()) if answer_file.is_file() else {}),
    }


if __name__ == "__main__":
    main()
