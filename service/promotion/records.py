"""Challenges, frozen disagreements and their reviews, as the store holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from glossator.service.statistics.disagreements import Direction, Question

State = Literal["open", "deciding", "done", "given up"]
"""`deciding`: the evidence is stored, and the alias is about to move. `done`: it has moved."""
Verdict = Literal["candidate", "baseline", "both", "neither", "skipped"]
"""Which answer is right."""
VERDICTS: tuple[Verdict, ...] = ("candidate", "baseline", "both", "neither", "skipped")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The comparison of two versions of a model on the texts that both answered.

    Before a promotion ("promote") the candidate is the challenger, whose answers are the shadow's, and the baseline is
    the champion. After it ("roll back") the candidate is the new champion, and the baseline the previous one, which is
    the shadow now.
    """

    id: str
    model: str
    direction: Direction
    candidate: str
    """The digest of the version in question."""
    baseline: str
    margin: float
    """A share of all texts; 0.005 is half a point."""
    total_alpha: float
    """Of all challenges of one champion together."""
    alpha: float
    """What this one may spend of it."""
    number: int
    """Counts the challenges of one champion, from 1 on."""
    seed: int
    since: str | None
    """The time of the first answers that count; None: all that are logged."""
    state: State
    created: float
    evidence: Mapping[str, Any] | None
    """What the decision rests on, once it has begun."""

    @property
    def question(self) -> Question:
        """The statement to refute."""
        return Question(self.direction, self.margin, self.alpha)

    @property
    def served(self) -> str:
        """The digest of the version whose answers the callers got."""
        return self.baseline if self.direction == "promote" else self.candidate

    @property
    def shadow(self) -> str:
        """The digest of the version that answered the same texts for the log alone."""
        return self.candidate if self.direction == "promote" else self.baseline


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A text that the two versions answered differently. `position`: its place among all texts, in random order."""

    position: int
    request: str
    place: int
    sha256: str
    candidate: Mapping[str, Any]
    """The answer of the candidate: `labels`, `entities` or `span`, as in the log."""
    baseline: Mapping[str, Any]

    @property
    def erased(self) -> bool:
        """Whether the text was erased from the log: what was answered is gone too, and nobody can review it."""
        return not self.candidate


@dataclass(frozen=True, slots=True)
class Batch:
    """A frozen list of texts that both versions answered.

    `kept`: the first of its disagreements in random order; a batch stores a limited number of them, and
    `next_position` is the place of the first one behind them (`texts` if there is none).
    """

    number: int
    since: str | None
    until: str
    texts: int
    disagreements: int
    next_position: int
    kept: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class DisagreementReview:
    """What a reviewer said about a disagreement: `place` among the kept ones of a batch."""

    batch: int
    place: int
    verdict: Verdict
    reviewer: str
    gold: Mapping[str, Any] | None = None
    comment: str | None = None
    made: float = 0.0
    """Seconds since 1970, by the clock of the store."""

    @property
    def key(self) -> tuple[int, int]:
        """The batch and the place."""
        return self.batch, self.place
