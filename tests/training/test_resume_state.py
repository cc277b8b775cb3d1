"""Training that was killed ends with exactly the same result; a state is either complete or absent."""

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

from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError, OutputError
from glossator.training.resume_state import Position, ResumeState

PROGRAM = Path(__file__).with_name("killed_training.py")
OPTIONS = {
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "head_learning_rate_factor": 1.0,
    "max_length": 32,
    "patience": 3,
    "device": "cpu",
    "threads": 1,
    "state_every_seconds": 0.0,
}
STEPS_PER_EPOCH = 8
ROWS = [
    (f"{verb} {thing} {number}", label)
    for verb in ("please help with", "where is", "again")
    for thing, label in (("my parcel", "delivery"), ("the money", "refund"), ("my password", "login"))
    for number in range(9)
]
MODEL_BYTES, STATE_BYTES = 20_000, 150_000
"""Fewer bytes than the tiny model and its state have, so that a write that is cut there is incomplete."""


def kill(kind: str, when: int | str) -> dict[str, Any]:
    return {"failure": "kill", "moment": [kind, when]}


def cut(kind: str, when: int | str, size: int) -> dict[str, Any]:
    return {"failure": "cut", "moment": [kind, when], "bytes": size}


def refuse(kind: str, when: int | str, size: int) -> dict[str, Any]:
    return {"failure": "refuse", "moment": [kind, when], "bytes": size}


CASES: dict[str, list[dict[str, Any] | None]] = {
    "before the first state": [kill("step", 1)],
    "in the middle of an epoch": [kill("step", STEPS_PER_EPOCH + 5)],
    "on the last batch of an epoch": [kill("step", STEPS_PER_EPOCH)],
    "after validation, before the epoch's state": [kill("epoch", 0)],
    "after the last validation": [kill("epoch", 2)],
    "after the last state": [kill("stage", "writing the checkpoint")],
    "again and again": [kill("step", step) for step in (2, 5, 11, STEPS_PER_EPOCH * 2, 19)],
    "while a state is written": [cut("step", STEPS_PER_EPOCH + 3, STATE_BYTES)],
    "while the best weights are written": [cut("step", STEPS_PER_EPOCH * 2, MODEL_BYTES)],
    "while the checkpoint is written": [cut("stage", "writing the checkpoint", MODEL_BYTES)],
    "the disk is full": [refuse("step", STEPS_PER_EPOCH + 3, STATE_BYTES)],
    "the disk is full for the best weights": [refuse("step", STEPS_PER_EPOCH * 2, MODEL_BYTES)],
}
SIGNALS = {"kill": signal.SIGKILL, "cut": signal.SIGXFSZ, "refuse": 0}


class Results:
    """How the cases ended, and where their checkpoints are."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder = folder
        cases = [self._case(name, [*attempts, None]) for name, attempts in CASES.items()]
        cases += [
            self._case("not interrupted", [None]),
            self._case("not interrupted again", [None]),
            self._case("another seed", [None], seed=14),
            self._case("states only at the end of epochs", [kill("step", 13), None], state_every_seconds=1e6),
        ]
        plan = {"base": str(base), "rows": ROWS, "options": OPTIONS, "cases": cases}
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, str(PROGRAM), str(folder / "plan.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=PROGRAM.parents[2])
        assert done.returncode == 0, done.stderr
        self.attempts: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)

    def _case(self, name: str, attempts: list[dict[str, Any] | None], **options: object) -> dict[str, Any]:
        return {"name": name, "output": str(self.output(name)), "attempts": attempts, "options": options}

    def output(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-").replace("'", "")

    def result(self, name: str) -> dict[str, Any]:
        """Everything in the result of training that does not depend on time."""
        output = self.output(name)
        task = json.loads((output / file_names.TASK).read_text())
        del task["provenance"]["created"]
        outcome = self.attempts[name][-1]["outcome"]
        return {
            "weights": (output / file_names.WEIGHTS).read_bytes(),
            "history": json.loads((output / file_names.HISTORY).read_text()),
            "task": task,
            "outcome": {key: outcome[key] for key in ("best_metric", "best_epoch", "epochs_run", "history")},
        }


@pytest.fixture(scope="module")
def results(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(tmp_path_factory.mktemp("killed"), tiny_base("bert"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, "states only at the end of epochs"])
def test_killed_training_ends_with_the_same_result(results: Results, name: str) -> None:
    signals = [SIGNALS[attempt["failure"]] if attempt else 0 for attempt in CASES.get(name, [kill("step", 13)])]
    assert [attempt["signal"] for attempt in results.attempts[name]] == [*signals, 0]
    assert results.result(name) == results.result("not interrupted")
    assert results.attempts[name][-1]["state"] == []


@pytest.mark.slow
def test_training_repeats_exactly_and_another_seed_differs(results: Results) -> None:
    assert results.result("not interrupted again") == results.result("not interrupted")
    assert results.result("another seed")["weights"] != results.result("not interrupted")["weights"]


@pytest.mark.slow
def test_an_incomplete_write_leaves_the_earlier_state(results: Results) -> None:
    best, before, incomplete = results.attempts["while a state is written"][0]["state"]
    assert (best, before) == ("best.safetensors", f"step-0001-{2:08d}")
    assert incomplete.startswith("writing-")
    best, before, incomplete = results.attempts["while the best weights are written"][0]["state"]
    assert (best, before) == ("best.safetensors", f"step-0001-{7:08d}")
    assert incomplete.startswith("writing-")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["the disk is full", "the disk is full for the best weights"])
def test_a_full_disk_is_an_error_and_leaves_no_incomplete_file(results: Results, name: str) -> None:
    first = results.attempts[name][0]
    assert first["error"] == OutputError.__name__
    assert "Free some space" in first["message"]
    assert any(entry.startswith("step-") for entry in first["state"])
    assert not [entry for entry in first["state"] if entry.startswith("writing-")]


class Net:
    """A small model with dropout, and an optimiser with moments."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1, fused=True)

    def step(self) -> float:
        loss = self.model(torch.ones(3, 4)).square().sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


@pytest.fixture
def state(tmp_path: Path) -> ResumeState:
    return ResumeState(tmp_path / "model")


def test_a_state_restores_weights_moments_and_random_numbers(state: ResumeState) -> None:
    net = Net(1)
    net.step()
    position = Position(
        "fingerprint", epoch=2, step=5, best_metric=0.5, best_epoch=1, seconds=3.0, history=[{"epoch": 1, "loss": 0.25}]
    )
    position.add_loss(0.125)
    state.save(position, net.model, net.optimizer)
    expected = [net.step() for _ in range(3)]

    other = Net(2)
    found = state.newest("fingerprint")
    assert found is not None
    assert asdict(found) == asdict(position)
    state.load(other.model, other.optimizer)
    assert [other.step() for _ in range(3)] == expected


def test_only_the_newest_state_is_kept(state: ResumeState) -> None:
    net = Net(1)
    for epoch, step in ((0, 3), (0, 11), (1, 0)):
        state.save(Position("fingerprint", epoch=epoch, step=step), net.model, net.optimizer)
    assert [path.name for path in state.path.iterdir()] == ["step-0001-00000000"]
    found = state.newest("fingerprint")
    assert found is not None
    assert (found.epoch, found.step) == (1, 0)


def test_without_a_state_there_is_no_position(state: ResumeState) -> None:
    assert state.newest("fingerprint") is None
    state.path.mkdir()
    (state.path / "writing-abc").mkdir()  # the process was killed while it wrote the first state
    assert state.newest("fingerprint") is None


def test_a_state_with_another_fingerprint_is_rejected(state: ResumeState) -> None:
    net = Net(1)
    state.save(Position("fingerprint"), net.model, net.optimizer)
    with pytest.raises(ConfigError, match="other data or options") as caught:
        state.newest("another")
    assert "--fresh" in (caught.value.hint or "")
    assert state.newest("fingerprint") is not None


@pytest.mark.parametrize("content", ["{", '{"epoch": 1}', '{"fingerprint": "x", "unknown": 1}', ""])
def test_a_state_with_a_damaged_position_is_rejected(state: ResumeState, content: str) -> None:
    net = Net(1)
    state.save(Position("fingerprint"), net.model, net.optimizer)
    (state.path / "step-0000-00000000" / "state.json").write_text(content)
    with pytest.raises(ConfigError, match="damaged") as caught:
        state.newest("fingerprint")
    assert "--fresh" in (caught.value.hint or "")


def test_a_state_with_damaged_weights_is_rejected(state: ResumeState) -> None:
    net = Net(1)
    state.save(Position("fingerprint"), net.model, net.optimizer)
    state.save_best(net.model)
    for file in (state.path / "step-0000-00000000" / "state.safetensors", state.path / "best.safetensors"):
        file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(ConfigError, match="damaged"):
        state.load(net.model, net.optimizer)
    with pytest.raises(ConfigError, match="damaged"):
        state.load_best(net.model)


def test_a_state_of_another_model_is_rejected(state: ResumeState) -> None:
    net = Net(1)
    state.save(Position("fingerprint"), net.model, net.optimizer)
    smaller = torch.nn.Linear(4, 8)
    with pytest.raises(ConfigError, match="damaged"):
        state.load(smaller, torch.optim.AdamW(smaller.parameters()))


def test_the_best_weights_are_restored(state: ResumeState) -> None:
    net, other = Net(1), Net(2)
    state.save_best(net.model)
    state.load_best(other.model)
    for ours, theirs in zip(net.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert load_file(state.path / "best.safetensors").keys() == net.model.state_dict().keys()


def test_a_state_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.partial").write_text("a file with the name of the folder")
    net = Net(1)
    with pytest.raises(OutputError, match="cannot be written"):
        ResumeState(tmp_path / "model").save(Position("fingerprint"), net.model, net.optimizer)


def test_discard_removes_everything(state: ResumeState) -> None:
    net = Net(1)
    state.save(Position("fingerprint"), net.model, net.optimizer)
    state.discard()
    state.discard()
    assert not state.path.exists()


def test_position_loss_is_an_unbiased_exponential_mean() -> None:
    losses = [float(value) for value in torch.linspace(3.0, 1.0, 250, dtype=torch.float64)]
    position = Position("fingerprint")
    for value in losses:
        position.add_loss(value)
    weights = [0.99**age for age in range(len(losses))][::-1]
    expected = sum(weight * value for weight, value in zip(weights, losses, strict=True)) / sum(weights)
    assert position.loss == pytest.approx(expected, rel=1e-12)
    first = Position("fingerprint")
    first.add_loss(2.5)
    assert first.loss == 2.5
