"""`glossator keys`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, Json, print_json, stderr, stdout

File = Annotated[Path, typer.Option("--file", envvar="GLOSSATOR_KEY_FILE", help="The file of keys.")]
Name = Annotated[str, typer.Argument(help="Who uses the key; also owns the jobs that are sent with it.")]
KEYS = Path("keys.json")

keys = typer.Typer(
    name="keys",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Create, list, rotate and revoke API keys.

    The file stores only SHA-256 hashes; a key is shown once, when it is created. A server that was started with
    GLOSSATOR_KEY_FILE applies every change within a second.

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
        typer.Option(
            help="infer: use models; label: send files and jobs; admin: read metrics. May be repeated; default: infer."
        ),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.0, help="Days until the key expires; default: never.")] = None,
    file: File = KEYS,
    as_json: Json = False,
) -> int:
    """Create a key and print it, this once."""
    from glossator.service.api.security.key_changes import add_key

    return _print_key(add_key(file, name, scope or ["infer"], days), name, as_json)


@keys.command("rotate", cls=Subcommand)
def rotate(
    name: Name,
    keep_hours: Annotated[float, typer.Option(min=0.0, help="Hours during which the old key is accepted too.")] = 24.0,
    file: File = KEYS,
    as_json: Json = False,
) -> int:
    """Replace a key by a new one, and print it."""
    from glossator.service.api.security.key_changes import rotate_key

    return _print_key(rotate_key(file, name, keep_hours), name, as_json)


@keys.command("revoke", cls=Subcommand)
def revoke(name: Name, file: File = KEYS) -> int:
    """Remove a key: requests with it are refused from then on."""
    from glossator.service.api.security.key_changes import revoke_key

    revoke_key(file, name)
    stderr().print(f"· revoked the key of {name}", markup=False)
    return OK


@keys.command("list", cls=Subcommand)
def list_keys(file: File = KEYS, as_json: Json = False) -> int:
    """List names, scopes and expiry of the keys, never the keys themselves."""
    from glossator.service.api.security.key_file import read_keys

    found = read_keys(file).keys
    if as_json:
        listed = [
            {
                "name": key.name,
                "scopes": key.scopes,
                "created": key.created.isoformat(),
                "expires": None if key.expires is None else key.expires.isoformat(),
            }
            for key in found
        ]
        print_json({"keys": listed})
        return OK
    for key in found:
        until = "never expires" if key.expires is None else f"expires {key.expires:%Y-%m-%d %H:%M} UTC"
        line = f"{key.name}  {', '.join(key.scopes)}  created {key.created:%Y-%m-%d}  {until}"
        stdout().print(line, markup=False)
    return OK


def _print_key(key: str, name: str, as_json: bool) -> int:
    if as_json:
        print_json({"name": name, "key": key})
    else:
        sys.stdout.write(f"{key}\n")
        stderr().print(f"· the key of {name}: it is not shown again", markup=False)
    return OK
