"""What every command shares: data on stdout, progress and errors on stderr, and the table of exit codes."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from glossator.service.errors import ConfigError, ExtraMissing, GlossatorError, InputError

if TYPE_CHECKING:
    from rich.console import Console

OK, FAILED, USAGE, REJECTED_ROWS, INTERRUPTED = 0, 1, 2, 3, 130

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Device = Annotated[
    Literal["cpu", "cuda"], typer.Option(help="Where the graph runs; cuda needs onnxruntime-gpu and serves fp32.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if Glossator wrote it.")]


def exit_code(error: GlossatorError) -> int:
    """2 where the command or its input is at fault, 1 for everything else."""
    return USAGE if isinstance(error, ConfigError | InputError) else FAILED


def stderr(*, quiet: bool = False) -> Console:
    """The console of progress and errors; rich honours NO_COLOR and plain terminals."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """The console of results that a person reads."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_json(result: object, *, to_stderr: bool = False) -> None:
    """The result as one JSON document, on stdout unless that carries data already."""
    (sys.stderr if to_stderr else sys.stdout).write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")


def report(error: GlossatorError, *, as_json: bool) -> int:
    """Prints the error on stderr; returns its exit code."""
    if as_json:
        sys.stderr.write(json.dumps({"error": error.to_dict()}, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stderr.write(f"error: {error}\n")
    return exit_code(error)


_EXTRAS = {
    "evaluation": ("sklearn", "scipy", "matplotlib", "ftfy"),
    "training": ("torch", "transformers", "datasets", "sklearn", "scipy", "ftfy", "optuna"),
    "export": ("torch", "transformers", "onnx", "onnxscript", "sklearn", "scipy", "matplotlib"),
}
"""What each extra brings that commands import, most of it inside functions: too late to say it well there."""


def need(name: str) -> None:
    """Raises ExtraMissing, with the install command, where a package of that extra is not installed."""
    absent = [package for package in _EXTRAS[name] if find_spec(package) is None]
    if absent:
        raise ExtraMissing(
            f"this command needs packages that are not installed: {', '.join(absent)}",
            hint=f"pip install 'glossator[{name}]'",
        )


def reader_gone() -> int:
    """The exit code when the reader of our output has left, as `| head` does: nothing is left to say, not even at the
    end of the process."""
    forget_stdout()
    return OK


def forget_stdout() -> None:
    """Lets the interpreter flush nothing more when it ends, which would fail once again."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def prepare_environment() -> None:
    """Settings that libraries read when they are first imported; what the user has set stands.

    PyTorch's CPU threads wait for each other many times a batch, and spin while they wait. Where another process uses
    one of the CPUs the spinning threads keep each other from it: on two busy CPUs training was ten times slower than
    with threads that sleep.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
