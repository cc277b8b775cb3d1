"""The job store: accepts, claims and ends jobs, and records their chunks. Each change is a durable transaction.

A claim increments `attempt`, and every later change by that attempt names it. If another attempt has started, or the
job was cancelled or deleted, the change raises StaleAttempt and has no effect (a fencing token, Kleppmann 2016). A
claim has a lease, which the worker renews; a job whose worker is silent returns to the queue (`claims`). SQLite and
PostgreSQL use the same statements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from glossator.service.database.interface import Database, Execute
from glossator.service.errors import ConfigError, IdempotencyConflict, JobConflict, StaleAttempt, UnknownJob
from glossator.service.jobs.records import ENDED, Chunk, Claim, Job, NewJob, Page, Result, State, StoredFile
from glossator.service.jobs.storage import claims
from glossator.service.jobs.storage.job_rows import JSON_COLUMNS, read_counts, read_job, sum_counts
from glossator.service.jobs.storage.schema import SCHEMA, VERSION, VERSION_TABLE
from glossator.service.jobs.webhooks.queue import WebhookQueue
from glossator.service.jobs.webhooks.urls import host_of
from glossator.service.labelling.summary import RowCounts

_NEW = tuple(each.name for each in fields(NewJob))
_MINE = "id = :id AND attempt = :attempt AND state = 'running'"
_EMPTY = json.dumps(asdict(RowCounts()))


class Store:
    """The jobs in a database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = claims.LeaseObserver()
        self.webhooks = WebhookQueue(database)
        """The webhooks of ended jobs."""
        try:
            self._prepare()
        except BaseException:
            database.close()
            raise

    def _prepare(self) -> None:
        self._database.prepare(VERSION_TABLE)
        with self._reading() as execute:
            (found,) = execute("SELECT version FROM store", {})
        if found["version"] != VERSION:
            newer = found["version"] > VERSION
            raise ConfigError(
                f"the job store belongs to {'a newer' if newer else 'an older'} version of Glossator",
                found=f"store version {found['version']}",
                expected=f"store version {VERSION}",
                hint=f"{'Install' if newer else 'Finish its jobs with'} that version, or start with another --jobs "
                "folder or database.",
            )
        self._database.prepare(SCHEMA)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    # For clients.

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Store a job. Return it, and whether it is new.

        The same idempotency key with the same request returns the existing job; with another request it raises
        IdempotencyConflict.
        """
        row = {name: json.dumps(getattr(new, name)) if name in JSON_COLUMNS else getattr(new, name) for name in _NEW}
        host = None if new.webhook is None else host_of(new.webhook)
        with self._transaction() as execute:
            made = execute(
                f"""INSERT INTO jobs ({", ".join(_NEW)}, state, attempt, strikes, losses, beat, counts, created,
                expires, webhook_tries, webhook_host) VALUES ({", ".join(f":{name}" for name in _NEW)}, 'queued', 0, 0,
                0, 0, :counts, {self._now}, {self._now} + :keep_seconds, 0, :host)
                ON CONFLICT (owner, idempotency_key) DO NOTHING RETURNING *""",
                row | {"counts": _EMPTY, "host": host},
            )
            if made:
                claims.add_owner(execute, new.owner)
                return read_job(made[0]), True
            (there,) = execute(
                "SELECT * FROM jobs WHERE owner = :owner AND idempotency_key = :key",
                {"owner": new.owner, "key": new.idempotency_key},
            )
        if there["fingerprint"] != new.fingerprint:
            raise IdempotencyConflict(
                "this Idempotency-Key was used for another request",
                found=new.idempotency_key,
                expected="the same file and options, or a new key",
                hint=f"See the job: GET /v1/jobs/{there['id']}.",
            )
        return read_job(there), False

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """Return a job. Raises UnknownJob if it does not exist or has another owner."""
        with self._reading() as execute:
            return self._get(execute, job_id, owner)

    def page(
        self,
        owner: str | None = None,
        *,
        state: State | None = None,
        kind: str | None = None,
        limit: int = 20,
        after: str | None = None,
    ) -> Page:
        """Return jobs, newest first, that follow the job `after`."""
        where = {"owner": owner, "state": state, "kind": kind}
        given = {name: value for name, value in where.items() if value is not None}
        conditions = [f"{name} = :{name}" for name in given]
        if after is not None:
            conditions.append("(created, id) < (SELECT created, id FROM jobs WHERE id = :after)")
        with self._reading() as execute:
            rows = execute(
                f"""SELECT * FROM jobs {"WHERE" if conditions else ""} {" AND ".join(conditions)}
                ORDER BY created DESC, id DESC LIMIT :limit""",
                given | {"limit": limit + 1} | ({} if after is None else {"after": after}),
            )
        return Page([read_job(row) for row in rows[:limit]], len(rows) > limit)

    def cancel(self, job_id: str, owner: str | None = None) -> Job:
        """Cancel a job. Raises JobConflict if it has ended in another state."""
        with self._transaction() as execute:
            job = self._locked(execute, job_id, owner)
            if job.state in ("queued", "running"):
                return self._ended(execute, job_id, "cancelled")
        if job.state == "cancelled":
            return job
        raise JobConflict(
            "the job has already ended",
            found=job.state,
            expected="queued or running",
            hint="GET its /result, or DELETE the job.",
        )

    def retry(self, job_id: str, owner: str | None = None) -> tuple[Job, list[str]]:
        """Queue an ended job again; chunks without errors stay done. Return the job and the obsolete part files.

        Raises JobConflict if the job has not ended, or if every row is labelled.
        """
        with self._transaction() as execute:
            job = self._locked(execute, job_id, owner)
            if not job.ended:
                raise JobConflict(
                    "the job has not ended",
                    found=job.state,
                    expected="an ended job",
                    hint="Wait until it ends, or cancel it first.",
                )
            if job.state == "completed" and not job.counts.failed:
                raise JobConflict("every row of the job is labelled", found="no rows with an error")
            chunks = self._chunks(execute, job_id)
            again = [chunk for chunk in chunks if chunk.counts.failed]
            self._forget(execute, job_id, again)
            (row,) = execute(
                f"""UPDATE jobs SET state = 'queued', strikes = 0, losses = 0, loss = NULL, suspect = NULL,
                result = NULL, result_sha256 = NULL, result_bytes = NULL, error = NULL, finished = NULL,
                webhook_due = NULL, expires = {self._now} + keep_seconds WHERE id = :id RETURNING *""",
                {"id": job_id},
            )
            claims.add_owner(execute, job.owner)
        return read_job(row), [chunk.part for chunk in again]

    def delete(self, job_id: str, owner: str | None = None) -> None:
        """Delete a job; changes by running attempts are then rejected."""
        with self._transaction() as execute:
            self._locked(execute, job_id, owner)
            execute("DELETE FROM jobs WHERE id = :id", {"id": job_id})

    def chunks(self, job_id: str) -> list[Chunk]:
        """Return the finished chunks, in order."""
        with self._reading() as execute:
            return self._chunks(execute, job_id)

    # For workers.

    def claim(self, worker: str, digests: Sequence[str], lease: float) -> Job | None:
        """Claim a job for one of these bundles, of the owner whose turn it is. Returns None if there is no job.

        `strikes` counts attempts that ended without reporting.
        """
        self.recover()
        with self._transaction() as execute:
            found = claims.next_job(execute, digests, self._database.skip_locked)
            if found is None:
                return None
            job_id, owner = found
            (row,) = execute(
                f"""UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = :worker, beat = beat + 1,
                lease_seconds = :lease, started = COALESCE(started, {self._now}) WHERE id = :id RETURNING *""",
                {"id": job_id, "worker": worker, "lease": lease},
            )
            claims.end_turn(execute, owner, self._database.skip_locked)
        self._leases.saw(row["id"], row["attempt"], row["beat"])
        return read_job(row)

    def others_wait(self, owner: str, digests: Sequence[str]) -> bool:
        """Return whether a job of another owner waits for a worker with one of these bundles."""
        fits, names = claims.queued_for(digests)
        with self._reading() as execute:
            rows = execute(
                f"SELECT 1 AS waits FROM jobs WHERE owner <> :owner AND {fits} LIMIT 1", names | {"owner": owner}
            )
        return bool(rows)

    def renew(self, claim: Claim, lease: float) -> None:
        """Keep the claim for `lease` seconds from now. Raises StaleAttempt."""
        self._change(claim, "beat = beat + 1, lease_seconds = :lease", lease=lease)

    def suspect(self, claim: Claim, number: int) -> None:
        """Record the chunk that is about to start, to know where an attempt crashed. Raises StaleAttempt."""
        self._change(claim, "suspect = :number", number=number)

    def release(self, claim: Claim) -> None:
        """Return the job to the queue, for another worker to continue. Raises StaleAttempt."""
        self._change(claim, "state = 'queued', worker = NULL")

    def enter(self, claim: Claim, chunk: Chunk) -> None:
        """Record a chunk whose rows are on disk. Raises StaleAttempt."""
        with self._transaction() as execute:
            rows = execute(
                f"UPDATE jobs SET strikes = 0, suspect = NULL, beat = beat + 1 WHERE {_MINE} RETURNING counts",
                {"id": claim.id, "attempt": claim.attempt},
            )
            if not rows:
                raise _stale(claim)
            execute(
                """INSERT INTO chunks (job, number, part, sha256, counts)
                VALUES (:job, :number, :part, :sha256, :counts)""",
                {
                    "job": claim.id,
                    "number": chunk.number,
                    "part": chunk.part,
                    "sha256": chunk.sha256,
                    "counts": json.dumps(asdict(chunk.counts)),
                },
            )
            self._set_counts(execute, claim.id, [read_counts(rows[0]["counts"]), chunk.counts])

    def forget(self, claim: Claim, chunks: Sequence[Chunk]) -> None:
        """Remove chunks whose rows are missing or damaged. Raises StaleAttempt."""
        with self._transaction() as execute:
            if not execute(
                f"UPDATE jobs SET strikes = strikes WHERE {_MINE} RETURNING id",
                {"id": claim.id, "attempt": claim.attempt},
            ):
                raise _stale(claim)
            self._forget(execute, claim.id, chunks)

    def complete(self, claim: Claim, result: Result) -> Job:
        """End the job with its result. Raises StaleAttempt."""
        return self._end(claim, "completed", result=result.name, result_sha256=result.sha256, result_bytes=result.bytes)

    def fail(self, claim: Claim, error: Mapping[str, Any]) -> Job:
        """End the job with an error. Raises StaleAttempt."""
        return self._end(claim, "failed", error=json.dumps(error))

    # For the supervisor.

    def recover(self) -> int:
        """Return the jobs of silent workers to the queue. Return how many there were."""
        with self._reading() as execute:
            lost = self._leases.lost(claims.running_jobs(execute))
        if not lost:
            return 0
        with self._transaction() as execute:
            return sum(
                claims.return_to_queue(
                    execute,
                    "id = :id AND attempt = :attempt AND beat = :beat",
                    "its worker stopped answering",
                    {name: row[name] for name in ("id", "attempt", "beat")},
                    self._database.skip_locked,
                )
                for row in lost
            )

    def waiting(self, digests: Sequence[str]) -> int:
        """Return the number of jobs that wait for a worker with one of these bundles."""
        self.recover()
        fits, names = claims.queued_for(digests)
        with self._reading() as execute:
            (row,) = execute(f"SELECT count(*) AS waiting FROM jobs WHERE {fits}", names)
        return int(row["waiting"])

    def holds(self, claim: Claim) -> bool:
        """Return whether the attempt still has its job: it was not cancelled, deleted or taken by another attempt."""
        with self._reading() as execute:
            return bool(execute(f"SELECT id FROM jobs WHERE {_MINE}", {"id": claim.id, "attempt": claim.attempt}))

    def lapse(self, worker: str, loss: str = "its worker ended") -> int:
        """Return the jobs of a dead worker to the queue, with the reason. Return how many there were."""
        with self._transaction() as execute:
            return claims.return_to_queue(
                execute, "worker = :worker", loss, {"worker": worker}, self._database.skip_locked
            )

    def expire(self) -> tuple[list[str], list[str]]:
        """Fail expired queued jobs, delete expired ended jobs and files. Return the deleted ids of both."""
        error = {
            "code": "job-error",
            "message": "no worker with the job's model was available in time",
            "hint": "Start a server with that version of the model, then retry the job.",
        }
        with self._transaction() as execute:
            late = execute(
                f"SELECT id FROM jobs WHERE state = 'queued' AND expires < {self._now} {self._database.skip_locked}", {}
            )
            for row in late:
                self._ended(execute, row["id"], "failed", error=json.dumps(error))
            gone = execute(
                f"DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND expires < {self._now} RETURNING id", {}
            )
            execute(
                f"""DELETE FROM turns WHERE owner IN (SELECT owner FROM turns WHERE NOT EXISTS
                (SELECT 1 FROM jobs WHERE jobs.owner = turns.owner) {self._database.skip_locked})""",
                {},
            )
            files = execute(f"DELETE FROM files WHERE expires < {self._now} RETURNING id", {})
        return [row["id"] for row in gone], [row["id"] for row in files]

    def known(self, ids: Iterable[str]) -> set[str]:
        """Return the ids that belong to a job or a file in the store."""
        names = {f"id{index}": each for index, each in enumerate(ids)}
        if not names:
            return set()
        listed = ", ".join(f":{name}" for name in names)
        with self._reading() as execute:
            rows = execute(
                f"SELECT id FROM jobs WHERE id IN ({listed}) UNION SELECT id FROM files WHERE id IN ({listed})", names
            )
        return {row["id"] for row in rows}

    # Uploaded files for batches.

    def add_file(self, new: StoredFile) -> StoredFile:
        """Record a file whose bytes are on disk."""
        names = [each.name for each in fields(StoredFile) if each.name not in ("created", "expires")]
        with self._transaction() as execute:
            (row,) = execute(
                f"""INSERT INTO files ({", ".join(names)}, created, expires) VALUES
                ({", ".join(f":{name}" for name in names)}, {self._now}, {self._now} + :keep_seconds) RETURNING *""",
                {name: getattr(new, name) for name in names},
            )
        return StoredFile(**row)

    def files(self, owner: str) -> list[StoredFile]:
        """Return the files of an owner, newest first."""
        with self._reading() as execute:
            rows = execute("SELECT * FROM files WHERE owner = :owner ORDER BY created DESC, id DESC", {"owner": owner})
        return [StoredFile(**row) for row in rows]

    def file(self, file_id: str, owner: str) -> StoredFile:
        """Return a file. Raises UnknownJob if it does not exist or has another owner."""
        with self._reading() as execute:
            rows = execute("SELECT * FROM files WHERE id = :id AND owner = :owner", {"id": file_id, "owner": owner})
        if not rows:
            raise UnknownJob("unknown file", found=file_id)
        return StoredFile(**rows[0])

    def delete_file(self, file_id: str, owner: str) -> None:
        """Delete a file. Raises UnknownJob."""
        with self._transaction() as execute:
            gone = execute(
                "DELETE FROM files WHERE id = :id AND owner = :owner RETURNING id", {"id": file_id, "owner": owner}
            )
        if not gone:
            raise UnknownJob("unknown file", found=file_id)

    @property
    def _now(self) -> str:
        return self._database.now

    def _transaction(self) -> Any:
        return self._database.transaction()

    def _reading(self) -> Any:
        return self._database.transaction(reading=True)

    def _get(self, execute: Execute, job_id: str, owner: str | None, lock: str = "") -> Job:
        mine = "" if owner is None else "AND owner = :owner"
        rows = execute(
            f"SELECT * FROM jobs WHERE id = :id {mine} {lock}",
            {"id": job_id} | ({} if owner is None else {"owner": owner}),
        )
        if not rows:
            raise UnknownJob("unknown job", found=job_id, hint="List your jobs with GET /v1/jobs.")
        return read_job(rows[0])

    def _locked(self, execute: Execute, job_id: str, owner: str | None) -> Job:
        """Return a job and lock its row until the transaction ends."""
        return self._get(execute, job_id, owner, self._database.lock_row)

    def _change(self, claim: Claim, changes: str, **values: object) -> None:
        with self._transaction() as execute:
            if not execute(
                f"UPDATE jobs SET {changes} WHERE {_MINE} RETURNING id",
                {"id": claim.id, "attempt": claim.attempt} | values,
            ):
                raise _stale(claim)

    def _end(self, claim: Claim, state: State, **values: object) -> Job:
        with self._transaction() as execute:
            if not execute(
                f"UPDATE jobs SET strikes = 0 WHERE {_MINE} RETURNING id", {"id": claim.id, "attempt": claim.attempt}
            ):
                raise _stale(claim)
            return self._ended(execute, claim.id, state, **values)

    def _ended(self, execute: Execute, job_id: str, state: State, **values: object) -> Job:
        assert state in ENDED
        further = "".join(f"{name} = :{name}, " for name in values)
        (row,) = execute(
            f"""UPDATE jobs SET {further} state = '{state}', worker = NULL, finished = {self._now},
            expires = {self._now} + keep_seconds, webhook_tries = 0, webhook_set = {self._now},
            webhook_due = CASE WHEN webhook IS NULL THEN NULL ELSE {self._now} END WHERE id = :id RETURNING *""",
            {"id": job_id} | values,
        )
        return read_job(row)

    def _chunks(self, execute: Execute, job_id: str) -> list[Chunk]:
        rows = execute(
            "SELECT number, part, sha256, counts FROM chunks WHERE job = :id ORDER BY number", {"id": job_id}
        )
        return [Chunk(row["number"], row["part"], row["sha256"], read_counts(row["counts"])) for row in rows]

    def _forget(self, execute: Execute, job_id: str, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            execute("DELETE FROM chunks WHERE job = :id AND number = :number", {"id": job_id, "number": chunk.number})
        self._set_counts(execute, job_id, [chunk.counts for chunk in self._chunks(execute, job_id)])

    def _set_counts(self, execute: Execute, job_id: str, parts: Sequence[RowCounts]) -> None:
        execute("UPDATE jobs SET counts = :counts WHERE id = :id", {"id": job_id, "counts": sum_counts(parts)})


def _stale(claim: Claim) -> StaleAttempt:
    return StaleAttempt("the job was taken from this worker", found=f"attempt {claim.attempt} of {claim.id}")
