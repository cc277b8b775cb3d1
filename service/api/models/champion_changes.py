"""Promotes and rolls back at the request of an admin, for the API and the pages. The catalog then swaps the models."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from anyio import to_thread
from fastapi import Request

from glossator.service.api.dependencies import owner_of
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.problems import RegistryOff
from glossator.service.api.security.key_ring import NAMED_KEY
from glossator.service.api.state import AppState
from glossator.service.errors import DeadlineExceeded, OutputError, StoreUnavailable
from glossator.service.promotion.champion_changes import promote_version, roll_back_champion
from glossator.service.promotion.store import PromotionStore
from glossator.service.registry import AuditEntry, Registry

_ONE_AT_A_TIME = threading.Lock()
"""A promotion loads two models to compare their time and memory."""
REGISTRY_OFF = RegistryOff(
    "this server has no registry, so its models have no other versions",
    hint="Add the bundles to a registry with `glossator models add`, and serve it with --models FOLDER.",
)
REGISTRY_READ_ONLY = StoreUnavailable(
    "the registry cannot be changed by this server: the audit cannot be written: Read-only file system",
    hint="Give the server the permission to write to the folder, or run `glossator promote` where it may be written.",
)


async def promote(
    state: AppState,
    request: Request,
    name: str,
    version: str,
    *,
    reason: str,
    expected: str | None,
    force: bool,
    deadline: float,
) -> AuditEntry:
    """Make a version the champion; see `promote_version`."""
    registry, by = registry_of(state), _name_for_audit(state, request)

    def work() -> AuditEntry:
        store = _store(state)
        return promote_version(registry, store, name, version, reason=reason, by=by, expected=expected, force=force)

    return await _run(work, deadline)


async def roll_back(
    state: AppState, request: Request, name: str, *, reason: str, expected: str | None, deadline: float
) -> AuditEntry:
    """Make the previous champion the champion again; see `roll_back_champion`."""
    registry, by = registry_of(state), _name_for_audit(state, request)

    def work() -> AuditEntry:
        return roll_back_champion(registry, _store(state), name, reason=reason, by=by, expected=expected)

    return await _run(work, deadline)


def registry_of(state: AppState) -> Registry:
    """The registry that the server follows. Raises RegistryOff if it serves bundles without one."""
    if not isinstance(state.models, RegistryCatalog):
        raise RegistryOff(REGISTRY_OFF.message, hint=REGISTRY_OFF.hint)
    return state.models.registry


def _store(state: AppState) -> PromotionStore | None:
    """The store of promotions; None without one, also if it cannot be opened: a rollback must not depend on it."""
    try:
        return None if state.promotions is None else state.promotions.threads.store()
    except StoreUnavailable:
        return None


def _name_for_audit(state: AppState, request: Request) -> str | None:
    """The name of the caller's key; None on a server without keys, where the audit names the user of the process."""
    return owner_of(request).removeprefix(NAMED_KEY) if state.settings.needs_key else None


async def _run(work: Callable[[], AuditEntry], deadline: float) -> AuditEntry:
    """Run `work` in a thread until `deadline`, a time of `time.monotonic`; what has begun is done all the same."""

    def change() -> AuditEntry:
        try:
            with _ONE_AT_A_TIME:
                return work()
        except OutputError as error:  # clients do not get the path
            raise StoreUnavailable(
                f"the registry cannot be changed by this server: {error.message}", hint=REGISTRY_READ_ONLY.hint
            ) from error

    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await to_thread.run_sync(change, abandon_on_cancel=True)
    except TimeoutError:
        raise DeadlineExceeded(
            "the deadline passed before the versions were checked",
            hint="The change may still happen: look at the model again in a minute.",
        ) from None
