"""`glossator models`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support.command import Subcommand
from glossator.cli.support.console import OK, Json, print_json, stdout
from glossator.service.errors import ConfigError, shorten

if TYPE_CHECKING:
    from glossator.service.registry import AuditEntry, ModelRecord

REGISTRY = Path("registry")
CHAMPION = "champion"
_SHOWN_CHARACTERS = 1_000
"""Of a reason in the audit; `--json` prints all of it."""
Folder = Annotated[
    Path, typer.Option("--registry", envvar="GLOSSATOR_MODELS", help="Folder of the models and their audit.")
]
Name = Annotated[str, typer.Argument(help="The model's name.")]
Version = Annotated[str, typer.Argument(help="A digest, its first 7 or more digits, or an alias.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit.")]

models = typer.Typer(
    name="models",
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Keep versions of models in a registry: a folder with aliases and an audit.

    One version of each model is its champion. `glossator serve --models FOLDER` follows the folder: a version that
    gets an alias is loaded, verified and then serves, within about a second; the previous version finishes its
    requests first, so none fails. The audit (audit.jsonl) records what was live, when, why, and who changed it.

    \b
    Examples:
      glossator models add models/tickets --why "first model"
      glossator models list
    """,
)


@models.command("list", cls=Subcommand)
def list_models(
    registry: Folder = REGISTRY,
    history: Annotated[bool, typer.Option("--history", help="Also show the audit.")] = False,
    as_json: Json = False,
) -> int:
    """List the models with their versions and aliases."""
    from glossator.service.registry import Registry, record_to_dict

    records = Registry(registry).records()
    if as_json:
        print_json({"models": [record_to_dict(name, record) for name, record in records.items()]})
        return OK
    if not records:
        stdout().print(f"no models in {registry}: add one with glossator models add BUNDLE", markup=False)
    for name, record in records.items():
        _print_model(name, record, history=history)
    return OK


@models.command("add", cls=Subcommand)
def add(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    registry: Folder = REGISTRY,
    name: Annotated[str | None, typer.Option(help="The model's name; default: the bundle's.")] = None,
    alias: Annotated[
        str | None, typer.Option(help="An alias for it; the first version of a name becomes champion.")
    ] = None,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Verify a bundle and copy it into the registry."""
    from glossator.service.registry import Registry

    return _print_change(Registry(registry).add(bundle, name=name, alias=alias, why=why), as_json)


@models.command("alias", cls=Subcommand)
def alias(
    name: Name,
    version: Version,
    alias: Annotated[str, typer.Argument(help="The alias; champion is what the plain name serves.")] = CHAMPION,
    registry: Folder = REGISTRY,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Give an alias to a version; the alias `champion` promotes it."""
    from glossator.service.registry import Registry

    return _print_change(Registry(registry).alias(name, version, alias, why=why), as_json)


@models.command("rollback", cls=Subcommand)
def rollback(
    name: Name,
    alias: Annotated[str, typer.Argument(help="The alias to move back.")] = CHAMPION,
    registry: Folder = REGISTRY,
    why: Why = "",
    as_json: Json = False,
) -> int:
    """Give an alias back to the version that had it before."""
    from glossator.service.registry import Registry

    return _print_change(Registry(registry).rollback(name, alias, why=why), as_json)


@models.command("remove", cls=Subcommand)
def remove(name: Name, version: Version, registry: Folder = REGISTRY, why: Why = "", as_json: Json = False) -> int:
    """Remove a version that has no alias; the audit keeps its history."""
    from glossator.service.registry import Registry

    if not registry.is_dir():
        raise ConfigError("there is no such registry", found=registry, hint="Name its folder: --registry.")
    return _print_change(Registry(registry).remove(name, version, why=why), as_json)


def _print_model(name: str, record: ModelRecord, *, history: bool) -> None:
    console = stdout()
    console.print(name, markup=False, style="bold")
    for digest in record.versions:
        aliases = [alias for alias, aliased in record.aliases.items() if aliased == digest]
        added = next(
            entry.time for entry in reversed(record.history) if entry.digest == digest and entry.action == "add"
        )
        console.print(f"  {digest[:12]}  added {added[:19]}  {', '.join(aliases)}".rstrip(), markup=False)
    if history:
        for entry in record.history:
            console.print(f"  · {_sentence(entry)}", markup=False, style="dim")


def _print_change(entry: AuditEntry, as_json: bool) -> int:
    if as_json:
        print_json(entry.to_dict())
    else:
        stdout().print(_sentence(entry), markup=False)
    return OK


def _sentence(entry: AuditEntry) -> str:
    from glossator.service.promotion.champion_changes import is_forced

    version = f"{entry.name}@{entry.digest[:12]}"
    what = {
        "add": f"added {version}" + (f" as {entry.alias}" if entry.alias else ""),
        "alias": f"{entry.alias} is now {version}",
        "rollback": f"{entry.alias} rolled back to {version}",
        "remove": f"removed {version}",
        "note": f"noted about {version}",
    }[entry.action]
    why = f": {shorten(entry.why, _SHOWN_CHARACTERS)}" if entry.why else ""
    forced = ", forced without enough evidence" if is_forced(entry) else ""
    return f"{entry.time[:19]} {what}{forced}, by {shorten(entry.by)}{why}"
