"""The models and versions that the page offers, with the aliases of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.bundle import file_names
from glossator.service.bundle.golden import GoldenRow, parse_golden
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import GlossatorError
from glossator.service.registry import CHAMPION, SHORTEST_VERSION

SHOWN_DIGITS = 12
_MOST_VERSIONS = 20
"""Of one model, the newest ones. Any other version can be named in the address of the page."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version to choose. `value` is what a request names: `NAME`, `NAME@ALIAS` or `NAME@DIGEST`."""

    value: str
    name: str
    digest: str
    manifest: Manifest
    alias: str
    """`live` for the version that answers requests for the name, an alias of the registry, or empty."""
    is_loaded: bool

    @property
    def shown_digest(self) -> str:
        """The first digits of the digest."""
        return self.digest[:SHORTEST_VERSION]


def list_versions(catalog: ModelCatalog) -> list[Version]:
    """Every version to choose from: of each model the live one first, then those with an alias, then newer ones.

    Reads the audit of the registry, so call it in a thread.
    """
    loaded = {model.digest for _, model in catalog.loaded()}
    found = [
        Version(each.name, each.name, each.digest, each.manifest, "live", each.is_loaded)
        for each in catalog.listed()
        if "@" not in each.name
    ]
    if not isinstance(catalog, RegistryCatalog):
        return found
    records = catalog.registry.records()
    ordered: list[Version] = []
    for live in found:
        ordered.append(live)
        record = records.get(live.name)
        if record is None:
            continue
        aliases = {
            digest: alias
            for alias, digest in record.aliases.items()
            if alias != CHAMPION and digest in record.versions and digest != live.digest
        }
        rest = [each for each in reversed(record.versions) if each not in aliases and each != live.digest]
        for digest in [*aliases, *rest][:_MOST_VERSIONS]:
            manifest = catalog.manifest_of(live.name, digest)
            if manifest is not None:
                alias = aliases.get(digest, "")
                value = f"{live.name}@{alias or digest[:SHOWN_DIGITS]}"
                ordered.append(Version(value, live.name, digest, manifest, alias, digest in loaded))
    return ordered


def find_version(versions: Sequence[Version], value: str) -> Version | None:
    """The version that a request for `value` means, if it is one of these."""
    name, _, version = value.partition("@")
    for each in versions:
        if each.value == value:
            return each
        if each.name != name or not version:
            continue
        if version == CHAMPION and each.alias == "live":
            return each
        if len(version) >= SHORTEST_VERSION and each.digest.startswith(version):
            return each
    return None


def golden_rows(catalog: ModelCatalog, version: Version) -> tuple[GoldenRow, ...]:
    """The golden rows of a version, loaded or not; none if they cannot be read. Call it in a thread."""
    for _, model in catalog.loaded():
        if model.digest == version.digest:
            return model.bundle.golden
    folder = catalog.bundles().get(version.digest)
    if folder is None or file_names.GOLDEN not in version.manifest.files:
        return ()
    try:
        return tuple(parse_golden(Bundle(folder, version.manifest, ()).read(file_names.GOLDEN)))
    except GlossatorError:  # the first request for this version says what is wrong with it
        return ()
