"""The models of a server with their versions, as the pages show them. Reads files: call it in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.api.models.model_catalog import ListedModel, unknown_model
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.state import AppState
from glossator.service.api.web.models.facts import Facts, facts_of
from glossator.service.bundle import file_names
from glossator.service.bundle.licence import licence_of
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import GlossatorError
from glossator.service.monitoring.traffic_shares import TrafficShare
from glossator.service.registry import CHAMPION, AuditEntry, ModelRecord

DIGITS = 12
"""Of a digest, where it is shown."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model. `facts` is None if its files cannot be read."""

    model: str
    digest: str
    aliases: Sequence[str]
    added: AuditEntry | None
    is_live: bool
    is_loaded: bool
    facts: Facts | None

    @property
    def short(self) -> str:
        """The first digits of the digest."""
        return self.digest[:DIGITS]

    @property
    def value(self) -> str:
        """What a request for this version names."""
        return self.model if self.is_live else f"{self.model}@{self.short}"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that the server offers.

    `versions`: the live one first, then the others, the newest first. `roles`: which versions get a share of its
    traffic, and why one does not. `failure`: why its champion cannot be loaded. `history`: the audit, oldest first.
    """

    name: str
    versions: Sequence[Version]
    roles: Sequence[str]
    failure: str
    history: Sequence[AuditEntry]
    has_registry: bool
    previous: str | None
    """The digest of the version that a rollback would make the champion; None without one."""

    @property
    def live(self) -> Version | None:
        """The version that answers; None if there is none."""
        return next((each for each in self.versions if each.is_live), None)

    def version(self, wanted: str) -> Version | None:
        """The version with this alias, this digest, or these first digits of it."""
        for each in self.versions:
            if wanted and (wanted in each.aliases or each.digest.startswith(wanted)):
                return each
        return None


def served_models(state: AppState) -> list[ServedModel]:
    """Every model with its live version; the versions that have no alias are left out."""
    records = state.models.registry.records() if isinstance(state.models, RegistryCatalog) else {}
    return [_model(state, name, records.get(name), aliased_only=True) for name in _names(state)]


def served_model(state: AppState, name: str) -> ServedModel:
    """One model with all its versions. Raises UnknownModel."""
    if name not in _names(state):
        raise unknown_model(name, _names(state))
    record = state.models.registry.records().get(name) if isinstance(state.models, RegistryCatalog) else None
    return _model(state, name, record, aliased_only=False)


def live_listed(state: AppState, name: str) -> ListedModel | None:
    """The version that answers requests for a name, or that the next one loads; None if it cannot be loaded."""
    return next((each for each in state.models.listed() if each.name == name), None)


def _names(state: AppState) -> list[str]:
    return list(state.models.names)


def _model(state: AppState, name: str, record: ModelRecord | None, *, aliased_only: bool) -> ServedModel:
    live, failure = live_listed(state, name), state.models.failures.get(name)
    found = {} if record is None else record.aliases
    digests = [] if record is None else list(reversed(record.versions))
    if aliased_only:
        digests = [each for each in digests if each in found.values()]
    if live is not None:
        digests = [live.digest, *(each for each in digests if each != live.digest)]
    loaded = {model.digest for loaded_name, model in state.models.loaded() if loaded_name.partition("@")[0] == name}
    return ServedModel(
        name=name,
        versions=[
            _version(state, name, digest, record, is_live=live is not None and live.digest == digest, loaded=loaded)
            for digest in digests
        ],
        roles=_roles(state, name),
        failure="" if failure is None else failure.message,
        history=() if record is None else record.history,
        has_registry=record is not None,
        previous=None if record is None else record.previous_version(CHAMPION),
    )


def _version(
    state: AppState, name: str, digest: str, record: ModelRecord | None, *, is_live: bool, loaded: set[str]
) -> Version:
    manifest = _manifest(state, name, digest, is_live=is_live)
    history = () if record is None else record.history
    return Version(
        model=name,
        digest=digest,
        aliases=[] if record is None else [alias for alias, aliased in record.aliases.items() if aliased == digest],
        added=next((each for each in reversed(history) if each.action == "add" and each.digest == digest), None),
        is_live=is_live,
        is_loaded=digest in loaded,
        facts=None if manifest is None else facts_of(manifest, _licence(state, name, digest, manifest)),
    )


def _manifest(state: AppState, name: str, digest: str, *, is_live: bool) -> Manifest | None:
    found = state.models.manifest_of(name, digest)
    listed = live_listed(state, name) if found is None and is_live else None
    return found if listed is None else listed.manifest


def _licence(state: AppState, name: str, digest: str, manifest: Manifest) -> str | None:
    folder = state.models.bundles().get(digest)
    if folder is None or file_names.CARD not in manifest.files:
        return None
    try:
        return licence_of(Bundle(folder, manifest, ()).read(file_names.CARD).decode("utf-8", "replace"))
    except GlossatorError:
        return None


def _roles(state: AppState, name: str) -> list[str]:
    """In words, which versions answer a share of the texts, as the canary or as a shadow."""
    canary = state.canaries.get(name)
    shadows = [] if state.shadow is None else [each for each in state.shadow.targets if each.share.model == name]
    said = [] if canary is None else [_role("Canary", canary.share, canary.problem)]
    return said + [_role("Shadow", each.share, getattr(each, "problem", None)) for each in shadows]


def _role(what: str, share: TrafficShare, problem: str | None) -> str:
    return f"{what}: {share.version}, {100 * share.share:g} % of the texts" if problem is None else problem
