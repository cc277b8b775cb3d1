"""The versions that shadows and canaries use: which one it is at the moment, and why there is none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.settings import Settings
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.task import Classifier, Task, TextEmbedding
from glossator.service.errors import ConfigError, GlossatorError, ModelLoading
from glossator.service.inference.model import Model
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.monitoring.shadow.shadow import Shadow
from glossator.service.monitoring.traffic_shares import TrafficShare

logger = logging.getLogger("glossator.service.api")


class Challenger:
    """A version that gets a share of the traffic of a model. It follows the registry. Thread-safe.

    Args:
        catalog: The models of the server.
        share: The model, the version and the share.
        use: `shadow` or `canary`, for messages.
    """

    def __init__(self, catalog: ModelCatalog, share: TrafficShare, use: str) -> None:
        self._catalog = catalog
        self._share = share
        self._use = use
        self._lock = threading.Lock()
        self._digest: str | None = None
        self._fits: tuple[str, str | None, str | None] | None = None
        """The versions of the model that were compared last, and why they do not fit; None if they do."""
        self.is_missing = False
        """Whether there is a version, but it is not loaded or does not fit."""
        self.problem: str | None = None
        """Why the version cannot be used, for the operator; None while there is none, or while it is loading."""

    @property
    def share(self) -> TrafficShare:
        """The model, the version and the share."""
        return self._share

    @property
    def digest(self) -> str | None:
        """The digest of the version at the last call of `model`; None if there was none."""
        return self._digest

    def model(self) -> Model | None:
        """Return the version if it is loaded and fits; None if there is none at the moment, or it is the live one."""
        with self._lock:
            try:
                found = self._find()
            except ModelLoading:
                found, self.is_missing = None, True
            except GlossatorError as error:
                found, self.is_missing = None, True
                self._note_problem(error)
            else:
                self.is_missing = False
                self._note_problem(None)
            return found

    def _find(self) -> Model | None:
        name, version = self._share.model, self._share.version
        digest = self._catalog.challenger_version(name, version)
        if digest != self._digest:
            if self._digest is not None:
                self._catalog.release_challenger(name, self._digest)
            self._digest = digest
            self._report(digest)
        if digest is None:
            return None
        self._check_fits(digest)
        return self._catalog.find_challenger(name, digest)

    def _check_fits(self, digest: str) -> None:
        """Raise ConfigError if the version does something else than the live one."""
        name = self._share.model
        live = self._catalog.get(name)
        versions = (digest, None if live is None else live.digest)
        if self._fits is None or self._fits[:2] != versions:
            manifest = self._catalog.manifest_of(name, digest)
            reason = None
            if manifest is not None and live is not None:
                reason = _mismatch(live.bundle.manifest, manifest)
            self._fits = (*versions, reason)
        if (reason := self._fits[2]) is not None:
            raise ConfigError(f"the {self._use} of {name} cannot be used: {reason}", found=f"{name}@{digest[:12]}")

    def _report(self, digest: str | None) -> None:
        name, version = self._share.model, self._share.version
        if digest is None:
            logger.warning("%s of %s: no version other than the live one is %s", self._use, name, version)
        else:
            logger.info("%s of %s: version %s", self._use, name, digest[:12])

    def _note_problem(self, error: GlossatorError | None) -> None:
        off = f"the {self._use} of {self._share.model} is off"
        problem = None if error is None else f"{off}: {error.message}"  # anybody may see it: without paths
        if problem is not None and problem != self.problem:
            logger.error("%s: %s", off, error)
        self.problem = problem


def open_canaries(catalog: ModelCatalog, settings: Settings) -> dict[str, Challenger]:
    """Return the canary of each model that has one. Raises the errors of `check_share`."""
    canaries: dict[str, Challenger] = {}
    for share in settings.canary:
        check_share(catalog, share, "canary")
        if share.model in canaries:
            raise ConfigError(
                "a model has two canaries", found=f"--canary {share}", expected="one version for each model"
            )
        canaries[share.model] = Challenger(catalog, share, "canary")
    return canaries


def open_shadow(
    catalog: ModelCatalog, settings: Settings, log: PredictionLog | None, in_progress: Callable[[], int]
) -> Shadow | None:
    """Return the shadows; None if there are none. `in_progress` returns how many requests models are answering.

    Raises:
        ConfigError: The answers of a model are not logged; or an error of `check_share`.
        UnknownModel: A digest does not exist.
    """
    if not settings.shadow:
        return None
    for share in settings.shadow:
        if log is None or not log.settings.covers(share.model):
            raise ConfigError(
                "the answers of a shadow go to the prediction log, which does not log this model",
                found=f"--shadow {share}",
                expected="--log FOLDER",
                hint="Add --log FOLDER." if log is None else "Add the model to GLOSSATOR_PREDICTION_LOG_MODELS.",
            )
        check_share(catalog, share, "shadow")
    assert log is not None
    challengers = [Challenger(catalog, share, "shadow") for share in settings.shadow]
    return Shadow(challengers, lambda: _is_idle(catalog, in_progress()), log, seed=settings.shadow_seed)


def check_share(catalog: ModelCatalog, share: TrafficShare, use: str) -> None:
    """Raise an error if a share cannot be served.

    Raises:
        ConfigError: There is no registry, the model is not served, or the version has another task than the live one.
        UnknownModel: The digest does not exist.
    """
    option = f"--{use} {share}"
    if not catalog.has_versions:
        raise ConfigError(
            f"a {use} needs a registry, which has the versions of a model",
            found=option,
            expected="--models FOLDER",
            hint="Add the bundles to a registry with `glossator models add`, and serve it with --models.",
        )
    if share.model not in catalog.names:
        raise ConfigError(
            f"a {use} is given for a model that is not served",
            found=option,
            expected=f"one of: {', '.join(catalog.names)}",
        )
    digest, live = catalog.challenger_version(share.model, share.version), catalog.get(share.model)
    if live is not None and isinstance(live.task, TextEmbedding):
        raise ConfigError(
            f"a {use} is given for a model that returns vectors: those of two versions cannot be compared",
            found=option,
            expected="a model that decides",
        )
    manifest = None if digest is None else catalog.manifest_of(share.model, digest)
    if manifest is not None and live is not None and (reason := _mismatch(live.bundle.manifest, manifest)):
        raise ConfigError(f"this version cannot be a {use}: {reason}", found=option)


def _is_idle(catalog: ModelCatalog, in_progress: int) -> bool:
    """Whether no request waits for a worker, and a processor is free of requests and of batches."""
    batchers = [batcher for _, model in catalog.loaded() for batcher in model.batchers]
    if any(batcher.has_waiting_requests for batcher in batchers):
        return False
    processors = max((batcher.workers for batcher in batchers), default=1)
    return in_progress < processors and sum(batcher.running for batcher in batchers) < processors


def _mismatch(live: Manifest, other: Manifest) -> str | None:
    """Why the answers of two versions cannot be compared; None if they can. Their labels may differ."""
    ours, theirs = _kind(live.task), _kind(other.task)
    return None if ours == theirs else f"its task is {theirs}, that of the live version {ours}"


def _kind(task: Task) -> str:
    return f"{task.task}, {task.problem_type}" if isinstance(task, Classifier) else task.task
