"""`glossator version`"""

from __future__ import annotations

from glossator.cli.support.console import OK, Json, echo, print_json


def version(as_json: Json = False) -> int:
    """Print the version of Glossator.

    \b
    Example:
      glossator version
    """
    if as_json:
        print_json({"version": installed_version()})
    else:
        echo(version_line())
    return OK


def version_line() -> str:
    """Return the name of the program and its version."""
    return f"glossator {installed_version()}"


def installed_version() -> str:
    """Return the version of the installed package."""
    import importlib.metadata

    return importlib.metadata.version("glossator")
