"""`glossator models`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, Json, print_json, stdout
from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.registry import Entry, Record

REGISTRY = Path("registry")
CHAMPION = "champion"
Folder = Annotated[
    Path, typer.Option("--registry", envvar="GLOSSATOR_MODELS", help="Folder of the models and their audit.")
]
Name = Annotated[str, typer.Argument(help="The model's name.")]
Version = Annotated[str, typer.Argument(help="Digest, how it begins (7 digits at least), or alias.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit.")]

models = typer.Typer(
    name="models",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Keep the versions of models in one folder.

    One version of each answers. `glossator serve --models FOLDER` follows the folder: a version that gets an
    alias answers within a second, when it has been loaded and verified, and the one before it is let go with
    its last request. Nothing is lost in between. The audit (audit.jsonl) keeps what was live, when, why and by
    whom.

    \b
    Examples:
      glossator models add models/tickets --why "first model"
      glossator models list
    """,
)


@models.command("list", cls=Subcommand)
def listed(registry: Folder = REGISTRY, history: Annotated[bool, typer.Option(help="The audit too.")] = False,
           as_json: Json = False) -> int:  # fmt: skip
    """List the models, their versions and their aliases."""
    from glossator.service.registry import Registry, to_dict

    records = Registry(registry).records()
    if as_json:
        print_json({"models": [to_dict(name, record) for name, record in records.items()]})
        return OK
    if not records:
        stdout().print(f"no models in {registry}: glossator models add BUNDLE", markup=False)
    for name, record in records.items():
        _show(name, record, history=history)
    return OK


@models.command("add", cls=Subcommand)
def add(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    registry: Folder = REGISTRY,
    name: Annotated[str | None, typer.Option(help="Default: the bundle's own name.")] = None,
    alias: Annotated[str | None, typer.Option(help="The alias that it gets; the first of a name is champion.")] = None,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Verify a bundle and keep a copy of it."""
    from glossator.service.registry import Registry

    return _tell(Registry(registry).add(bundle, name=name, alias=alias, why=why), as_json)


@models.command("alias", cls=Subcommand)
def alias(
    name: Name,
    version: Version,
    alias: Annotated[str, typer.Argument(help="champion answers under the bare name.")] = CHAMPION,
    registry: Folder = REGISTRY,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Give an alias to a version: `champion` is promoted by it."""
    from glossator.service.registry import Registry

    return _tell(Registry(registry).alias(name, version, alias, why=why), as_json)


@models.command("rollback", cls=Subcommand)
def rollback(
    name: Name,
    alias: Annotated[str, typer.Argument(help="The alias that goes back.")] = CHAMPION,
    registry: Folder = REGISTRY,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Give an alias back to the version that had it before."""
    from glossator.service.registry import Registry

    return _tell(Registry(registry).rollback(name, alias, why=why), as_json)


@models.command("remove", cls=Subcommand)
def remove(name: Name, version: Version, registry: Folder = REGISTRY, why: Why = "", as_json: Json = False) -> int:
    """Remove a version that has no alias; the audit keeps that it was there."""
    from glossator.service.registry import Registry

    if not registry.is_dir():
        raise ConfigError("there is no such folder of models", found=registry, hint="Name it: --registry.")
    return _tell(Registry(registry).remove(name, version, why=why), as_json)


def _show(name: str, record: Record, *, history: bool) -> None:
    console = stdout()
    console.print(name, markup=False, style="bold")
    for digest in record.versions:
        held = [alias for alias, holder in record.aliases.items() if holder == digest]
        added = next(
            entry.time for entry in reversed(record.history) if entry.digest == digest and entry.action == "add"
        )
        console.print(f"  {digest[:12]}  added {added[:19]}  {', '.join(held)}".rstrip(), markup=False)
    if history:
        for entry in record.history:
            console.print(f"  · {_sentence(entry)}", markup=False, style="dim")


def _tell(entry: Entry, as_json: bool) -> int:
    if as_json:
        print_json(asdict(entry))
    else:
        stdout().print(_sentence(entry), markup=False)
    return OK


def _sentence(entry: Entry) -> str:
    what = {"add": "added", "alias": "named", "rollback": "rolled back to", "remove": "removed"}[entry.action]
    alias = f" {entry.alias}" if entry.alias else ""
    why = f": {entry.why}" if entry.why else ""
    return f"{entry.time[:19]} {what} {entry.name}@{entry.digest[:12]}{alias}, by {entry.by}{why}"
