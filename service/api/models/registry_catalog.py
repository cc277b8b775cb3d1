"""The models of a registry: a thread follows the registry's audit and swaps models while requests are answered.

- A new version is loaded and verified before it replaces the old one. Requests keep the version that they started with.
- Versions requested by name (`NAME@VERSION`) are loaded on the first request for them.
- Above the memory budget, the least recently used models are evicted. The next request loads them again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glossator.service.api.models.model_catalog import ListedModel, ModelCatalog, unknown_model
from glossator.service.bundle.file_names import HEAD
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reader import read_manifest
from glossator.service.errors import ConfigError, GlossatorError, ModelLoading, UnknownModel
from glossator.service.inference.model import Model, load
from glossator.service.registry import (
    CHAMPION,
    ModelRecord,
    Registry,
    challenger_version,
    live_versions,
    resolve_version,
)

POLL_SECONDS = 0.5
RETRY_SECONDS = 30.0
"""How long a version is left alone after it failed to load."""

logger = logging.getLogger("glossator.service.api")

Load = Callable[[Path], Model]


class _Failure(NamedTuple):
    """The error of a version that could not be loaded, and the time of the attempt."""

    error: GlossatorError
    since: float


class RegistryCatalog(ModelCatalog):
    """A catalog that follows a registry. `budget_bytes` limits the size of all loaded graphs."""

    has_versions = True

    def __init__(self, registry: Registry, *, load: Load = load, budget_bytes: int | None = None) -> None:
        super().__init__({})
        self.registry = registry
        self._load = load
        self._budget = budget_bytes
        self._records: dict[str, ModelRecord] = {}
        self._pinned: dict[tuple[str, str], Model] = {}
        """Loaded versions that are not live, by name and digest."""
        self._last_used: dict[tuple[str, str], float] = {}
        """The time of the last request for a version, by name and digest."""
        self._manifests: dict[tuple[str, str], Manifest] = {}
        """Manifests of listed versions that are not loaded."""
        self._requested: set[tuple[str, str]] = set()
        self._challengers: set[tuple[str, str]] = set()
        """The versions that `find_challenger` asked for and that no client has asked for."""
        self._failed: dict[tuple[str, str], _Failure] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._audit_stamp: object = None
        self._thread = threading.Thread(target=self._follow, name="catalog", daemon=True)
        self._refresh()
        if not self._live and self.failures:
            raise next(iter(self.failures.values()))

    def start(self) -> None:
        """Start the thread that follows the registry."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, after the version that it is loading."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def names(self) -> list[str]:
        """The names that requests may use, loaded or not."""
        return list(live_versions(self._records))

    def loaded(self) -> list[tuple[str, Model]]:
        """Every loaded model: live ones as `NAME`, others as `NAME@VERSION`."""
        others = [(f"{name}@{digest[:12]}", model) for (name, digest), model in list(self._pinned.items())]
        return [*self._live.items(), *others]

    def listed(self) -> list[ListedModel]:
        """See `ModelCatalog.listed`. Models that failed to load are left out."""
        loaded = super().listed()  # first, so that a model loaded meanwhile is not listed twice
        names = {each.name for each in loaded}
        waiting = [
            key for key in live_versions(self._records).items() if key[0] not in names and key not in self._failed
        ]
        found = [(*key, manifest) for key in waiting if (manifest := self._manifest(key)) is not None]
        return loaded + [ListedModel(*each, is_loaded=False) for each in found]

    def bundles(self) -> dict[str, Path]:
        """Digest to bundle folder, for all versions in the registry."""
        return {
            digest: self.registry.folder(name, digest)
            for name, record in self._records.items()
            for digest in record.versions
        }

    def find(self, requested: str, version: str | None = None) -> Model:
        """See `ModelCatalog.find`. Records the time of use, which eviction needs."""
        model = super().find(requested, version)
        self._last_used[requested.partition("@")[0], model.digest] = time.monotonic()
        return model

    def locate(self, requested: str) -> tuple[Path, Manifest]:
        """See `ModelCatalog.locate`. Raises BundleInvalid if the manifest cannot be read."""
        name, _, version = requested.partition("@")
        record = self._records.get(name)
        if record is None:
            raise unknown_model(name, self.names)
        digest = resolve_version(name, record, version or CHAMPION)
        folder = self.registry.folder(name, digest)
        return folder, self._manifest((name, digest)) or read_manifest(folder)

    def challenger_version(self, name: str, version: str) -> str | None:
        """See `ModelCatalog.challenger_version`."""
        record = self._records.get(name)
        found = None if record is None else challenger_version(name, record, version)
        return None if found == live_versions(self._records).get(name) else found

    def manifest_of(self, name: str, digest: str) -> Manifest | None:
        """See `ModelCatalog.manifest_of`."""
        return self._manifest((name, digest))

    def find_challenger(self, name: str, digest: str) -> Model:
        """See `ModelCatalog.find_challenger`."""
        key = (name, digest)
        model = self._pinned.get(key)
        if model is not None:
            self._last_used[key] = time.monotonic()
            return model
        if key not in self._failed and self._has_no_room(key):
            raise ConfigError(
                "the memory budget has no room for the challenger",
                found=f"{name}@{digest[:12]}",
                hint="Raise GLOSSATOR_MODEL_MEMORY_MB.",
            )
        with self._lock:
            self._challengers.add(key)
        return self._request_load(name, digest)

    def release_challenger(self, name: str, digest: str) -> None:
        """See `ModelCatalog.release_challenger`."""
        with self._lock:
            was_ours = (name, digest) in self._challengers
            self._challengers.discard((name, digest))
            if was_ours:
                self._requested.discard((name, digest))
                self._pinned.pop((name, digest), None)

    def _has_no_room(self, key: tuple[str, str]) -> bool:
        return self._budget is not None and self._exceeds_budget(*key)

    def _manifest(self, key: tuple[str, str]) -> Manifest | None:
        """The manifest of a version, or None if unreadable; a request for that version then fails with the error."""
        if key not in self._manifests:
            try:
                self._manifests[key] = read_manifest(self.registry.folder(*key))
            except (OSError, GlossatorError):
                return None
        return self._manifests[key]

    def _find_not_live(self, name: str) -> Model:
        digest = live_versions(self._records).get(name)
        if digest is None:
            return super()._find_not_live(name)
        return self._request_load(name, digest)

    def _find_version(self, name: str, version: str) -> Model:
        record = self._records.get(name)
        if record is None:
            return super()._find_not_live(name)
        digest = resolve_version(name, record, version)
        model = self._live.get(name)
        if model is not None and model.digest == digest:
            return model
        with self._lock:
            self._challengers.discard((name, digest))
        return self._pinned.get((name, digest)) or self._request_load(name, digest)

    def _request_load(self, name: str, digest: str) -> Model:
        """Ask the thread to load a version. Raises ModelLoading, or the error of the last attempt to load it."""
        key = (name, digest)
        if key in self._failed:
            raise self._failed[key].error
        with self._lock:
            self._requested.add(key)
        self._wake.set()
        raise ModelLoading("the model is being loaded", found=f"{name}@{digest[:12]}", hint="Retry in a second.")

    def _follow(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if self._closed.is_set():
                return
            try:
                self._refresh()
            except Exception as error:  # a registry that is unreachable or damaged: the live models stay
                logger.error("the registry cannot be read, the live models stay: %s", error)

    def _refresh(self) -> None:
        """Apply changes of the audit to the live models, and load the requested versions."""
        stamp = self._read_audit_stamp()
        now = time.monotonic()
        retry = [key for key, failure in self._failed.items() if now - failure.since > RETRY_SECONDS]
        for key in retry:
            del self._failed[key]
        if stamp != self._audit_stamp or retry:
            self._records = self.registry.records()
            self._audit_stamp = stamp
            self._swap_live(live_versions(self._records))
        with self._lock:
            requested, self._requested = self._requested, set()
        for name, digest in requested:
            self._load_requested(name, digest)

    def _read_audit_stamp(self) -> object:
        with suppress(OSError):
            found = self.registry.audit_file.stat()
            return (found.st_size, found.st_mtime_ns)
        return None

    def _swap_live(self, wanted: Mapping[str, str]) -> None:
        changed = False
        for name, digest in wanted.items():
            old = self._live.get(name)
            if old is not None and old.digest == digest:
                self.failures.pop(name, None)
                continue
            if self._loaded_bytes() and self._budget is not None and old is None and self._exceeds_budget(name, digest):
                continue  # the first request loads it
            model = self._pinned.pop((name, digest), None) or self._load_version(name, digest, is_live=True)
            if model is not None:
                self._live[name] = model
                self.failures.pop(name, None)
                changed = True
                if old is not None:
                    logger.warning("%s: version %s replaces %s", name, digest[:12], old.digest[:12])
        for name in [name for name in self._live if name not in wanted]:
            del self._live[name]
            changed = True
        known = {(name, digest) for name, record in self._records.items() for digest in record.versions}
        for key in [key for key in self._pinned if key not in known]:
            del self._pinned[key]
        if changed:
            self.on_change()
        self._evict()

    def _load_version(self, name: str, digest: str, *, is_live: bool) -> Model | None:
        """Load, verify and warm up a version. On failure, record the error and return None."""
        if (name, digest) in self._failed:
            return None
        try:
            model = self._load(self.registry.folder(name, digest))
            if model.digest != digest:
                raise UnknownModel(
                    "the folder contains another version",
                    found=model.digest,
                    expected=digest,
                    hint="Add the bundle again: glossator models add.",
                )
            model.predict(["warm up"])
            model.limit = self.limit
        except GlossatorError as error:
            logger.error("%s@%s cannot be loaded, the live version stays: %s", name, digest[:12], error)
            self._failed[name, digest] = _Failure(error, time.monotonic())
            if is_live:
                self.failures[name] = error
            return None
        return model

    def _load_requested(self, name: str, digest: str) -> None:
        if live_versions(self._records).get(name) == digest:
            if name not in self._live and (model := self._load_version(name, digest, is_live=True)) is not None:
                self._live[name] = model
                self.on_change()
        elif (name, digest) not in self._pinned:
            for_challenger = (name, digest) in self._challengers
            if for_challenger and self._has_no_room((name, digest)):
                return  # it may not evict what requests need
            model = self._load_version(name, digest, is_live=False)
            with self._lock:
                if for_challenger and (name, digest) not in self._challengers:
                    return  # released meanwhile; if a client has asked for it, it is loaded again
                if model is not None:
                    self._pinned[name, digest] = model
        self._last_used[name, digest] = time.monotonic()
        self._evict(None if (name, digest) in self._challengers else (name, digest))

    def _loaded_bytes(self) -> int:
        models = [model for _, model in self.loaded()]
        models += [model.backbone for model in models if model.backbone is not None]
        return sum({id(model): model.bytes for model in models}.values())

    def _exceeds_budget(self, name: str, digest: str) -> bool:
        """Whether this version and the loaded models together exceed the budget."""
        assert self._budget is not None
        manifest = self._manifest((name, digest))
        files = {} if manifest is None else manifest.files
        graphs = sum(entry.size for name, entry in files.items() if name.endswith((".onnx", HEAD)))
        return self._loaded_bytes() + graphs > self._budget

    def _evict(self, kept: tuple[str, str] | None = None) -> None:
        """Evict the least recently used models until the rest fits the budget: pinned versions first, then live ones.

        One model always stays, and so does `kept`: a client waits for it.
        """
        if self._budget is None:
            return
        while self._loaded_bytes() > self._budget and len(self.loaded()) > 1:
            pinned = [(False, *key) for key in self._pinned]
            live_models = [(True, name, model.digest) for name, model in self._live.items()]
            is_live, name, digest = min(
                (each for each in pinned + live_models if each[1:] != kept),
                key=lambda each: (each[0], self._last_used.get(each[1:], 0.0)),
            )
            logger.warning("%s@%s is evicted: the memory budget is exceeded", name, digest[:12])
            if is_live:
                del self._live[name]
            else:
                del self._pinned[name, digest]
