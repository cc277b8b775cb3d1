"""`scripts/pip_progress.py`: what is shown while pip runs."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MakeWheel = Callable[..., Path]

OUTPUT = """\
Collecting numpy>=1.26 (from glossator==0.1.0)
  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (62 kB)
Collecting torch==2.13.0
  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.6 MB)
  Using cached typer-0.29.2-py3-none-any.whl (400 kB)
Requirement already satisfied: filelock in ./venv (from torch)
  Downloading tiny-1.0-py3-none-any.whl (812 bytes)
Processing /nowhere/left-1.0-py3-none-any.whl
Installing collected packages: numpy, typer, tiny
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_wheels_and_packages_are_read_from_the_output_of_pip() -> None:
    from pip_progress import Wheels

    wheels = Wheels()
    for line in OUTPUT.splitlines(keepends=True):
        wheels.read(line)
    assert wheels.count == 3
    assert wheels.size == pytest.approx(527_000_812)
    assert wheels.fetched() == "3 wheels, 527 MB"
    assert wheels.installing == ["numpy", "typer", "tiny"]


def test_pip_installs_and_its_wheels_are_counted(make_wheel: MakeWheel, environment: tuple[Path, Path]) -> None:
    from pip_progress import Progress, pip_install

    size = sum(
        make_wheel(name, "1.0", requires).stat().st_size for name, requires in (("whole", ["part"]), ("part", []))
    )
    stream = io.StringIO()
    with Progress(3, stream, line_every=math.inf).stage("packages") as stage:
        wheels = pip_install(*environment, ["whole"], stage)
        stage.detail = wheels.fetched()
    assert (wheels.count, wheels.size, sorted(wheels.installing)) == (2, size, ["part", "whole"])
    assert stream.getvalue().startswith("[1/3] packages: 2 wheels, 0.0 MB, ")
    packages = environment[1]
    assert {path.name for path in packages.glob("*.py")} == {"whole.py", "part.py"}
    assert not (packages / "__pycache__").exists()


def test_a_log_has_one_line_a_stage_and_a_terminal_rewrites_it() -> None:
    from pip_progress import Progress, run

    log, terminal = io.StringIO(), Terminal()
    for stream in (log, terminal):
        progress = Progress(2, stream, line_every=math.inf)
        for name in ("first", "second"):
            with progress.stage(name) as stage:
                run([sys.executable, "-c", "print('chatter')"], stage)
    assert [line.partition(":")[0] for line in log.getvalue().splitlines()] == ["[1/2] first", "[2/2] second"]
    assert "\r[1/2] first" in terminal.getvalue()
    assert "chatter" not in log.getvalue() + terminal.getvalue()


def test_a_log_has_a_line_now_and_then_while_a_stage_runs() -> None:
    from pip_progress import Progress, run

    log = io.StringIO()
    with Progress(1, log, line_every=0.0).stage("packages") as stage:
        stage.detail = "3 wheels"
        run([sys.executable, "-c", "import time; time.sleep(2)"], stage)
    *during, last = log.getvalue().splitlines()
    assert during
    assert all(re.fullmatch(r"\[1/1\] packages(: 3 wheels,|:) \d+ s \.\.\.", line) for line in during)
    assert "3 wheels" in during[-1]
    assert re.fullmatch(r"\[1/1\] packages: 3 wheels, \d+ s", last)


def test_the_end_of_a_failed_commands_output_is_its_error() -> None:
    from pip_progress import CommandFailed, Progress, run

    script = "import sys; [print(number) for number in range(100)]; sys.exit('no space left')"
    stream = io.StringIO()
    with pytest.raises(CommandFailed) as failed, Progress(1, stream, line_every=math.inf).stage("packages") as stage:
        run([sys.executable, "-c", script], stage)
    lines = str(failed.value).splitlines()
    assert len(lines) == 40
    assert "no space left" in lines
    assert "99" in lines
    assert re.fullmatch(r"\[1/1\] packages: \d+ s, failed\n", stream.getvalue())
