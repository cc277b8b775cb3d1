"""A run that was killed comes to the same result, to the bit; a state is whole or not there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from service.bundle import layout
from service.errors import ConfigError, OutputError
from training.state import Place, StateFolder

PROGRAM = Path(__file__).with_name("killed_runs.py")
OPTIONS = {
    "epochs": 3, "batch_size": 8, "learning_rate": 5e-3, "head_learning_rate_factor": 1.0, "max_length": 32,
    "patience": 3, "device": "cpu", "state_every_seconds": 0.0,
}  # fmt: skip
STEPS_AN_EPOCH = 8
ROWS = [
    (f"{verb} {thing} {number}", label)
    for verb in ("please help with", "where is", "again")
    for thing, label in (("my parcel", "delivery"), ("the money", "refund"), ("my password", "login"))
    for number in range(9)
]
MODEL_BYTES, STATE_BYTES = 20_000, 150_000
"""Less than the tiny model takes, and less than its state does: a write that is cut there is cut in the middle."""


def kill(kind: str, when: int | str) -> dict[str, Any]:
    return {"fate": "kill", "moment": [kind, when]}


def cut(kind: str, when: int | str, size: int) -> dict[str, Any]:
    return {"fate": "cut", "moment": [kind, when], "bytes": size}


def refuse(kind: str, when: int | str, size: int) -> dict[str, Any]:
    return {"fate": "refuse", "moment": [kind, when], "bytes": size}


RUNS: dict[str, list[dict[str, Any] | None]] = {
    "before the first state": [kill("step", 1)],
    "in the middle of an epoch": [kill("step", STEPS_AN_EPOCH + 5)],
    "on the last batch of an epoch": [kill("step", STEPS_AN_EPOCH)],
    "after validation, before the epoch's state": [kill("epoch", 0)],
    "after the last validation": [kill("epoch", 2)],
    "after the last state": [kill("stage", "writing the checkpoint")],
    "again and again": [kill("step", step) for step in (2, 5, 11, STEPS_AN_EPOCH * 2, 19)],
    "while a state is written": [cut("step", STEPS_AN_EPOCH + 3, STATE_BYTES)],
    "while the best weights are written": [cut("step", STEPS_AN_EPOCH * 2, MODEL_BYTES)],
    "while the checkpoint is written": [cut("stage", "writing the checkpoint", MODEL_BYTES)],
    "the disk is full": [refuse("step", STEPS_AN_EPOCH + 3, STATE_BYTES)],
    "the disk is full for the best weights": [refuse("step", STEPS_AN_EPOCH * 2, MODEL_BYTES)],
}
SIGNALS = {"kill": signal.SIGKILL, "cut": signal.SIGXFSZ, "refuse": 0}


class Runs:
    """What became of the runs, and where their checkpoints are."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        runs = [self._run(name, [*attempts, None]) for name, attempts in RUNS.items()]
        runs += [
            self._run("left alone", [None]),
            self._run("left alone too", [None]),
            self._run("another seed", [None], seed=14),
            self._run("states at epochs' ends alone", [kill("step", 13), None], state_every_seconds=1e6),
        ]
        plan = {"base": str(base), "rows": ROWS, "options": OPTIONS, "runs": runs}
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, str(PROGRAM), str(folder / "plan.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=PROGRAM.parents[2])
        assert done.returncode == 0, done.stderr
        self.attempts: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)

    def _run(self, name: str, attempts: list[dict[str, Any] | None], **options: object) -> dict[str, Any]:
        return {"name": name, "output": str(self.output(name)), "attempts": attempts, "options": options}

    def output(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-").replace("'", "")

    def result(self, name: str) -> dict[str, Any]:
        """Everything that a finished run leaves and that time does not decide."""
        output = self.output(name)
        task = json.loads((output / layout.TASK).read_text())
        del task["provenance"]["created"], task["provenance"]["config"]["state_every_seconds" if False else "epochs"]
        outcome = self.attempts[name][-1]["outcome"]
        return {
            "weights": (output / layout.WEIGHTS).read_bytes(),
            "history": json.loads((output / layout.HISTORY).read_text()),
            "task": task,
            "outcome": {key: outcome[key] for key in ("best_metric", "best_epoch", "epochs_run", "history")},
        }


@pytest.fixture(scope="module")
def runs(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("killed"), tiny_base("bert"))
