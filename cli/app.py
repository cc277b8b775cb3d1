"""`glossator`: one program, a module a command."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from glossator.cli.commands.bundles.bench import bench
from glossator.cli.commands.bundles.export import export
from glossator.cli.commands.bundles.models import models
from glossator.cli.commands.bundles.verify import verify
from glossator.cli.commands.corpus.context import context
from glossator.cli.commands.corpus.restore import restore
from glossator.cli.commands.corpus.suggest import suggest
from glossator.cli.commands.corpus.wrangle import wrangle
from glossator.cli.commands.inference.label import label
from glossator.cli.commands.inference.serve import serve
from glossator.cli.commands.operations.demo import demo
from glossator.cli.commands.operations.doctor import doctor
from glossator.cli.commands.operations.keys import keys
from glossator.cli.commands.operations.work import work
from glossator.cli.commands.training.compare import compare
from glossator.cli.commands.training.curve import curve
from glossator.cli.commands.training.evaluate import evaluate
from glossator.cli.commands.training.runs import runs
from glossator.cli.commands.training.select import select
from glossator.cli.commands.training.train import train
from glossator.cli.support import console
from glossator.cli.support.command import PREFIX, Command, options_from, usage_error
from glossator.service.errors import ConfigError, GlossatorError, OutputError

CONFIG_FILE = "glossator.toml"
HELP = {"-h", "--help"}

# Plain help: rich would take a third of the program's start to draw boxes too narrow for their contents.
app = typer.Typer(
    name="glossator",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": sorted(HELP)},
)
COMMANDS = (
    demo, wrangle, restore, context, train, select, curve, suggest, evaluate, compare, export, verify, serve, label,
    bench, runs, work, doctor,
)  # fmt: skip
for command in COMMANDS:
    app.command(cls=Command)(command)
for group in (models, keys):
    app.add_typer(group)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help=f"TOML file with a table of options a command; {CONFIG_FILE} in the current folder is read by itself.",
            envvar=f"{PREFIX}CONFIG",
            show_envvar=False,
        ),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Labelled text to fast, verified text inference on plain CPUs.

    \b
    The value of an option, of train --batch-size for example, comes from
      1. the command line:  --batch-size 16
      2. the environment:   GLOSSATOR_TRAIN_BATCH_SIZE=16
      3. a TOML file:       [train]
                            batch-size = 16
      4. its default.

    Data goes to standard output, progress and errors to standard error.

    \b
    Exit codes: 0 done; 1 failed; 2 the command or its input is at fault;
      3 done, but some rows could not be labelled or measured; 130 interrupted.
    """
    if version:
        from importlib.metadata import version as installed

        sys.stdout.write(f"glossator {installed('glossator')}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(console.USAGE)
    if HELP.isdisjoint(sys.argv):  # help is given whatever else is wrong
        file = config or (Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None)
        context.default_map = _options_given(context, file)


def _options_given(context: typer.Context, file: Path | None) -> dict[str, Any]:
    """Options a command from the file; raises ConfigError for all that is unknown in it and in the environment."""
    group = context.command
    assert isinstance(group, TyperGroup)
    chosen, faults = options_from(_read(file), group.commands) if file is not None else ({}, [])
    command = group.commands.get(context.invoked_subcommand or "")
    if isinstance(command, Command):
        faults += command.unknown_variables(os.environ)
    if faults:
        raise ConfigError(
            "options are set that do not exist",
            found=f"in {file} and the environment" if file is not None else "in the environment",
            expected=f"the names of the command line; commands are {', '.join(group.commands)}",
            faults=faults,
            hint="See `glossator COMMAND --help` for the options of each.",
        )
    return chosen


def _read(file: Path) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        what, hint = f"the options file cannot be read: {error.strerror}", "Give another one with --config."
    except UnicodeDecodeError:
        what, hint = "the options file is not UTF-8", "Save it as UTF-8."
    except tomllib.TOMLDecodeError as error:
        what, hint = f"the options file is not TOML: {error}", "Mend it, or give another one with --config."
    raise ConfigError(what, found=file, expected="TOML with a table a command, such as [train]", hint=hint)


def main() -> NoReturn:
    """Runs the command line and exits with its code."""
    console.prepare_environment()
    signal.signal(signal.SIGTERM, _terminated)
    as_json = "--json" in sys.argv
    code: object
    try:
        code = app(prog_name="glossator", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        code = console.report(usage_error(error), as_json=as_json)
    except GlossatorError as error:
        code = console.report(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        code = console.INTERRUPTED
    except BrokenPipeError:
        code = console.reader_gone()
    except OSError as error:  # a full disk behind standard output, and whatever else no command has put into words
        console.forget_stdout()
        what = f"the system refuses: {error.strerror or error}"
        code = console.report(OutputError(what, found=error.filename or "standard output"), as_json=as_json)
    if code == console.INTERRUPTED:
        sys.stderr.write("interrupted\n")
    sys.exit(code if isinstance(code, int) else console.OK)


def _terminated(number: int, _: object) -> NoReturn:
    """Ends as after Ctrl-C: what is half-written is removed on the way out."""
    sys.exit(128 + number)
