"""A command of the program: where its options come from, and how its errors end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from glossator.cli.support import console
from glossator.service.errors import ConfigError, Fault, GlossatorError

PREFIX = "GLOSSATOR_"
_SHORT_HELP_CHARACTERS = 400


class Command(TyperCommand):
    """A command whose options may come from the environment, `--batch-size` of `train` from GLOSSATOR_TRAIN_BATCH_SIZE.

    The rule stands in the program's own help; repeated at every option it would bury the rest.
    """

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        for option in self.params:
            if isinstance(option, TyperOption):
                option.show_envvar = False
                further = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
                option.envvar = [variable(name or "", option), *further]

    def keys(self) -> dict[str, str]:
        """The names that an options file may use, those of the command line, and the parameter that each one sets."""
        return {
            _long(parameter): parameter.name
            for parameter in self.params
            if isinstance(parameter, TyperOption | TyperArgument)
        }

    def unknown_variables(self, environment: Iterable[str]) -> list[Fault]:
        """Variables that are named after this command and set none of its options."""
        begin = f"{PREFIX}{self.name}_".upper()
        known = {variable(self.name or "", option) for option in self.params if isinstance(option, TyperOption)}
        return [
            Fault("unknown-variable", f"{self.name} has no option of this name", name)
            for name in sorted(environment)
            if name.startswith(begin) and name not in known
        ]

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole first sentence: the list of commands wraps it, and nothing is cut off."""
        return super().get_short_help_str(max(limit, _SHORT_HELP_CHARACTERS))

    def invoke(self, ctx: Any) -> Any:
        """The command's exit code, its errors reported."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return console.reader_gone()
        except GlossatorError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                return console.reader_gone()
            return console.report(error, as_json=bool(ctx.params.get("as_json")))


class Subcommand(Command):
    """A command of a group. Its options come from the command line, and from variables that they name themselves."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        TyperCommand.__init__(self, name, **settings)


def variable(command: str, option: TyperOption) -> str:
    """The environment variable of an option."""
    return f"{PREFIX}{command}_{_long(option)}".replace("-", "_").upper()


def options_from(tables: Mapping[str, object], commands: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Parameters a command from the tables of an options file, and what in them is not known."""
    chosen: dict[str, Any] = {}
    faults = []
    for name, table in tables.items():
        command = commands.get(name)
        if not isinstance(command, Command) or not isinstance(table, Mapping):
            faults.append(Fault("unknown-table", "is not a command" if command is None else "is not a table", name))
            continue
        keys = command.keys()
        written = {key.replace("_", "-"): value for key, value in table.items()}
        faults += [Fault("unknown-option", f"{name} has no such option", key) for key in written if key not in keys]
        chosen[name] = {keys[key]: value for key, value in written.items() if key in keys}
    return chosen, faults


def usage_error(error: typer.TyperException) -> ConfigError:
    """What the parser found wrong, in the form of our own errors."""
    context = getattr(error, "ctx", None)
    path = "glossator" if context is None else context.command_path
    return ConfigError(error.format_message().strip(), found=_value(error, context), hint=f"See `{path} --help`.")


def _value(error: typer.TyperException, context: Any) -> str | None:
    """The value that does not fit and, if not the command line, where it came from."""
    details, parameter = getattr(error.__cause__, "errors", None), getattr(error, "param", None)
    if details is None or parameter is None or context is None:
        return None
    value = repr(details()[0]["input"])
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        variables = [name for name in parameter.envvar if os.environ.get(name)]
        return f"{value}, from the environment variable {variables[0]}"
    if source is not None and source.name == "DEFAULT_MAP":
        return f"{value}, from the options file"
    return value


def _long(parameter: TyperOption | TyperArgument) -> str:
    """The longest name on the command line, without its dashes."""
    return max(parameter.opts, key=len).lstrip("-").replace("_", "-")
