"""`glossator`: one program, a module a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from cli import console
from cli.demo import demo
from cli.evaluate import evaluate
from cli.export import export
from cli.label import label
from cli.serve import serve
from cli.train import train
from cli.verify import verify
from cli.wrangle import wrangle
from service.errors import ConfigError, GlossatorError

CONFIG_FILE = "glossator.toml"

app = typer.Typer(
    name="glossator",
    help="Labelled text to fast, verified text inference on plain CPUs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "GLOSSATOR", "help_option_names": ["-h", "--help"]},
)
for command in (demo, wrangle, train, evaluate, export, verify, serve, label):
    app.command(no_args_is_help=command is not demo)(command)


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help=f"TOML file with a table of options a command; {CONFIG_FILE} here is read by itself."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Labelled text to fast, verified text inference on plain CPUs.

    An option's value comes from the command line, else from the environment (GLOSSATOR_TRAIN_EPOCHS for
    [bold]train --epochs[/bold]), else from the TOML file ([bold]\\[train][/bold] epochs = 3), else from its default.
    """
    if version:
        from importlib.metadata import version as installed

        sys.stdout.write(f"glossator {installed('glossator')}\n")
        raise typer.Exit
    file = config or (Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None)
    if file is not None:
        context.default_map = _read_options(file)


def _read_options(file: Path) -> dict[str, dict[str, object]]:
    """Options a command from a TOML file, with names as on the command line; all faults at once."""
    import tomllib

    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("the options file cannot be read", found=f"{file}: {error}", expected="TOML") from None
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    faults, result = [], {}
    for name, table in tables.items():
        command = group.commands.get(name)
        if command is None or not isinstance(table, dict):
            faults.append(f"[{name}] is not a command")
            continue
        known = {parameter.name for parameter in command.params}
        result[name] = {key.replace("-", "_"): value for key, value in table.items()}
        faults += [f"[{name}] has no option {key!r}" for key in result[name] if key not in known]
    if faults:
        raise ConfigError(
            f"the options file {file} has unknown entries",
            found="; ".join(faults),
            expected=f"tables named {', '.join(group.commands)}",
            way_out="See `glossator COMMAND --help` for the options.",
        )
    return result


def main() -> None:
    """Runs the command line and exits with its code."""
    console.prepare_environment()
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except GlossatorError as error:
        code = console.report(error, as_json=as_json)
    except click.ClickException as error:
        error.show()
        code = console.USAGE
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("interrupted\n")
        code = console.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does: nothing is left to say, not even at exit.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        code = console.OK
    sys.exit(code if isinstance(code, int) else console.OK)
