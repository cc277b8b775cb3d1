"""`glossator help`"""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from glossator.cli.support.console import OK, echo
from glossator.service.errors import ConfigError


def help_(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="A command, and for models and keys what to do.")] = None,
) -> int:
    """Show the help of the program or of one command.

    \b
    Examples:
      glossator help train
      glossator help models add
    """
    found = context.parent
    assert found is not None
    for name in command or ():
        group = found.command
        known = group.commands if isinstance(group, TyperGroup) else {}
        if name not in known:
            raise ConfigError(
                "there is no such command",
                found=" ".join(command or ()),
                expected=f"one of {', '.join(known)}" if known else f"no word after {found.info_name}",
            )
        found = type(context)(known[name], info_name=name, parent=found)
    echo(found.get_help())
    return OK
