"""`glossator version`"""

from __future__ import annotations

from importlib.metadata import version as installed_version

import typer

from glossator.cli.support.console import OK, Json, print_json


def version(as_json: Json = False) -> int:
    """Print the version of Glossator.

    \b
    Example:
      glossator version
    """
    if as_json:
        print_json({"version": installed_version("glossator")})
    else:
        typer.echo(version_line())
    return OK


def version_line() -> str:
    """Return the name of the program and its version."""
    return f"glossator {installed_version('glossator')}"
