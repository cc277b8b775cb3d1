"""The models that a server answers with: fixed ones, or those of a registry, followed as its audit goes on.

A version is loaded and verified before the one in front of it is let go. A request keeps the version that it began
with; the old one ends with its last request. Versions that are asked for by name (`NAME@VERSION`) are loaded when they
are first asked for. Where the models take more memory than they may, those that were not asked for longest are let go,
and loaded again when they are asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.errors import GlossatorError, ModelLoading, UnknownModel
from glossator.service.inference.batching import UNLIMITED, Limit
from glossator.service.inference.model import Model, load
from glossator.service.registry import SHORTEST_VERSION, Record, Registry, live, version_of

POLL_SECONDS = 0.5
RETRY_SECONDS = 30.0
"""How long a version that could not be loaded is left alone."""

logger = logging.getLogger("glossator.service.api")

Load = Callable[[Path], Model]


class Listed(NamedTuple):
    """A model that may be asked for. One that is not loaded is loaded when it is first asked for."""

    name: str
    digest: str
    manifest: Manifest
    is_loaded: bool


class Catalog(Mapping[str, Model]):
    """The models that are loaded and live, by name; `find` also gives other versions. Threads may share one."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._live: dict[str, Model] = dict(models)
        self.limit: Limit = UNLIMITED
        self.on_change: Callable[[], None] = lambda: None
        """Hears of every change of what is live."""
        self.failures: dict[str, GlossatorError] = {}
        """Why the version that should answer under a name does not."""

    def find(self, asked: str, version: str | None = None) -> Model:
        """The model of a name, or of `NAME@VERSION`; raises UnknownModel, ModelLoading where it is not loaded yet."""
        name, _, pinned = asked.partition("@")
        version = version or pinned or None
        model = self._live.get(name)
        named = version is None or (
            len(version) >= SHORTEST_VERSION and model is not None and model.digest.startswith(version)
        )
        if model is not None and named:
            return model
        return self._absent(name) if version is None else self._pinned(name, version)

    @property
    def names(self) -> list[str]:
        """The names that may be asked for."""
        return list(self._live)

    def loaded(self) -> list[tuple[str, Model]]:
        """Every model that is loaded, by the name under which it answers."""
        return list(self._live.items())

    def listed(self) -> list[Listed]:
        """Every model that is loaded, and those that may be asked for under their name and are not."""
        return [Listed(name, model.digest, model.bundle.manifest, is_loaded=True) for name, model in self.loaded()]

    def bundles(self) -> dict[str, Path]:
        """The folders of all versions that may be asked for, by digest."""
        return {model.digest: model.bundle.path for model in self._live.values()}

    def start(self) -> None:
        """Follows the registry, where there is one."""

    def close(self) -> None:
        """Follows it no more."""

    def __getitem__(self, name: str) -> Model:
        return self._live[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def _absent(self, name: str) -> Model:
        raise unknown_model(name, self.names)

    def _pinned(self, name: str, version: str) -> Model:
        if name not in self._live:
            return self._absent(name)
        raise UnknownModel(
            "the model has no such version here", found=f"{name}@{version}", expected=self._live[name].digest,
            hint="GET /v1/models tells the version that answers.",
        )  # fmt: skip


class _Failure(NamedTuple):
    """Why a version could not be loaded, and when that was tried."""

    error: GlossatorError
    since: float


class RegistryCatalog(Catalog):
    """The models of a registry."""

    def __init__(self, registry: Registry, *, load: Load = load, budget_bytes: int | None = None) -> None:
        super().__init__({})
        self.registry = registry
        self._load = load
        self._budget = budget_bytes
        self._records: dict[str, Record] = {}
        self._others: dict[tuple[str, str], Model] = {}
        """Loaded versions that are not live, by name and digest."""
        self._asked: dict[tuple[str, str], float] = {}
        """When a version was last asked for."""
        self._manifests: dict[tuple[str, str], Manifest] = {}
        """Of versions that were listed and not loaded."""
        self._wanted: set[tuple[str, str]] = set()
        self._failed: dict[tuple[str, str], _Failure] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._over = threading.Event()
        self._seen: object = None
        self._thread = threading.Thread(target=self._follow, name="catalog", daemon=True)
        self._refresh()
        if not self._live and self.failures:
            raise next(iter(self.failures.values()))

    def start(self) -> None:
        """Begins to follow the registry."""
        self._thread.start()

    def close(self) -> None:
        """Ends following it, and what is being loaded."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def names(self) -> list[str]:
        """The names that may be asked for, whether they are loaded or not."""
        return list(live(self._records))

    def loaded(self) -> list[tuple[str, Model]]:
        """Every model that is loaded; those that are not live under their name and version."""
        others = [(f"{name}@{digest[:12]}", model) for (name, digest), model in list(self._others.items())]
        return [*self._live.items(), *others]

    def listed(self) -> list[Listed]:
        """As of any catalog. A model that cannot be loaded is not among them."""
        there = super().listed()  # first: what is loaded meanwhile is not listed twice
        names = {each.name for each in there}
        waiting = [key for key in live(self._records).items() if key[0] not in names and key not in self._failed]
        found = [(*key, manifest) for key in waiting if (manifest := self._manifest(key)) is not None]
        return there + [Listed(*each, is_loaded=False) for each in found]

    def bundles(self) -> dict[str, Path]:
        """The folders of all versions of the registry, by digest."""
        return {
            digest: self.registry.folder(name, digest)
            for name, record in self._records.items()
            for digest in record.versions
        }

    def find(self, asked: str, version: str | None = None) -> Model:
        """As of any catalog; what is found is noted as asked for."""
        model = super().find(asked, version)
        self._asked[asked.partition("@")[0], model.digest] = time.monotonic()
        return model

    def _manifest(self, key: tuple[str, str]) -> Manifest | None:
        """What a version says of itself; None where it cannot be read, which whoever asks for it is told."""
        if key not in self._manifests:
            try:
                self._manifests[key] = parse_manifest((self.registry.folder(*key) / file_names.MANIFEST).read_bytes())
            except (OSError, GlossatorError):
                return None
        return self._manifests[key]

    def _absent(self, name: str) -> Model:
        digest = live(self._records).get(name)
        if digest is None:
            return super()._absent(name)
        return self._want(name, digest)

    def _pinned(self, name: str, version: str) -> Model:
        record = self._records.get(name)
        if record is None:
            return super()._absent(name)
        digest = version_of(name, record, version)
        model = self._live.get(name)
        if model is not None and model.digest == digest:
            return model
        return self._others.get((name, digest)) or self._want(name, digest)

    def _want(self, name: str, digest: str) -> Model:
        """Has a version loaded; raises ModelLoading, or the error that it could not be loaded with."""
        key = (name, digest)
        if key in self._failed:
            raise self._failed[key].error
        with self._lock:
            self._wanted.add(key)
        self._wake.set()
        raise ModelLoading("the model is being loaded", found=f"{name}@{digest[:12]}", hint="Ask again in a second.")

    def _follow(self) -> None:
        while not self._over.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if self._over.is_set():
                return
            try:
                self._refresh()
            except Exception as error:  # a registry that is away for a moment, or damaged: what is live stays
                logger.error("the registry cannot be read: %s", error)

    def _refresh(self) -> None:
        """Brings what is live in line with the audit, and loads what was asked for."""
        stamp = self._stamp()
        now = time.monotonic()
        retry = [key for key, failure in self._failed.items() if now - failure.since > RETRY_SECONDS]
        for key in retry:
            del self._failed[key]
        if stamp != self._seen or retry:
            self._records = self.registry.records()
            self._seen = stamp
            self._swap(live(self._records))
        with self._lock:
            wanted, self._wanted = self._wanted, set()
        for name, digest in wanted:
            self._load_wanted(name, digest)

    def _stamp(self) -> object:
        with suppress(OSError):
            found = self.registry.audit_file.stat()
            return (found.st_size, found.st_mtime_ns)
        return None

    def _swap(self, wanted: Mapping[str, str]) -> None:
        changed = False
        for name, digest in wanted.items():
            old = self._live.get(name)
            if old is not None and old.digest == digest:
                self.failures.pop(name, None)
                continue
            if self._loaded_bytes() and self._budget is not None and old is None and self._full(name, digest):
                continue  # loaded when it is first asked for
            model = self._others.pop((name, digest), None) or self._loaded(name, digest, is_live=True)
            if model is not None:
                self._live[name] = model
                self.failures.pop(name, None)
                changed = True
                if old is not None:
                    logger.warning("%s: %s answers in the place of %s", name, digest[:12], old.digest[:12])
        for name in [name for name in self._live if name not in wanted]:
            del self._live[name]
            changed = True
        known = {(name, digest) for name, record in self._records.items() for digest in record.versions}
        for key in [key for key in self._others if key not in known]:
            del self._others[key]
        if changed:
            self.on_change()
        self._make_room()

    def _loaded(self, name: str, digest: str, *, is_live: bool) -> Model | None:
        """A version, verified and warm; None where it cannot be used, and why is kept."""
        if (name, digest) in self._failed:
            return None
        try:
            model = self._load(self.registry.folder(name, digest))
            if model.digest != digest:
                raise UnknownModel(
                    "the folder holds another version", found=model.digest, expected=digest,
                    hint="Add the bundle again: glossator models add.",
                )  # fmt: skip
            model.predict(["warm up"])
            model.limit = self.limit
        except GlossatorError as error:
            logger.error("%s@%s is refused, what was live stays: %s", name, digest[:12], error)
            self._failed[name, digest] = _Failure(error, time.monotonic())
            if is_live:
                self.failures[name] = error
            return None
        return model

    def _load_wanted(self, name: str, digest: str) -> None:
        if live(self._records).get(name) == digest:
            if name not in self._live and (model := self._loaded(name, digest, is_live=True)) is not None:
                self._live[name] = model
                self.on_change()
        elif (name, digest) not in self._others:
            model = self._loaded(name, digest, is_live=False)
            if model is not None:
                self._others[name, digest] = model
        self._asked[name, digest] = time.monotonic()
        self._make_room((name, digest))

    def _loaded_bytes(self) -> int:
        return sum(model.bytes for _, model in self.loaded())

    def _full(self, name: str, digest: str) -> bool:
        """Whether one more model would take more than may be taken."""
        assert self._budget is not None
        folder = self.registry.folder(name, digest)
        graphs = sum(path.stat().st_size for path in folder.glob("onnx/*.onnx"))
        return self._loaded_bytes() + graphs > self._budget

    def _make_room(self, kept: tuple[str, str] | None = None) -> None:
        """Lets go what was not asked for longest, other versions before those that are live; one model stays, and the
        one that is `kept`, since somebody waits for it."""
        if self._budget is None:
            return
        while self._loaded_bytes() > self._budget and len(self.loaded()) > 1:
            held = [(False, *key) for key in self._others] + [(True, name, m.digest) for name, m in self._live.items()]
            is_live, name, digest = min(
                (each for each in held if each[1:] != kept),
                key=lambda each: (each[0], self._asked.get(each[1:], 0.0)),
            )
            logger.warning("%s@%s is let go: the models take more memory than they may", name, digest[:12])
            if is_live:
                del self._live[name]
            else:
                del self._others[name, digest]


def unknown_model(name: str, known: list[str]) -> UnknownModel:
    """The error that names the models there are."""
    return UnknownModel(
        "there is no model of this name",
        found=name,
        expected=f"one of: {', '.join(known)}",
        hint="GET /v1/models lists them.",
    )
