"""Which job is claimed next: owners take turns, and jobs of silent workers return to the queue.

A worker renews its claim by increasing the job's `beat`. A claim is lost if its beat stays the same for its lease.
Every process measures that time with its own monotonic clock, so a wall clock that jumps neither loses nor duplicates a
job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glossator.service.database.interface import Execute

_OWNERS_TRIED = 32
"""Other workers may take the last job of an owner at the same time; the next owners are then tried."""


class LeaseObserver:
    """Remembers when the beat of each running job last changed. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._lock = threading.Lock()

    def saw(self, job_id: str, attempt: int, beat: int) -> None:
        """Record that the claim is alive at this moment."""
        with self._lock:
            self._seen[job_id] = (attempt, beat, self._clock())

    def lost(self, running: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return those of the running jobs whose beat has not changed for their lease."""
        with self._lock:
            now = self._clock()
            before, self._seen = self._seen, {}
            lost = []
            for row in running:
                beat = (row["attempt"], row["beat"])
                known = before.get(row["id"])
                since = known[2] if known is not None and known[:2] == beat else now
                self._seen[row["id"]] = (*beat, since)
                if now - since > row["lease_seconds"]:
                    lost.append(row)
            return lost


def running_jobs(execute: Execute) -> list[dict[str, Any]]:
    """Return the beats and leases of all running jobs."""
    return execute("SELECT id, attempt, beat, lease_seconds FROM jobs WHERE state = 'running'", {})


def return_to_queue(execute: Execute, condition: str, loss: str, values: Mapping[str, object], skip_locked: str) -> int:
    """Return running jobs that meet a condition to the queue, each with one more strike. Return how many.

    Jobs in a transaction of another process are left for later: that process may be stopped.

    A strike is counted here, before another attempt opens the input: an input that ends its worker while it is opened
    must not be tried forever.
    """
    rows = execute(
        f"""UPDATE jobs SET state = 'queued', worker = NULL, strikes = strikes + 1, losses = losses + 1, loss = :loss
        WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND {condition} {skip_locked}) RETURNING id""",
        {**values, "loss": loss},
    )
    return len(rows)


def next_job(execute: Execute, digests: Sequence[str], skip_locked: str) -> tuple[str, str] | None:
    """Return the id and the owner of the job that is next: the oldest one of the owner who waited longest for a turn.

    Args:
        execute: Runs statements in a transaction.
        digests: The bundles that the worker has.
        skip_locked: The database's suffix that locks a row and skips locked ones.
    """
    fits, names = queued_for(digests)
    owners = execute(
        f"""SELECT owner FROM turns WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.owner = turns.owner AND {fits})
        ORDER BY turn, owner LIMIT {_OWNERS_TRIED}""",
        names,
    )
    for row in owners:
        found = execute(
            f"SELECT id FROM jobs WHERE owner = :owner AND {fits} ORDER BY created, id LIMIT 1 {skip_locked}",
            names | {"owner": row["owner"]},
        )
        if found:
            return found[0]["id"], row["owner"]
    return None


def queued_for(digests: Sequence[str]) -> tuple[str, dict[str, object]]:
    """Return the SQL condition of queued jobs for some bundles, and its parameters."""
    names: dict[str, object] = {f"digest{index}": digest for index, digest in enumerate(digests)}
    return f"state = 'queued' AND digest IN ({', '.join(f':{name}' for name in names)})", names


def add_owner(execute: Execute, owner: str) -> None:
    """Give a new owner the next turn."""
    execute("INSERT INTO turns (owner, turn) VALUES (:owner, 0) ON CONFLICT (owner) DO NOTHING", {"owner": owner})


def end_turn(execute: Execute, owner: str, skip_locked: str) -> None:
    """Put the owner behind all others.

    If another process is doing the same, it need not be waited for: a stopped process would hold up all claims.
    """
    execute(
        f"""UPDATE turns SET turn = (SELECT MAX(turn) + 1 FROM turns)
        WHERE owner = (SELECT owner FROM turns WHERE owner = :owner {skip_locked})""",
        {"owner": owner},
    )
