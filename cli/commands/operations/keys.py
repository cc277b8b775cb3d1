"""`glossator keys`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, Json, print_json, stderr, stdout

File = Annotated[Path, typer.Option("--file", envvar="GLOSSATOR_KEY_FILE", help="The file of keys.")]
Name = Annotated[str, typer.Argument(help="Whose key it is; owns the jobs that are sent with it.")]
KEYS = Path("keys.json")

keys = typer.Typer(
    name="keys",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Make, list, rotate and revoke the keys of the API.

    The file holds their SHA-256 alone; a key is shown once, when it is made. A server that was started with
    GLOSSATOR_KEY_FILE hears of every change within a second.

    \b
    Examples:
      glossator keys add web-shop --scope infer --days 90
      glossator keys list
    """,
)


@keys.command("add", cls=Subcommand)
def add(
    name: Name,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="infer: ask models; label: send files and jobs; admin: read metrics. Default: infer."),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.0, help="Days until it expires; default: never.")] = None,
    file: File = KEYS,
    as_json: Json = False,
) -> int:
    """Make a key and print it: it is shown this once."""
    from glossator.service.api.security.key_file import add_key

    return _show(add_key(file, name, scope or ["infer"], days), name, as_json)


@keys.command("rotate", cls=Subcommand)
def rotate(
    name: Name,
    keep_hours: Annotated[float, typer.Option(min=0.0, help="Hours for which the old key is accepted too.")] = 24.0,
    file: File = KEYS,
    as_json: Json = False,
) -> int:
    """Make a new key in the place of an old one, and print it."""
    from glossator.service.api.security.key_file import rotate_key

    return _show(rotate_key(file, name, keep_hours), name, as_json)


@keys.command("revoke", cls=Subcommand)
def revoke(name: Name, file: File = KEYS) -> int:
    """Remove a key: it is refused from then on."""
    from glossator.service.api.security.key_file import revoke_key

    revoke_key(file, name)
    stderr().print(f"· {name} is revoked", markup=False)
    return OK


@keys.command("list", cls=Subcommand)
def listed(file: File = KEYS, as_json: Json = False) -> int:
    """List the keys: their names, scopes and ends, never the keys."""
    from glossator.service.api.security.key_file import read_keys

    found = read_keys(file).keys
    if as_json:
        shown = [
            {"name": key.name, "scopes": key.scopes, "created": key.created.isoformat(),
             "expires": None if key.expires is None else key.expires.isoformat()}
            for key in found
        ]  # fmt: skip
        print_json({"keys": shown})
        return OK
    for key in found:
        until = "never expires" if key.expires is None else f"expires {key.expires:%Y-%m-%d %H:%M} UTC"
        stdout().print(f"{key.name}  {', '.join(key.scopes)}  made {key.created:%Y-%m-%d}  {until}", markup=False)
    return OK


def _show(key: str, name: str, as_json: bool) -> int:
    if as_json:
        print_json({"name": name, "key": key})
    else:
        sys.stdout.write(f"{key}\n")
        stderr().print(f"· the key of {name}; it is not shown again", markup=False)
    return OK
