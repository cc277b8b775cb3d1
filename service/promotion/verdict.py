"""Whether the evidence and the gates allow a decision; and sentences that say what is known of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from glossator.service.promotion.evidence import Evidence
from glossator.service.promotion.gates import Gate
from glossator.service.promotion.records import Challenge

_LARGEST_SHOWN_LOG = 14.0
_FEW_REVIEWS = 30
"""Below, the reviews say little about the next ones."""


def is_allowed(evidence: Evidence, gates: Sequence[Gate]) -> bool:
    """Return whether the candidate may be promoted, or must be rolled back."""
    return evidence.shown and not any(gate.passed is False for gate in gates)


def objections(challenge: Challenge, evidence: Evidence, gates: Sequence[Gate], *, waiting: int) -> list[str]:
    """Return why a decision is not allowed, in sentences; none if it is. `waiting`: disagreements without a review."""
    found = []
    if not evidence.shown:
        found += list(shown_sentences(challenge, evidence))
        lacks = f"{waiting:,} disagreements wait for a review" if waiting else "texts that both answered are missing"
        found.append(lacks)
    return found + [f"{gate.name}: {gate.sentence}" for gate in gates if gate.passed is False]


def decision_numbers(challenge: Challenge, evidence: Evidence, gates: Sequence[Gate]) -> dict[str, Any]:
    """Return what the audit records of a decision, JSON-ready."""
    return evidence.to_dict() | {
        "number": challenge.number,
        "total_alpha": challenge.total_alpha,
        "gates": {gate.name: gate.to_dict() for gate in gates},
    }


def evidence_sentences(challenge: Challenge, evidence: Evidence) -> Iterator[str]:
    """Yield what the texts and the reviews of a comparison say."""
    promoting, names = challenge.direction == "promote", names_of(challenge)
    if not evidence.texts:
        version = "challenger" if promoting else "previous"
        yield (
            "no text in the log was answered by both yet: "
            f"glossator serve --shadow {challenge.model}={version}:0.2 answers logged texts with the other version"
        )
    else:
        yield (
            f"{evidence.texts:,} texts were answered by both; they disagree on {evidence.disagreements:,} "
            f"({100 * evidence.disagreements / evidence.texts:.1f} %)"
        )
    if evidence.reviewed:
        said = evidence.verdicts
        yield (
            f"{evidence.reviewed:,} of them reviewed: the {names[0]} is right in {said['candidate']:,}, the {names[1]} "
            f"in {said['baseline']:,}, both or neither in {said['both'] + said['neither']:,}"
        )
        if said["skipped"]:
            yield f"skipped: {said['skipped']:,}; they count against the change until somebody reviews them"
    if evidence.ahead:
        yield f"reviews that wait for those of earlier disagreements, and do not count yet: {evidence.ahead:,}"
    if evidence.estimate is not None:
        low, high = 100 * evidence.interval.low, 100 * evidence.interval.high
        yield (
            f"difference of the accuracies between {low:+.2f} and {high:+.2f} points "
            f"(95 %, however often you look); best estimate {100 * evidence.estimate:+.2f}"
        )
    yield from shown_sentences(challenge, evidence)


def shown_sentences(challenge: Challenge, evidence: Evidence) -> Iterator[str]:
    """Yield whether the claim is shown, and about how many reviews are missing."""
    promoting, name = challenge.direction == "promote", names_of(challenge)[0]
    points = f"{100 * evidence.question.margin:g} points"
    claim = f"the {name} is at most {points} worse" if promoting else f"the {name} is more than {points} worse"
    needed = 1.0 / evidence.question.alpha
    log_e = min(evidence.log_e_traffic, evidence.log_e_logged)
    found = f"{math.exp(log_e):.3g}" if log_e < _LARGEST_SHOWN_LOG else "more than 1,000,000"
    if evidence.shown:
        yield f"shown: {claim} (evidence {found}, needed {needed:.3g})"
        return
    yield f"not shown: {claim} (evidence {found}, needed {needed:.3g})"
    if evidence.missing is not None:
        like = "if the next ones are like these" if evidence.reviewed >= _FEW_REVIEWS else "if both are equally good"
        yield f"about {evidence.missing:,} more reviews would show it, {like}"
    elif promoting and evidence.reviewed >= _FEW_REVIEWS:
        yield "more reviews like these would never show it"


def names_of(challenge: Challenge) -> tuple[str, str]:
    """Return what the candidate and the baseline are called."""
    return ("challenger", "champion") if challenge.direction == "promote" else ("champion", "previous champion")
