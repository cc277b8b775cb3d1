"""Carries out a decision: the evidence is stored, then the alias moves, then the challenge is closed.

Each step can be repeated. If a process is killed after a step, the next one continues: the audit of the registry tells
whether the alias has moved. Of several processes that decide at the same time, one moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, GlossatorError
from glossator.service.promotion.records import Challenge
from glossator.service.registry import CHAMPION, AuditEntry, Registry

if TYPE_CHECKING:
    from glossator.service.promotion.store import PromotionStore


def carry_out(
    store: PromotionStore, registry: Registry, challenge: Challenge, evidence: Mapping[str, Any]
) -> AuditEntry:
    """Promote the candidate, or roll back to the baseline. Return the line in the audit.

    `evidence` may say who decided (`by`) and why (`reason`), for the audit.

    Raises ConfigError if another version has become the champion meanwhile, or if the challenge was closed.
    """
    return finish_decision(store, registry, store.decide(challenge.id, evidence))


def finish_decision(store: PromotionStore, registry: Registry, challenge: Challenge) -> AuditEntry:
    """Complete a decision that has begun, also in another process. Return the line in the audit."""
    entry = find_entry(registry, challenge)
    if entry is None:
        if challenge.state != "deciding":
            raise ConfigError("this challenge is closed", found=f"{challenge.id}: {challenge.state}")
        try:
            entry = _move_alias(registry, challenge)
        except GlossatorError:
            entry = find_entry(registry, challenge)
            if entry is None:
                store.reopen(challenge.id)
                raise
    store.finish(challenge.id)
    return entry


def finish_interrupted(store: PromotionStore, registry: Registry, model: str) -> list[AuditEntry]:
    """Complete the decisions about a model that were interrupted. Return their lines in the audit."""
    entries = []
    for challenge in store.challenges(model):
        if challenge.state == "deciding":
            with suppress(ConfigError):  # another version is champion now: the challenge is open again
                entries.append(finish_decision(store, registry, challenge))
    return entries


def find_entry(registry: Registry, challenge: Challenge) -> AuditEntry | None:
    """Return the line in the audit with which the alias moved because of this challenge; None if it has not."""
    for entry in registry.record(challenge.model).history:
        if entry.evidence is not None and entry.evidence.get("challenge") == challenge.id:
            return entry
    return None


def _move_alias(registry: Registry, challenge: Challenge) -> AuditEntry:
    evidence = {"challenge": challenge.id, **(challenge.evidence or {})}
    by, reason = evidence.pop("by", None), evidence.pop("reason", None)
    because = f": {reason}" if reason else ""
    points = f"{100 * challenge.margin:g} points"
    if challenge.direction == "promote":
        return registry.alias(
            challenge.model,
            challenge.candidate,
            CHAMPION,
            why=f"shown to be at most {points} worse than {challenge.baseline[:12]}{because}",
            evidence=evidence,
            expected=challenge.baseline,
            by=by,
        )
    why = f"{challenge.candidate[:12]} is shown to be more than {points} worse{because}"
    if registry.record(challenge.model).previous_version(CHAMPION) == challenge.baseline:
        return registry.rollback(challenge.model, why=why, evidence=evidence, expected=challenge.candidate, by=by)
    return registry.alias(
        challenge.model, challenge.baseline, CHAMPION, why=why, evidence=evidence, expected=challenge.candidate, by=by
    )
