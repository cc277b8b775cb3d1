"""The models that a server offers, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from glossator.service.bundle.manifest import Manifest
from glossator.service.errors import GlossatorError, UnknownModel
from glossator.service.inference.model import Model
from glossator.service.inference.queue.admission import UNLIMITED, QueueLimit
from glossator.service.registry import SHORTEST_VERSION


class ListedModel(NamedTuple):
    """One model of a catalog. If it is not loaded, the first request for it loads it."""

    name: str
    digest: str
    manifest: Manifest
    is_loaded: bool


class ModelCatalog(Mapping[str, Model]):
    """The loaded live models, by name; `find` also returns other versions. Thread-safe."""

    has_versions = False
    """Whether a model may have other versions than the live one."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._live: dict[str, Model] = dict(models)
        self.limit: QueueLimit = UNLIMITED
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change of the live models."""
        self.failures: dict[str, GlossatorError] = {}
        """Name to the error of its live version, if that version cannot be loaded."""

    def find(self, requested: str, version: str | None = None) -> Model:
        """The model of `NAME` or `NAME@VERSION`. Raises UnknownModel, or ModelLoading while it is being loaded."""
        name, _, pinned = requested.partition("@")
        version = version or pinned or None
        model = self._live.get(name)
        is_live = version is None or (
            len(version) >= SHORTEST_VERSION and model is not None and model.digest.startswith(version)
        )
        if model is not None and is_live:
            return model
        return self._find_not_live(name) if version is None else self._find_version(name, version)

    @property
    def names(self) -> list[str]:
        """The names that requests may use."""
        return list(self._live)

    def loaded(self) -> list[tuple[str, Model]]:
        """Every loaded model with its name."""
        return list(self._live.items())

    def listed(self) -> list[ListedModel]:
        """Every loaded model, and every model that the first request would load."""
        return [ListedModel(name, model.digest, model.bundle.manifest, is_loaded=True) for name, model in self.loaded()]

    def bundles(self) -> dict[str, Path]:
        """Digest to bundle folder, for all versions that requests may use."""
        return {model.digest: model.bundle.path for model in self._live.values()}

    def locate(self, requested: str) -> tuple[Path, Manifest]:
        """The folder and the manifest of `NAME` or `NAME@VERSION`; nothing is loaded. Raises UnknownModel."""
        bundle = self.find(requested).bundle
        return bundle.path, bundle.manifest

    def challenger_version(self, name: str, version: str) -> str | None:
        """The digest of the version that an alias, `previous` or a digest names; None if none has it, or the live one.

        Raises UnknownModel for a digest that does not exist.
        """
        return None

    def manifest_of(self, name: str, digest: str) -> Manifest | None:
        """The manifest of a version; None if it cannot be read."""
        model = self._live.get(name)
        return model.bundle.manifest if model is not None and model.digest == digest else None

    def find_challenger(self, name: str, digest: str) -> Model:
        """A version that is not live. Loading it evicts no other model.

        Raises ModelLoading while it is being loaded, ConfigError if the memory budget has no room for it, or the error
        of the last attempt to load it.
        """
        return self._find_version(name, digest)

    def release_challenger(self, name: str, digest: str) -> None:
        """Release a version that `find_challenger` loaded, unless clients ask for it."""

    def start(self) -> None:
        """Start to follow the registry. A fixed catalog has none and does nothing."""

    def close(self) -> None:
        """Stop to follow the registry."""

    def __getitem__(self, name: str) -> Model:
        return self._live[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def _find_not_live(self, name: str) -> Model:
        raise unknown_model(name, self.names)

    def _find_version(self, name: str, version: str) -> Model:
        if name not in self._live:
            return self._find_not_live(name)
        raise UnknownModel(
            "this version of the model is not available",
            found=f"{name}@{version}",
            expected=self._live[name].digest,
            hint="GET /v1/models lists the version of each model.",
        )


def unknown_model(name: str, known: list[str]) -> UnknownModel:
    """The error for a name that no model has. It lists the names that exist."""
    return UnknownModel(
        "no model has this name",
        found=name,
        expected=f"one of: {', '.join(known)}",
        hint="GET /v1/models lists them.",
    )
