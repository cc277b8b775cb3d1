"""What a review queue is to the page: items with suggestions, reviews, undo and progress, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from glossator.service.errors import GlossatorError

Kind = Literal["single_label", "multi_label", "entities", "span", "preference", "score"]
Verdict = Mapping[str, Any]
"""One key: `correct`, `labels`, `entities`, `span`, `option`, `score`, or `skip` with the reason."""
LEASE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `reviewer`: the name that counts. `author`: the owner of the key, for the history."""

    reviewer: str
    author: str
    is_admin: bool


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One item for the page. `options`: two answers to choose from. `opinions`: what reviewers said, to adjudicate."""

    id: str
    text: str
    second: str | None = None
    note_for_reviewer: str | None = None
    suggestion: Mapping[str, Any] | None = None
    options: Sequence[Mapping[str, Any]] | None = None
    opinions: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class GivenReview:
    """A review as the page sends it."""

    id: str
    verdict: Verdict
    note: str | None = None
    seconds: float | None = None

    @property
    def comment(self) -> str | None:
        """What is stored next to the verdict: the reason of a skip, and the note."""
        reason = self.verdict.get("skip")
        parts = [each for each in (reason if isinstance(reason, str) else None, self.note) if each]
        return ": ".join(parts) or None


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """What became of a review: "stored", "known" if it said nothing new, or "error"."""

    id: str
    status: Literal["stored", "known", "error"]
    message: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of an accuracy, or of a difference of two, as shares."""

    low: float
    high: float

    @property
    def half_width_points(self) -> float:
        """Half of its width in percentage points."""
        return 50.0 * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Needed:
    """About how many more labels are needed; `half_width_points`: for an interval of this half width."""

    labels: int
    half_width_points: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a queue is. `sentence`: in plain words, with what the next labels buy."""

    done: int
    total: int
    skipped: int
    mine: int
    sentence: str
    reviewers: Sequence[tuple[str, int]] = ()
    interval: Interval | None = None
    needed: Needed | None = None


@dataclass(frozen=True, slots=True)
class AgreementWords:
    """Krippendorff's alpha, and what it means."""

    alpha: float
    words: str


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """A queue on the list."""

    id: str
    kind: Kind
    title: str
    model: str | None
    about: str
    progress: Progress
    agreement: AgreementWords | None = None
    can_adjudicate: bool = False
    """Whether reviewers differ on some items, and the caller may decide."""
    export: str | None = None


@dataclass(frozen=True, slots=True)
class QueueItems:
    """The next items of a queue, and what the page needs to show them."""

    kind: Kind
    title: str
    labels: Sequence[str]
    items: Sequence[ReviewItem]
    allow_new_labels: bool = False
    allow_blind: bool = True
    """Whether there is a suggestion that could be hidden."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Fields of some kinds: `score_range`, `export`."""


class ReviewQueue(Protocol):
    """One queue. Its methods block on a store, except `items`, which may wait for a model."""

    async def items(self, caller: Caller, count: int, *, blind: bool, deadline: float) -> QueueItems:
        """Return the next items for the caller: the same ones until they are reviewed."""

    async def add(self, caller: Caller, reviews: Sequence[GivenReview], deadline: float) -> list[ReviewResult]:
        """Store reviews. Each has a result; those that cannot be used have an error."""

    async def undo(self, caller: Caller, item: str, deadline: float) -> tuple[ReviewItem | None, bool]:
        """Withdraw the caller's review. Return the item, and whether there was a review."""

    async def progress(self, caller: Caller, deadline: float) -> Progress:
        """Return how far the queue is."""

    async def summary(self, caller: Caller, deadline: float) -> QueueSummary:
        """Return the queue as the list shows it."""


def item_id(scope: str, item: object) -> str:
    """Return the id of an item: it names the period or the comparison, so that a late review cannot meet another."""
    return f"{scope}/{item}"


def split_id(item: str) -> tuple[str, str]:
    """Return the scope and the item of an id."""
    scope, _, number = item.rpartition("/")
    return scope, number


def error_result(item: str, error: GlossatorError | str) -> ReviewResult:
    """Return the result of a review that cannot be used."""
    if isinstance(error, str):
        return ReviewResult(item, "error", error)
    message = error.faults[0].message if error.faults else error.message
    return ReviewResult(item, "error", message, error.hint)
