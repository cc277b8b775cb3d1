"""The store of feedback, in SQLite or PostgreSQL: what the callers of a model say about its answers.

Callers choose what they give feedback on, so it says nothing about how often a model is right: it is training data,
and a place to look. Nothing is changed in the store: newer feedback of the same reviewer on the same answer replaces
the older, taking it back is a row of its own. Only erasure removes rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from glossator.service.database.interface import Database, Execute
from glossator.service.database.tables import Tables, prepare_tables
from glossator.service.errors import IdempotencyConflict, UnknownFeedback
from glossator.service.tasks.offsets import OffsetUnit

LOCAL = "local"
"""The owner and reviewer of feedback that came without a key."""
MOST_PAGE_CHARACTERS = 16 << 20
REMEMBERED_SECONDS = 86_400.0
"""How long an Idempotency-Key is known."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
    number BIGINT PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, answer TEXT NOT NULL, model TEXT NOT NULL,
    digest TEXT, request TEXT, place BIGINT, sha256 TEXT NOT NULL, reviewer TEXT NOT NULL, owner TEXT NOT NULL,
    made DOUBLE PRECISION NOT NULL, content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS feedback_of_model ON feedback (model, number);
CREATE INDEX IF NOT EXISTS feedback_of_answer ON feedback (answer, number);
CREATE INDEX IF NOT EXISTS feedback_by_id ON feedback (id, number);
CREATE INDEX IF NOT EXISTS feedback_of_text ON feedback (sha256);
CREATE INDEX IF NOT EXISTS feedback_of_request ON feedback (request);
CREATE TABLE IF NOT EXISTS feedback_requests (
    owner TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL, results TEXT NOT NULL,
    made DOUBLE PRECISION NOT NULL, PRIMARY KEY (owner, idempotency_key)
);
"""
TABLES = Tables("store of feedback", version=1, version_table="feedback_store", schema=_SCHEMA)
_ID = re.compile(r"feedback_[0-9a-f]{24}")
_COUNTS = "kind = 'given' AND number = (SELECT MAX(later.number) FROM feedback later WHERE later.answer = given.answer)"
"""The row is the newest of its reviewer on its answer, and was not taken back."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one reviewer says about one answer, or about a text that has no answer in the log.

    Of an answer, `request` and `place` are those of its record in the prediction log; without one, they and `digest`
    are None. `gold`: the right `labels`, `entities` or `span` (None in it: the text contains no answer), as in
    `Review.gold`. Make it with `new_feedback`, which computes the id.
    """

    id: str
    model: str
    digest: str | None
    request: str | None
    place: int | None
    sha256: str
    text: str | None
    second: str | None
    correct: bool | None
    gold: Mapping[str, Any] | None
    comment: str | None
    reviewer: str
    made: float = 0.0
    """Seconds since 1970, by the clock of the store."""
    owner: str = LOCAL
    """The name of the key that gave it."""
    offset_unit: OffsetUnit = "codepoint"
    """The unit of the offsets in `gold` and `served`."""
    served: Mapping[str, Any] | None = None
    """The answer that was given, in the form of `gold`; None without one. It stays when the log drops the answer."""


class Change(NamedTuple):
    """One row of the history: feedback that was given, or taken back by `by`."""

    feedback: Feedback
    undone_by: str | None


class Remembered(NamedTuple):
    """A request with an Idempotency-Key."""

    owner: str
    key: str
    fingerprint: str
    """A hash of its body."""


def new_feedback(
    *,
    model: str,
    sha256: str,
    reviewer: str,
    digest: str | None = None,
    request: str | None = None,
    place: int | None = None,
    text: str | None = None,
    second: str | None = None,
    correct: bool | None = None,
    gold: Mapping[str, Any] | None = None,
    comment: str | None = None,
    owner: str = LOCAL,
    offset_unit: OffsetUnit = "codepoint",
    served: Mapping[str, Any] | None = None,
) -> Feedback:
    """Return feedback with its id: the same content has the same id."""
    content = [model, digest, request, place, sha256, reviewer, owner, correct, gold, comment, offset_unit]
    return Feedback(
        f"feedback_{_hash(content)[:24]}", model, digest, request, place, sha256, text, second, correct, gold, comment,
        reviewer, owner=owner, offset_unit=offset_unit, served=served,
    )  # fmt: skip


class FeedbackStore:
    """The feedback in a database. Thread-safe. Raises ConfigError for a store of another version."""

    def __init__(self, database: Database) -> None:
        self._database = database
        prepare_tables(database, TABLES)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def add(self, feedback: Feedback) -> bool:
        """Store feedback durably. Return False if it is known: it is what this reviewer said last about this answer."""
        return self.add_all([feedback])[0]

    def add_all(
        self,
        feedback: Sequence[Feedback],
        *,
        request: Remembered | None = None,
        results: Callable[[list[bool]], str] = json.dumps,
    ) -> list[bool]:
        """Store feedback, all or none. Return for each whether it is new.

        Args:
            feedback: The feedback, in order.
            request: The request that it came with, if it had an Idempotency-Key. `recall` knows it for a day.
            results: What to remember, from the returned values.

        Raises:
            IdempotencyConflict: The key of the request belongs to another request.
        """
        with self._writing() as execute:
            added = [self._add(execute, each) for each in feedback]
            if request is not None:
                execute(
                    f"DELETE FROM feedback_requests WHERE made < {self._database.now} - :seconds",
                    {"seconds": REMEMBERED_SECONDS},
                )
                if self._recall(execute, request) is None:
                    execute(
                        f"""INSERT INTO feedback_requests (owner, idempotency_key, fingerprint, results, made)
                        VALUES (:owner, :key, :fingerprint, :results, {self._database.now})""",
                        {**request._asdict(), "results": results(added)},
                    )
        return added

    def recall(self, request: Remembered) -> str | None:
        """Return the results of the request with this key; None if the key is new.

        Raises IdempotencyConflict if the key belongs to another request.
        """
        with self._database.transaction(reading=True) as execute:
            return self._recall(execute, request)

    def _recall(self, execute: Execute, request: Remembered) -> str | None:
        found = execute(
            f"""SELECT fingerprint, results FROM feedback_requests WHERE owner = :owner AND idempotency_key = :key
            AND made >= {self._database.now} - :seconds""",
            {"owner": request.owner, "key": request.key, "seconds": REMEMBERED_SECONDS},
        )
        if not found:
            return None
        if found[0]["fingerprint"] != request.fingerprint:
            raise IdempotencyConflict(
                "this Idempotency-Key was used for another request",
                found=request.key,
                expected="the same body, or a new key",
            )
        results: str = found[0]["results"]
        return results

    def feedback(self, model: str | None, digest: str | None = None) -> list[Feedback]:
        """Return the feedback that counts, the oldest first: the newest of each reviewer on each answer.

        Args:
            model: The name of the model; None: all models.
            digest: Only feedback on answers of this version: its digest, or how that begins.
        """
        of_model = "" if model is None else "model = :model AND"
        with self._database.transaction(reading=True) as execute:
            rows = execute(
                f"SELECT * FROM feedback given WHERE {of_model} {_COUNTS} ORDER BY number",
                {} if model is None else {"model": model},
            )
        return [_feedback(row) for row in rows if digest is None or (row["digest"] or "").startswith(digest)]

    def history(self, model: str | None = None) -> list[Change]:
        """Return all that was ever given or taken back and not erased, the oldest first."""
        where = "" if model is None else "WHERE model = :model"
        with self._database.transaction(reading=True) as execute:
            rows = execute(f"SELECT * FROM feedback {where} ORDER BY number", {} if model is None else {"model": model})
        return [Change(_feedback(row), row["reviewer"] if row["kind"] == "undone" else None) for row in rows]

    def page(
        self, model: str | None = None, *, owner: str | None = None, limit: int = 20, after: str | None = None
    ) -> tuple[list[Feedback], bool]:
        """Return the feedback that counts, the newest first, and whether there is more.

        A page has at most `limit` rows, and about `MOST_PAGE_CHARACTERS`.

        Args:
            model: Only feedback on this model.
            owner: Only feedback of this key.
            limit: The largest number of rows.
            after: The id of the last feedback of the page before.

        Raises:
            UnknownFeedback: There is no feedback `after`.
        """
        where = {name: value for name, value in (("model", model), ("owner", owner)) if value is not None}
        conditions = [_COUNTS, *(f"{name} = :{name}" for name in where)]
        with self._database.transaction(reading=True) as execute:
            before: dict[str, object] = {}
            if after is not None:
                before["before"] = self._newest(execute, after, owner)["number"]
                conditions.append("number < :before")
            sizes = execute(
                f"""SELECT number, LENGTH(content) AS size FROM feedback given WHERE {" AND ".join(conditions)}
                ORDER BY number DESC LIMIT :limit""",
                {**where, **before, "limit": limit + 1},
            )
            characters = list(accumulate(row["size"] for row in sizes))
            count = min(limit, len(sizes), 1 + bisect_right(characters, MOST_PAGE_CHARACTERS))
            rows = [execute("SELECT * FROM feedback WHERE number = :number", each)[0] for each in sizes[:count]]
        return [_feedback(row) for row in rows], len(sizes) > count

    def undo(self, feedback_id: str, by: str, *, owner: str | None = None) -> bool:
        """Take feedback back: its reviewer then says nothing about its answer. Return False if it did not count.

        Raises UnknownFeedback if there is none with this id, or if it has another owner.
        """
        with self._writing() as execute:
            row = self._newest(execute, feedback_id, owner)
            counts = execute(
                f"SELECT number FROM feedback given WHERE number = :number AND {_COUNTS}", {"number": row["number"]}
            )
            if counts:
                self._insert(execute, row | {"kind": "undone", "reviewer": by})
        return bool(counts)

    def erase(self, *, text_hashes: Collection[str] = (), requests: Collection[str] = ()) -> int:
        """Remove all feedback on these texts and requests for good. Return how many rows. Repeating it is safe."""
        erased = 0
        with self._writing() as execute:
            for column, values in (("sha256", text_hashes), ("request", requests)):
                for value in filter(str.isprintable, values):  # no id has other characters
                    erased += len(
                        execute(f"DELETE FROM feedback WHERE {column} = :value RETURNING number", {"value": value})
                    )
            if erased:
                execute("DELETE FROM feedback_requests", {})  # their results may quote what was erased
        self._database.clear_deleted()
        return erased

    @contextmanager
    def _writing(self) -> Iterator[Execute]:
        """A transaction in which nobody else writes feedback, so that rows are numbered in the order of their time."""
        with self._database.transaction() as execute:
            execute(f"SELECT version FROM {TABLES.version_table} {self._database.lock_row}", {})
            yield execute

    def _add(self, execute: Execute, feedback: Feedback) -> bool:
        row = _row(feedback)
        newest = execute(
            "SELECT kind, id FROM feedback WHERE answer = :answer ORDER BY number DESC LIMIT 1",
            {"answer": row["answer"]},
        )
        if newest and newest[0] == {"kind": "given", "id": feedback.id}:
            return False
        self._insert(execute, row)
        return True

    def _insert(self, execute: Execute, row: Mapping[str, Any]) -> None:
        execute(
            f"""INSERT INTO feedback (number, kind, id, answer, model, digest, request, place, sha256, reviewer, owner,
            made, content) SELECT COALESCE(MAX(number), 0) + 1, :kind, :id, :answer, :model, :digest, :request,
            CAST(:place AS BIGINT),
            :sha256, :reviewer, :owner, {self._database.now}, :content FROM feedback""",
            {name: value for name, value in row.items() if name not in ("number", "made")},
        )

    def _newest(self, execute: Execute, feedback_id: str, owner: str | None) -> dict[str, Any]:
        """Return the newest row in which feedback was given."""
        of_owner = "" if owner is None else "AND owner = :owner"
        rows = []
        if _ID.fullmatch(feedback_id):  # PostgreSQL refuses some characters
            rows = execute(
                f"SELECT * FROM feedback WHERE id = :id AND kind = 'given' {of_owner} ORDER BY number DESC LIMIT 1",
                {"id": feedback_id} | ({} if owner is None else {"owner": owner}),
            )
        if not rows:
            raise UnknownFeedback(
                "no feedback has this id",
                found=feedback_id,
                hint="GET /v1/feedback and glossator feedback list list it.",
            )
        return rows[0]


def _row(feedback: Feedback) -> dict[str, Any]:
    of_answer = (feedback.model, feedback.digest, feedback.request, feedback.place, feedback.sha256)
    content = {
        "text": feedback.text,
        "second": feedback.second,
        "correct": feedback.correct,
        "gold": feedback.gold,
        "comment": feedback.comment,
        "offset_unit": feedback.offset_unit,
        "served": feedback.served,
    }
    return {
        "kind": "given",
        "id": feedback.id,
        "answer": _hash([*of_answer, feedback.reviewer, feedback.owner]),
        "model": feedback.model,
        "digest": feedback.digest,
        "request": feedback.request,
        "place": feedback.place,
        "sha256": feedback.sha256,
        "reviewer": feedback.reviewer,
        "owner": feedback.owner,
        # In ASCII: neither database stores lone surrogates, and PostgreSQL no zero bytes.
        "content": json.dumps(content, ensure_ascii=True, separators=(",", ":")),
    }


def _feedback(row: Mapping[str, Any]) -> Feedback:
    columns = ("id", "model", "digest", "request", "place", "sha256", "reviewer", "owner", "made")
    return Feedback(**{name: row[name] for name in columns}, **json.loads(row["content"]))


def _hash(content: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()
