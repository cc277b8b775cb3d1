"""`glossator`: one program, one module per command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from glossator.cli.commands.bundles.bench import bench
from glossator.cli.commands.bundles.evidence import evidence
from glossator.cli.commands.bundles.export import export
from glossator.cli.commands.bundles.import_model import import_
from glossator.cli.commands.bundles.migrate import migrate
from glossator.cli.commands.bundles.models import models
from glossator.cli.commands.bundles.pull import pull
from glossator.cli.commands.bundles.push import push
from glossator.cli.commands.bundles.verify import verify
from glossator.cli.commands.corpus.context import context
from glossator.cli.commands.corpus.restore import restore
from glossator.cli.commands.corpus.suggest import suggest
from glossator.cli.commands.corpus.wrangle import wrangle
from glossator.cli.commands.inference.label import label
from glossator.cli.commands.inference.label_parts import label_parts
from glossator.cli.commands.inference.predict import predict
from glossator.cli.commands.inference.serve import serve
from glossator.cli.commands.operations.demo import demo
from glossator.cli.commands.operations.doctor import doctor
from glossator.cli.commands.operations.drift import drift
from glossator.cli.commands.operations.feedback import feedback
from glossator.cli.commands.operations.keys import keys
from glossator.cli.commands.operations.log import log
from glossator.cli.commands.operations.loop import loop
from glossator.cli.commands.operations.monitor import monitor
from glossator.cli.commands.operations.promote import promote
from glossator.cli.commands.operations.review import review
from glossator.cli.commands.operations.work import work
from glossator.cli.commands.start.help import help_
from glossator.cli.commands.start.version import version, version_line
from glossator.cli.commands.training.compare import compare
from glossator.cli.commands.training.curve import curve
from glossator.cli.commands.training.evaluate import evaluate
from glossator.cli.commands.training.retrain import retrain
from glossator.cli.commands.training.runs import runs
from glossator.cli.commands.training.select import select
from glossator.cli.commands.training.train import train
from glossator.cli.support import console, panels
from glossator.cli.support.command import PREFIX, Command, Group, options_from, usage_error
from glossator.cli.support.exit_signals import exit_if_signalled, exit_on_signals
from glossator.service.errors import ConfigError, GlossatorError, OutputError

CONFIG_FILE = "glossator.toml"
HELP = {"-h", "--help"}

# Plain help: rich would take a third of the program's start to draw boxes that are too narrow for their contents.
app = typer.Typer(
    name="glossator",
    cls=Group,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": sorted(HELP)},
)
_COMMANDS: dict[str, tuple[Any, ...]] = {
    panels.START: (demo, help_, version),
    panels.CORPUS: (wrangle, restore, context, suggest),
    panels.TRAIN: (train, select, curve, evaluate, compare, retrain, runs),
    panels.EXPORT: (export, import_, verify, migrate, push, pull, bench),
    panels.USE: (predict, label, label_parts, serve),
    panels.OPERATE: (work, doctor, monitor, drift, review, promote, loop, models, feedback, evidence, keys, log),
}
COMMANDS = tuple(
    command for commands in _COMMANDS.values() for command in commands if not isinstance(command, typer.Typer)
)
"""The commands that are functions; `models`, `keys`, `log` and `review` are groups of commands."""
for panel, commands in _COMMANDS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, cls=Group, rich_help_panel=panel)
        else:
            app.command(command.__name__.rstrip("_").replace("_", "-"), cls=Command, rich_help_panel=panel)(command)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help=f"TOML file with one table of options per command; default: {CONFIG_FILE} in the current folder.",
            envvar=f"{PREFIX}CONFIG",
            show_envvar=False,
        ),
    ] = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Labelled text to fast, verified text inference on plain CPUs.

    \b
    An option, such as --batch-size of train, takes its value from
      1. the command line:  --batch-size 16
      2. the environment:   GLOSSATOR_TRAIN_BATCH_SIZE=16
      3. a TOML file:       [train]
                            batch-size = 16
      4. its default.

    Data goes to standard output, progress and errors to standard error.

    \b
    Exit codes: 0 done; 1 failed; 2 wrong command or input;
      3 done, but some rows could not be used; 130 interrupted.
    """
    if show_version:
        typer.echo(version_line())
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(console.USAGE)
    if HELP.isdisjoint(sys.argv):  # help is shown even if options are wrong
        file = config or (Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None)
        context.default_map = _read_options(context, file)


def _read_options(context: typer.Context, file: Path | None) -> dict[str, Any]:
    """Return the options in the file by command; raises ConfigError with every unknown name in file and environment."""
    group = context.command
    assert isinstance(group, TyperGroup)
    chosen, faults = options_from(_read_toml(file), group.commands) if file is not None else ({}, [])
    command = group.commands.get(context.invoked_subcommand or "")
    if isinstance(command, Command):
        faults += command.unknown_variables(os.environ)
    if faults:
        raise ConfigError(
            "unknown options",
            found=f"in {file} and the environment" if file is not None else "in the environment",
            expected=f"option names of the command line; commands: {', '.join(group.commands)}",
            faults=faults,
            hint="See `glossator COMMAND --help` for the options of a command.",
        )
    return chosen


def _read_toml(file: Path) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        what, hint = f"the options file cannot be read: {error.strerror}", "Give another one with --config."
    except UnicodeDecodeError:
        what, hint = "the options file is not UTF-8", "Save it as UTF-8."
    except tomllib.TOMLDecodeError as error:
        what, hint = f"the options file is not TOML: {error}", "Fix it, or give another one with --config."
    raise ConfigError(what, found=file, expected="TOML with one table per command, such as [train]", hint=hint)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    console.prepare_environment()
    exit_on_signals()
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
        code = console.end_after_closed_pipe()
    except OSError as error:  # a full disk behind standard output, and any other error that no command handles
        from glossator.service.files.atomic_folder import is_system_error

        if not is_system_error(error):
            raise
        console.forget_stdout()
        what = f"the operating system reports an error: {error.strerror or error}"
        code = console.report(OutputError(what, found=error.filename or "standard output"), as_json=as_json)
    except Exception:
        exit_if_signalled()  # pydantic turns the exit into an error of its own
        raise
    if code == console.INTERRUPTED:
        sys.stderr.write("interrupted\n")
    sys.exit(code if isinstance(code, int) else console.OK)
