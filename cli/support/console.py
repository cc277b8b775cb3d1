"""What every command shares: data on stdout, progress and errors on stderr, exit codes."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from glossator.cli.support.panels import MACHINE, OUTPUT
from glossator.cli.support.printable_text import printable_text
from glossator.service.errors import ConfigError, GlossatorError, InputError
from glossator.service.files.printable_json import printable_json

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.cli.support.progress import ConsoleReporter

OK, FAILED, USAGE, REJECTED_ROWS, INTERRUPTED = 0, 1, 2, 3, 130

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.", rich_help_panel=OUTPUT)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output if Glossator wrote it.", rich_help_panel=OUTPUT)
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; default: all CPUs allowed.", rich_help_panel=MACHINE)
]
Device = Annotated[
    Literal["cpu", "cuda"],
    typer.Option(help="Where the graph runs; cuda needs onnxruntime-gpu and serves fp32.", rich_help_panel=MACHINE),
]


def exit_code(error: GlossatorError) -> int:
    """Return 2 if the command or its input is wrong, else 1."""
    return USAGE if isinstance(error, ConfigError | InputError) else FAILED


def stderr(*, quiet: bool = False) -> Console:
    """Return the console for progress and errors; it respects NO_COLOR and plain terminals."""
    return _console_class()(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """Return the console for results that a person reads."""
    return _console_class()(highlight=False, soft_wrap=not sys.stdout.isatty())


@functools.cache
def _console_class() -> type[Console]:
    """Return a class of consoles that print no unsafe characters; rich is imported when it is needed."""
    from rich.console import Console
    from rich.text import Text

    class PrintableConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable_text(text), **options)

    return PrintableConsole


def echo(text: str, *, end: str = "\n") -> None:
    """Print a report on stdout."""
    sys.stdout.write(printable_text(text) + end)


def reporter(*, quiet: bool = False) -> ConsoleReporter:
    """Return a reporter that prints the progress of a workflow on stderr."""
    from glossator.cli.support.progress import ConsoleReporter

    return ConsoleReporter(stderr(quiet=quiet))


def print_json(result: object, *, to_stderr: bool = False) -> None:
    """Print the result as one JSON document, on stderr if stdout carries rows already."""
    (sys.stderr if to_stderr else sys.stdout).write(printable_json(result, indent=2) + "\n")


def report(error: GlossatorError, *, as_json: bool) -> int:
    """Print the error on stderr, with its code, which is its anchor in docs/errors.md; returns its exit code."""
    if as_json:
        sys.stderr.write(printable_json({"error": error.to_dict()}, indent=2) + "\n")
    else:
        sys.stderr.write(printable_text(f"error[{error.code}]: {error}\n"))
    return exit_code(error)


def end_after_closed_pipe() -> int:
    """Return the exit code for a closed stdout, as after `| head`; makes sure that the exit of the process writes
    nothing more."""
    forget_stdout()
    return OK


def forget_stdout() -> None:
    """Replace stdout, so that the interpreter does not flush it at exit and fail once more."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def prepare_environment() -> None:
    """Set the variables that libraries read when they are imported, unless the user has set them.

    PyTorch's CPU threads wait for each other many times per batch, and spin while they wait. If another process uses
    one of the CPUs, the spinning threads slow each other down: on two busy CPUs training was ten times slower than
    with threads that sleep.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
