"""Changes the champion of a model because a person wants it: with the evidence if there is enough, else as forced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, Fault, PromotionRefused
from glossator.service.promotion.decision import carry_out, finish_interrupted
from glossator.service.promotion.evidence import evidence_of, waiting
from glossator.service.promotion.gates import Gate, check_versions
from glossator.service.promotion.records import Challenge
from glossator.service.promotion.verdict import decision_numbers, is_allowed, objections
from glossator.service.registry import CHAMPION, AuditEntry, Registry, resolve_version
from glossator.service.statistics.disagreements import Direction

if TYPE_CHECKING:
    from glossator.service.promotion.store import PromotionStore

_FORCED = "forced"
"""The entry of the evidence in the audit that says that the evidence did not allow the change."""
_NO_STORE = "no comparison can be read: this server logs no answers, or the store of promotions is not available"


def promote_version(
    registry: Registry,
    store: PromotionStore | None,
    model: str,
    version: str,
    *,
    reason: str,
    by: str | None = None,
    expected: str | None = None,
    force: bool = False,
) -> AuditEntry:
    """Make a version the champion. Return the line in the audit.

    The reviews of the open comparison with the champion must show that it is no worse, and it must pass its golden rows
    and the budgets of latency and memory. These are checked here, and take seconds.

    Args:
        registry: The registry with both versions.
        store: The store of promotions; None: there is none, so no evidence either.
        model: The name of the model.
        version: An alias or a digest.
        reason: Why, for the audit.
        by: Who wants it; None: the user of this process.
        expected: The digest that must be the champion until now.
        force: Promote it also if the evidence does not allow it. The audit says that it was forced, and against what.

    Raises:
        UnknownModel: The registry does not have the model or the version.
        ConfigError: It is the champion already, the model has no champion, or another one than the expected.
        PromotionRefused: The evidence does not allow it, and `force` is not set.
    """
    champion = _champion(registry, store, model, expected)
    digest = resolve_version(model, registry.record(model), version)
    if digest == champion:
        raise ConfigError("this version is the champion already", found=f"{model}@{digest[:12]}")
    challenge = find_comparison(store, model, "promote", candidate=digest, baseline=champion)
    against, numbers = _no_comparison(store, model), {}
    if store is not None and challenge is not None:
        batches, reviews = store.batches(challenge.id), store.reviews(challenge.id)
        evidence = evidence_of(challenge, batches, reviews)
        gates = _check_gates(registry, model, champion, digest) if evidence.shown else []
        numbers = decision_numbers(challenge, evidence, gates)
        if is_allowed(evidence, gates):
            return carry_out(store, registry, challenge, numbers | {"reason": reason, "by": by})
        against = objections(challenge, evidence, gates, waiting=len(waiting(batches, reviews)))
    if not force:
        raise PromotionRefused(
            "the evidence does not allow this promotion",
            found=f"{model}@{digest[:12]}",
            faults=[Fault("objection", each) for each in against],
            hint='Review more disagreements, or promote it anyway ("force": true): the audit says that it was forced.',
        )
    evidence_of_audit = _forced(challenge, against, numbers)
    return registry.alias(model, digest, CHAMPION, why=reason, evidence=evidence_of_audit, expected=champion, by=by)


def roll_back_champion(
    registry: Registry,
    store: PromotionStore | None,
    model: str,
    *,
    reason: str,
    by: str | None = None,
    expected: str | None = None,
) -> AuditEntry:
    """Give the alias `champion` back to the version that had it before. Return the line in the audit.

    It needs no evidence, because it must be possible in an emergency. The audit has what evidence there is, and says
    that the rollback was forced if that is not enough. The arguments and errors are those of `promote_version`.
    """
    champion = _champion(registry, store, model, expected)
    previous = registry.record(model).previous_version(CHAMPION)
    if previous is None:
        raise ConfigError(
            "no other version was champion before",
            found=f"{model}@{champion[:12]}",
            hint="Promote the version that you want.",
        )
    challenge = find_comparison(store, model, "roll back", candidate=champion, baseline=previous)
    against, numbers = _no_comparison(store, model), {}
    if store is not None and challenge is not None:
        batches, reviews = store.batches(challenge.id), store.reviews(challenge.id)
        evidence = evidence_of(challenge, batches, reviews)
        numbers = decision_numbers(challenge, evidence, [])
        if is_allowed(evidence, []):
            return carry_out(store, registry, challenge, numbers | {"reason": reason, "by": by})
        against = objections(challenge, evidence, [], waiting=len(waiting(batches, reviews)))
    return registry.rollback(model, why=reason, evidence=_forced(challenge, against, numbers), expected=champion, by=by)


def find_comparison(
    store: PromotionStore | None, model: str, direction: Direction, *, candidate: str, baseline: str
) -> Challenge | None:
    """Return the open comparison of two versions; None if there is none."""
    found = None if store is None else store.newest(model, direction, candidate, baseline)
    return found if found is not None and found.state == "open" else None


def is_forced(entry: AuditEntry) -> bool:
    """Return whether a line of the audit is a change that the evidence did not allow."""
    return bool((entry.evidence or {}).get(_FORCED))


def _champion(registry: Registry, store: PromotionStore | None, model: str, expected: str | None) -> str:
    """Return the digest of the champion, after interrupted decisions are completed."""
    record = registry.record(model)
    if store is not None and finish_interrupted(store, registry, model):
        record = registry.record(model)
    champion = record.aliases.get(CHAMPION)
    if champion is None:
        raise ConfigError("the model has no champion", found=model, hint="glossator models alias MODEL VERSION")
    if expected is not None and champion != expected:
        raise ConfigError(
            "another version has become the champion in the meantime",
            found=f"{model}@{champion[:12]}",
            expected=expected[:12],
            hint="Look at the model again, then decide.",
        )
    return champion


def _check_gates(registry: Registry, model: str, champion: str, digest: str) -> list[Gate]:
    gates, _ = check_versions(registry.folder(model, champion), registry.folder(model, digest))
    return [*gates, Gate("test file", None, "not checked: `glossator promote --test FILE` does it")]


def _no_comparison(store: PromotionStore | None, model: str) -> list[str]:
    if store is None:
        return [_NO_STORE]
    return [f"no reviews compare these two versions: begin with `glossator promote {model} --log FOLDER`"]


def _forced(challenge: Challenge | None, against: list[str], numbers: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit records of a change without enough evidence.

    `challenge` would say that the comparison was decided, so its id has another name here.
    """
    comparison = {} if challenge is None else {"comparison": challenge.id}
    return {_FORCED: True, "against": against, **comparison, **numbers}
