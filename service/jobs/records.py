"""What the store knows of a job, of its chunks and of files that wait to become jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from glossator.service.labelling.summary import RowCounts

State = Literal["queued", "running", "completed", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: frozenset[State] = frozenset({"completed", "failed", "cancelled"})
Kind = Literal["file", "batch"]
"""`file`: rows of a file with their answers; `batch`: requests in the shape of OpenAI's Batch API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job as it is accepted. Everything that its output depends on is fixed here."""

    id: str
    owner: str
    kind: Kind = "file"
    model: str
    digest: str
    """The bundle that answers."""
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    """By what batches are cut (`glossator.service.labelling.identity.batch_costs`)."""
    filename: str
    """As the user called it: shown, never opened."""
    input: str
    """The file's name in the job's folder."""
    input_sha256: str
    input_bytes: int
    estimated_rows: int | None = None
    keep_seconds: float
    """How long the job is kept after its end, and how long it may wait for a worker."""
    idempotency_key: str | None = None
    fingerprint: str = ""
    """SHA-256 of what was asked for: a key that comes again with another one is refused."""
    webhook: str | None = None


class Claim(Protocol):
    """One attempt at a job: what it writes is refused once another attempt has begun."""

    @property
    def id(self) -> str: ...

    @property
    def attempt(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """A job of the store. Times are seconds since 1970 by the store's clock."""

    state: State
    attempt: int
    """How often a worker has taken it; what an attempt writes is refused once another has begun."""
    strikes: int
    """Attempts that ended without a word since the last chunk was entered."""
    losses: int
    """All attempts that ended without a word."""
    loss: str | None
    """How the last of them ended."""
    suspect: int | None
    """The chunk that the last of them was at, where it worked chunk by chunk."""
    worker: str | None
    beat: int
    """Increases while the worker is alive."""
    counts: RowCounts
    result: str | None
    """The result's file name in the job's folder."""
    result_sha256: str | None
    result_bytes: int | None
    error: Mapping[str, Any] | None
    """Why it failed, as `GlossatorError.to_dict` gives it."""
    created: float
    started: float | None
    finished: float | None
    expires: float

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Chunk:
    """A finished chunk; its rows are in the file `part`."""

    number: int
    part: str
    sha256: str
    counts: RowCounts


@dataclass(frozen=True, slots=True)
class Result:
    """The result file of a job."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An uploaded file for batches."""

    id: str
    owner: str
    filename: str
    purpose: str
    sha256: str
    bytes: int
    keep_seconds: float
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that is due, and the number of earlier tries."""

    job: Job
    tries: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list of jobs, newest first."""

    jobs: list[Job] = field(default_factory=list)
    more: bool = False
