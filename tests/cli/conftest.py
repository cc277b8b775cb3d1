"""Runs the program in the process of the tests, in a folder of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from glossator.cli.app import main

STATEMENTS = {
    "delivery": ["where is my parcel", "the parcel is late", "courier did not come", "still waiting for the box"],
    "refund": ["i want my money back", "refund not received", "please refund the order", "money is missing"],
    "login": ["cannot log in", "password reset fails", "my account is locked", "login page is broken"],
}
ENDINGS = ["please help", "thanks", "hello", "order 1234", "again", "today"]


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """Exit code and output of a run of the program."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document, with nothing before or after it."""
        return json.loads(self.out)


Run = Callable[..., ProgramResult]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """A function that calls `main` with arguments and with bytes on standard input."""
    for name in [name for name in os.environ if name.startswith("GLOSSATOR_") and name != "GLOSSATOR_CACHE_DIR"]:
        monkeypatch.delenv(name)
    environment = dict(os.environ)
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGHUP)}

    def call(*arguments: object, stdin: bytes = b"") -> ProgramResult:
        monkeypatch.setattr(sys, "argv", ["glossator", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return ProgramResult(int(str(ended.value.code)), captured.out, captured.err)

    yield call
    for kind, handler in handlers.items():
        signal.signal(kind, handler)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def topics_csv(folder: Path) -> Path:
    """A labelled file of three classes with distinct texts."""
    path = folder / "topics.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for topic, statements in STATEMENTS.items():
            writer.writerows([f"{statement} {ending}", topic] for statement in statements for ending in ENDINGS)
    return path


@pytest.fixture
def names(folder: Path) -> Callable[[], list[str]]:
    """A function that lists the current folder, with hidden names, without recorded runs."""
    return lambda: sorted(path.name for path in folder.iterdir() if path.name != "runs")
