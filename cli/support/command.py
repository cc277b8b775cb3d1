"""Commands and groups: help by panels, options from the environment and from a file, errors as exit codes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from glossator.cli.support import console
from glossator.service.errors import ConfigError, Fault, GlossatorError, shorten

PREFIX = "GLOSSATOR_"
_SHORT_HELP_CHARACTERS = 400
_TYPE_NAMES = re.compile(r"<(int|float) range>|<list\[(\w+)\]>")
"""How the parser writes ranges and lists in help; a reader needs only the type of one value."""


class Command(TyperCommand):
    """A command whose options may come from the environment: `--batch-size` of `train` from GLOSSATOR_TRAIN_BATCH_SIZE.

    The help of the program explains this rule once, not at every option.
    """

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        for option in self.params:
            if isinstance(option, TyperOption):
                option.show_envvar = False
                further = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
                option.envvar = [variable(name or "", option), *further]

    def keys(self) -> dict[str, str]:
        """Return the parameter that each name in an options file sets; the names are those of the command line."""
        return {
            _long_name(parameter): parameter.name
            for parameter in self.params
            if isinstance(parameter, TyperOption | TyperArgument)
        }

    def unknown_variables(self, environment: Iterable[str]) -> list[Fault]:
        """Return a fault for each variable that is named after this command and sets none of its options."""
        prefix = f"{PREFIX}{self.name}_".upper()
        known = {variable(self.name or "", option) for option in self.params if isinstance(option, TyperOption)}
        return [
            Fault("unknown-variable", f"{self.name} has no option of this name", name)
            for name in sorted(environment)
            if name.startswith(prefix) and name not in known
        ]

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the complete first sentence: the list of commands wraps it."""
        return super().get_short_help_str(max(limit, _SHORT_HELP_CHARACTERS))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options, and then the options of each panel."""
        write_options(self, ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; returns its exit code after reporting an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return console.end_after_closed_pipe()
        except GlossatorError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                return console.end_after_closed_pipe()
            return console.report(error, as_json=bool(ctx.params.get("as_json")))


class Subcommand(Command):
    """A command of a group. Only options that name a variable themselves may come from the environment."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        TyperCommand.__init__(self, name, **settings)


class Group(TyperGroup):
    """A group whose help lists its commands by panel."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands of each panel with the first sentence of their help."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                panels.setdefault(panel, []).append((name, command.get_short_help_str(_SHORT_HELP_CHARACTERS)))
        width = max(len(name) for rows in panels.values() for name, _ in rows)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), sentence) for name, sentence in rows])


def write_options(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:
    """Write the parameters of a command, one section per panel."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            record = (_TYPE_NAMES.sub(lambda found: f"<{(found[1] or found[2]).lower()}>", record[0]), record[1])
            default = "Arguments" if isinstance(parameter, TyperArgument) else "Options"
            panels.setdefault(getattr(parameter, "rich_help_panel", None) or default, []).append(record)
    for panel, rows in panels.items():
        if rows:
            with formatter.section(panel):
                formatter.write_dl(rows)


def variable(command: str, option: TyperOption) -> str:
    """Return the environment variable of an option."""
    return f"{PREFIX}{command}_{_long_name(option)}".replace("-", "_").upper()


def options_from(tables: Mapping[str, object], commands: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the parameters in the tables of an options file by command, and a fault for each unknown name."""
    chosen: dict[str, Any] = {}
    faults = []
    for name, table in tables.items():
        command = commands.get(name)
        if not isinstance(command, Command) or not isinstance(table, Mapping):
            faults.append(Fault("unknown-table", "is not a command" if command is None else "is not a table", name))
            continue
        keys = command.keys()
        given = {key.replace("_", "-"): value for key, value in table.items()}
        faults += [Fault("unknown-option", f"{name} has no such option", key) for key in given if key not in keys]
        chosen[name] = {keys[key]: value for key, value in given.items() if key in keys}
    return chosen, faults


def usage_error(error: typer.TyperException) -> ConfigError:
    """Return what the parser reports as one of our errors."""
    context = getattr(error, "ctx", None)
    path = "glossator" if context is None else context.command_path
    return ConfigError(
        error.format_message().strip(), found=_invalid_value(error, context), hint=f"See `{path} --help`."
    )


def _invalid_value(error: typer.TyperException, context: Any) -> str | None:
    """Return the invalid value and, unless it is from the command line, where it came from."""
    details, parameter = getattr(error.__cause__, "errors", None), getattr(error, "param", None)
    if details is None or parameter is None or context is None:
        return None
    given = details()[0]["input"]
    value = f"'{shorten(given)}'" if isinstance(given, str) else shorten(given)
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        variables = [name for name in parameter.envvar if os.environ.get(name)]
        return f"{value}, from the environment variable {variables[0]}"
    if source is not None and source.name == "DEFAULT_MAP":
        return f"{value}, from the options file"
    return value


def _long_name(parameter: TyperOption | TyperArgument) -> str:
    """Return the longest name on the command line, without its dashes."""
    return max(parameter.opts, key=len).lstrip("-").replace("_", "-")
