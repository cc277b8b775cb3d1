"""The jobs, in a database: accepted, claimed, entered chunk by chunk, ended; each change a transaction that lasts.

A claim bumps `attempt`, and whatever an attempt then changes names it: where another has begun meanwhile, or the job
was cancelled or deleted, StaleAttempt is raised and nothing changes (a fencing token, Kleppmann 2016). A claim holds
for a lease on the store's clock; it is renewed while the worker lives, and a job whose lease has passed may be claimed
again. The statements are the same for SQLite and PostgreSQL.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from glossator.service.errors import ConfigError, IdempotencyConflict, JobConflict, StaleAttempt, UnknownJob
from glossator.service.jobs.database import Database, Execute
from glossator.service.jobs.records import ENDED, Chunk, Delivery, Job, NewJob, Page, Result, State, StoredFile
from glossator.service.labelling.summary import RowCounts

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (version INTEGER NOT NULL);
INSERT INTO store (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM store);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, digest TEXT NOT NULL,
    options TEXT NOT NULL, settings TEXT NOT NULL, filename TEXT NOT NULL, input TEXT NOT NULL,
    input_sha256 TEXT NOT NULL, input_bytes BIGINT NOT NULL, estimated_rows BIGINT,
    keep_seconds DOUBLE PRECISION NOT NULL, idempotency_key TEXT, fingerprint TEXT NOT NULL, webhook TEXT,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, strikes INTEGER NOT NULL, suspect INTEGER, worker TEXT,
    lease DOUBLE PRECISION, counts TEXT NOT NULL, result TEXT, result_sha256 TEXT, result_bytes BIGINT, error TEXT,
    created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, finished DOUBLE PRECISION,
    expires DOUBLE PRECISION NOT NULL, webhook_tries INTEGER NOT NULL, webhook_due DOUBLE PRECISION,
    UNIQUE (owner, idempotency_key)
);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (state, created, id);
CREATE INDEX IF NOT EXISTS jobs_owned ON jobs (owner, created);
CREATE TABLE IF NOT EXISTS chunks (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL, part TEXT NOT NULL,
    sha256 TEXT NOT NULL, counts TEXT NOT NULL, PRIMARY KEY (job, number)
);
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL, keep_seconds DOUBLE PRECISION NOT NULL, created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL
);
"""
_NEW = tuple(each.name for each in fields(NewJob))
_JSON = ("options", "settings")
_MINE = "id = :id AND attempt = :attempt AND state = 'running'"
_EMPTY = json.dumps(asdict(RowCounts()))


class Store:
    """The jobs of a database. Threads may share one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        try:
            self._prepare()
        except BaseException:
            database.close()
            raise

    def _prepare(self) -> None:
        self._database.prepare(_SCHEMA)
        with self._reading() as execute:
            (found,) = execute("SELECT version FROM store", {})
        if found["version"] != VERSION:
            raise ConfigError(
                "the store of the jobs was made by another version", found=found["version"], expected=str(VERSION),
                hint="Let its jobs end with that version, and begin with a new store.",
            )  # fmt: skip

    def close(self) -> None:
        """Ends the connections."""
        self._database.close()

    # What those who ask do.

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """The job, and whether it is a new one: a key that comes again with the same request gives the job that is
        there. Raises IdempotencyConflict where it comes with another one."""
        row = {name: json.dumps(getattr(new, name)) if name in _JSON else getattr(new, name) for name in _NEW}
        with self._transaction() as execute:
            made = execute(
                f"""INSERT INTO jobs ({", ".join(_NEW)}, state, attempt, strikes, counts, created, expires,
                webhook_tries) VALUES ({", ".join(f":{name}" for name in _NEW)}, 'queued', 0, 0, :counts, {self._now},
                {self._now} + :keep_seconds, 0) ON CONFLICT (owner, idempotency_key) DO NOTHING RETURNING *""",
                row | {"counts": _EMPTY},
            )
            if made:
                return _job(made[0]), True
            (there,) = execute(
                "SELECT * FROM jobs WHERE owner = :owner AND idempotency_key = :key",
                {"owner": new.owner, "key": new.idempotency_key},
            )
        if there["fingerprint"] != new.fingerprint:
            raise IdempotencyConflict(
                "this Idempotency-Key was used for another request", found=new.idempotency_key,
                expected="the same file and options, or a new key", hint=f"GET /v1/jobs/{there['id']} has the job.",
            )  # fmt: skip
        return _job(there), False

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """The job; raises UnknownJob where there is none, or it is another's."""
        with self._reading() as execute:
            return self._get(execute, job_id, owner)

    def page(
        self, owner: str | None = None, *, state: State | None = None, kind: str | None = None, limit: int = 20,
        after: str | None = None,
    ) -> Page:  # fmt: skip
        """Jobs, the newest first, after the one named `after`."""
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
        return Page([_job(row) for row in rows[:limit]], len(rows) > limit)

    def cancel(self, job_id: str, owner: str | None = None) -> Job:
        """The job, cancelled unless it had ended otherwise, which raises JobConflict."""
        with self._transaction() as execute:
            job = self._locked(execute, job_id, owner)
            if job.state in ("queued", "running"):
                return self._ended(execute, job_id, "cancelled")
        if job.state == "cancelled":
            return job
        raise JobConflict(
            "the job has ended already", found=job.state, expected="queued or running",
            hint="Its result is at /result; DELETE removes it.",
        )  # fmt: skip

    def retry(self, job_id: str, owner: str | None = None) -> tuple[Job, list[str]]:
        """The job, queued again: what it had done without an error stays done. Also the parts that are of no use now.
        Raises JobConflict while it has not ended, or where every row is labelled."""
        with self._transaction() as execute:
            job = self._locked(execute, job_id, owner)
            if not job.ended:
                raise JobConflict(
                    "the job has not ended", found=job.state, expected="a job that has",
                    hint="Wait for its end, or cancel it first.",
                )  # fmt: skip
            if job.state == "completed" and not job.counts.failed:
                raise JobConflict("every row of the job is labelled", found="no rows with an error")
            chunks = self._chunks(execute, job_id)
            again = [chunk for chunk in chunks if chunk.counts.failed]
            self._forget(execute, job_id, again)
            (row,) = execute(
                f"""UPDATE jobs SET state = 'queued', strikes = 0, suspect = NULL, result = NULL, result_sha256 = NULL,
                result_bytes = NULL, error = NULL, finished = NULL, expires = {self._now} + keep_seconds
                WHERE id = :id RETURNING *""",
                {"id": job_id},
            )
        return _job(row), [chunk.part for chunk in again]

    def delete(self, job_id: str, owner: str | None = None) -> None:
        """Forgets a job; an attempt at it is refused from then on."""
        with self._transaction() as execute:
            self._locked(execute, job_id, owner)
            execute("DELETE FROM jobs WHERE id = :id", {"id": job_id})

    def chunks(self, job_id: str) -> list[Chunk]:
        """The chunks that are done, in order."""
        with self._reading() as execute:
            return self._chunks(execute, job_id)

    # What workers do.

    def claim(self, worker: str, digests: Sequence[str], lease: float) -> Job | None:
        """A job whose lease has passed, else the oldest that waits, of those that one of these bundles answers, for
        `lease` seconds; None where there is none. `strikes` counts the attempts that were given up without a word."""
        names = {f"digest{index}": digest for index, digest in enumerate(digests)}

        def oldest(state: str) -> str:  # in the order of an index: with one OR for both, all that wait would be sorted
            return f"""(SELECT id FROM jobs WHERE state = {state} AND digest IN ({", ".join(f":{n}" for n in names)})
                ORDER BY created, id LIMIT 1 {self._database.skip_locked})"""

        with self._transaction() as execute:
            rows = execute(
                f"""UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = :worker,
                strikes = CASE WHEN state = 'running' THEN strikes + 1 ELSE strikes END,
                lease = {self._now} + :lease, started = COALESCE(started, {self._now})
                WHERE id = COALESCE({oldest(f"'running' AND lease < {self._now}")}, {oldest("'queued'")})
                RETURNING *""",
                names | {"worker": worker, "lease": lease},
            )
        return _job(rows[0]) if rows else None

    def renew(self, claim: Job, lease: float) -> None:
        """Holds the claim for `lease` seconds from now on; raises StaleAttempt."""
        self._change(claim, f"lease = {self._now} + :lease", lease=lease)

    def suspect(self, claim: Job, number: int) -> None:
        """Notes the chunk that is begun, so that it is known where an attempt breaks off; raises StaleAttempt."""
        self._change(claim, "suspect = :number", number=number)

    def release(self, claim: Job) -> None:
        """Gives the job back, for another worker to go on with; raises StaleAttempt."""
        self._change(claim, "state = 'queued', worker = NULL")

    def enter(self, claim: Job, chunk: Chunk) -> None:
        """Enters a chunk whose rows are on disk; raises StaleAttempt."""
        with self._transaction() as execute:
            rows = execute(
                f"UPDATE jobs SET strikes = 0, suspect = NULL WHERE {_MINE} RETURNING counts",
                {"id": claim.id, "attempt": claim.attempt},
            )
            if not rows:
                raise _stale(claim)
            execute(
                """INSERT INTO chunks (job, number, part, sha256, counts)
                VALUES (:job, :number, :part, :sha256, :counts)""",
                {"job": claim.id, "number": chunk.number, "part": chunk.part, "sha256": chunk.sha256,
                 "counts": json.dumps(asdict(chunk.counts))},
            )  # fmt: skip
            self._set_counts(execute, claim.id, [_counts(rows[0]["counts"]), chunk.counts])

    def forget(self, claim: Job, chunks: Sequence[Chunk]) -> None:
        """Takes back chunks whose rows cannot be read any more; raises StaleAttempt."""
        with self._transaction() as execute:
            if not execute(
                f"UPDATE jobs SET strikes = strikes WHERE {_MINE} RETURNING id",
                {"id": claim.id, "attempt": claim.attempt},
            ):
                raise _stale(claim)
            self._forget(execute, claim.id, chunks)

    def complete(self, claim: Job, result: Result) -> Job:
        """Ends the job with its result; raises StaleAttempt."""
        return self._end(claim, "completed", result=result.name, result_sha256=result.sha256, result_bytes=result.bytes)

    def fail(self, claim: Job, error: Mapping[str, Any]) -> Job:
        """Ends the job with an error; raises StaleAttempt."""
        return self._end(claim, "failed", error=json.dumps(error))

    # What the supervisor does.

    def waiting(self, digests: Sequence[str]) -> int:
        """How many jobs wait for a worker that has one of these bundles."""
        names = {f"digest{index}": digest for index, digest in enumerate(digests)}
        with self._reading() as execute:
            (row,) = execute(
                f"""SELECT count(*) AS waiting FROM jobs WHERE (state = 'queued' OR (state = 'running' AND
                lease < {self._now})) AND digest IN ({", ".join(f":{name}" for name in names)})""",
                names,
            )
        return int(row["waiting"])

    def lapse(self, worker: str) -> int:
        """Ends the leases of a worker that is known to be dead; how many there were."""
        with self._transaction() as execute:
            rows = execute(
                "UPDATE jobs SET lease = 0 WHERE worker = :worker AND state = 'running' AND lease > 0 RETURNING id",
                {"worker": worker},
            )
        return len(rows)

    def expire(self) -> tuple[list[str], list[str]]:
        """Fails the jobs that no worker came for, and forgets those that ended long ago; the ids of the jobs and of the
        files that are forgotten."""
        error = {
            "code": "job-error", "message": "no worker that has the job's model came for it in time",
            "hint": "Start a server with that version of the model, and retry the job.",
        }  # fmt: skip
        with self._transaction() as execute:
            late = execute(
                f"SELECT id FROM jobs WHERE state = 'queued' AND expires < {self._now} {self._database.skip_locked}", {}
            )
            for row in late:
                self._ended(execute, row["id"], "failed", error=json.dumps(error))
            gone = execute(
                f"DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND expires < {self._now} RETURNING id", {}
            )
            files = execute(f"DELETE FROM files WHERE expires < {self._now} RETURNING id", {})
        return [row["id"] for row in gone], [row["id"] for row in files]

    def due(self, patience: float) -> Delivery | None:
        """A webhook that is due, if any; it is due again in `patience` seconds unless `later` says otherwise."""
        with self._transaction() as execute:
            rows = execute(
                f"""UPDATE jobs SET webhook_tries = webhook_tries + 1, webhook_due = {self._now} + :patience
                WHERE id = (SELECT id FROM jobs WHERE webhook_due < {self._now} LIMIT 1 {self._database.skip_locked})
                RETURNING *""",
                {"patience": patience},
            )
        return Delivery(_job(rows[0]), rows[0]["webhook_tries"] - 1) if rows else None

    def later(self, job_id: str, seconds: float | None) -> None:
        """Puts a webhook off; None where it has been delivered or is given up."""
        due = "NULL" if seconds is None else f"{self._now} + :seconds"
        with self._transaction() as execute:
            execute(
                f"UPDATE jobs SET webhook_due = {due} WHERE id = :id",
                {"id": job_id} | ({} if seconds is None else {"seconds": seconds}),
            )

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of some ids that a job or a file of the store has."""
        names = {f"id{index}": each for index, each in enumerate(ids)}
        if not names:
            return set()
        listed = ", ".join(f":{name}" for name in names)
        with self._reading() as execute:
            rows = execute(
                f"SELECT id FROM jobs WHERE id IN ({listed}) UNION SELECT id FROM files WHERE id IN ({listed})", names
            )
        return {row["id"] for row in rows}

    # Files that wait to become batches.

    def add_file(self, new: StoredFile) -> StoredFile:
        """Notes a file whose bytes are on disk."""
        names = [each.name for each in fields(StoredFile) if each.name not in ("created", "expires")]
        with self._transaction() as execute:
            (row,) = execute(
                f"""INSERT INTO files ({", ".join(names)}, created, expires) VALUES
                ({", ".join(f":{name}" for name in names)}, {self._now}, {self._now} + :keep_seconds) RETURNING *""",
                {name: getattr(new, name) for name in names},
            )
        return StoredFile(**row)

    def files(self, owner: str) -> list[StoredFile]:
        """The files of an owner, the newest first."""
        with self._reading() as execute:
            rows = execute("SELECT * FROM files WHERE owner = :owner ORDER BY created DESC, id DESC", {"owner": owner})
        return [StoredFile(**row) for row in rows]

    def file(self, file_id: str, owner: str) -> StoredFile:
        """The file; raises UnknownJob where there is none, or it is another's."""
        with self._reading() as execute:
            rows = execute("SELECT * FROM files WHERE id = :id AND owner = :owner", {"id": file_id, "owner": owner})
        if not rows:
            raise UnknownJob("there is no file of this id", found=file_id)
        return StoredFile(**rows[0])

    def delete_file(self, file_id: str, owner: str) -> None:
        """Forgets a file; raises UnknownJob."""
        with self._transaction() as execute:
            gone = execute(
                "DELETE FROM files WHERE id = :id AND owner = :owner RETURNING id", {"id": file_id, "owner": owner}
            )
        if not gone:
            raise UnknownJob("there is no file of this id", found=file_id)

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
            raise UnknownJob("there is no job of this id", found=job_id, hint="GET /v1/jobs lists them.")
        return _job(rows[0])

    def _locked(self, execute: Execute, job_id: str, owner: str | None) -> Job:
        """The job, which nobody else changes before the transaction ends."""
        return self._get(execute, job_id, owner, self._database.skip_locked.removesuffix("SKIP LOCKED"))

    def _change(self, claim: Job, changes: str, **values: object) -> None:
        with self._transaction() as execute:
            if not execute(
                f"UPDATE jobs SET {changes} WHERE {_MINE} RETURNING id",
                {"id": claim.id, "attempt": claim.attempt} | values,
            ):
                raise _stale(claim)

    def _end(self, claim: Job, state: State, **values: object) -> Job:
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
            expires = {self._now} + keep_seconds, webhook_tries = 0,
            webhook_due = CASE WHEN webhook IS NULL THEN NULL ELSE {self._now} END WHERE id = :id RETURNING *""",
            {"id": job_id} | values,
        )
        return _job(row)

    def _chunks(self, execute: Execute, job_id: str) -> list[Chunk]:
        rows = execute(
            "SELECT number, part, sha256, counts FROM chunks WHERE job = :id ORDER BY number", {"id": job_id}
        )
        return [Chunk(row["number"], row["part"], row["sha256"], _counts(row["counts"])) for row in rows]

    def _forget(self, execute: Execute, job_id: str, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            execute("DELETE FROM chunks WHERE job = :id AND number = :number", {"id": job_id, "number": chunk.number})
        self._set_counts(execute, job_id, [chunk.counts for chunk in self._chunks(execute, job_id)])

    def _set_counts(self, execute: Execute, job_id: str, parts: Sequence[RowCounts]) -> None:
        execute("UPDATE jobs SET counts = :counts WHERE id = :id", {"id": job_id, "counts": _summed(parts)})


def _summed(parts: Sequence[RowCounts]) -> str:
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    numbers = {name: sum(getattr(part, name) for part in parts) for name in ("rows", "tokens", "windows", "truncated")}
    return json.dumps(numbers | {"errors": dict(errors)})


def _counts(stored: str) -> RowCounts:
    return RowCounts(**json.loads(stored))


def _job(row: Mapping[str, Any]) -> Job:
    known = {each.name: row[each.name] for each in fields(Job)}
    known |= {name: json.loads(row[name]) for name in _JSON}
    known |= {"counts": _counts(row["counts"]), "error": None if row["error"] is None else json.loads(row["error"])}
    return Job(**known)


def _stale(claim: Job) -> StaleAttempt:
    return StaleAttempt("the job is no longer this worker's", found=f"attempt {claim.attempt} of {claim.id}")
