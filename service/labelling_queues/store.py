"""The store of labelling queues, in the database of the reviews: SQLite or PostgreSQL.

What reviewers say is never changed: a new answer and an undo are new rows, and `is_current` marks those that count.
Only whether an answer is what was suggested is corrected if the suggestion comes later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from glossator.service.database.interface import Database, Execute
from glossator.service.database.tables import Tables, prepare_tables
from glossator.service.errors import UnknownItem, UnknownQueue
from glossator.service.labelling_queues.records import Counts, LabellingQueue, Row, Suggestion, same_answer
from glossator.service.reviews.accuracy.counting import Answers, spread_evenly
from glossator.service.reviews.records import UNDONE, HistoryRow, Review, Role
from glossator.service.reviews.stored_rows import history_row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS labelling_queues (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, kind TEXT NOT NULL, labels TEXT NOT NULL, new_labels BIGINT NOT NULL,
    text_column TEXT NOT NULL, second_column TEXT, model TEXT, zero_shot BIGINT NOT NULL,
    reviewers DOUBLE PRECISION NOT NULL, owner TEXT NOT NULL, rows BIGINT NOT NULL, usable BIGINT NOT NULL,
    created DOUBLE PRECISION NOT NULL
);
CREATE TABLE IF NOT EXISTS labelling_rows (
    queue TEXT NOT NULL REFERENCES labelling_queues (id), number BIGINT NOT NULL, content TEXT NOT NULL,
    suggestion TEXT, wanted BIGINT NOT NULL, missing BIGINT NOT NULL,
    PRIMARY KEY (queue, number)
);
CREATE INDEX IF NOT EXISTS labelling_rows_waiting ON labelling_rows (queue, number) WHERE missing > 0;
CREATE TABLE IF NOT EXISTS labelling_answers (
    queue TEXT NOT NULL REFERENCES labelling_queues (id), item BIGINT NOT NULL, number BIGINT NOT NULL,
    verdict TEXT NOT NULL, reviewer TEXT NOT NULL, role TEXT NOT NULL, gold TEXT, comment TEXT,
    seconds DOUBLE PRECISION, author TEXT NOT NULL, made DOUBLE PRECISION NOT NULL, is_current BIGINT NOT NULL,
    PRIMARY KEY (queue, item, number)
);
CREATE INDEX IF NOT EXISTS labelling_answers_current ON labelling_answers (queue, item) WHERE is_current = 1;
CREATE TABLE IF NOT EXISTS labelling_leases (
    queue TEXT NOT NULL REFERENCES labelling_queues (id), item BIGINT NOT NULL, reviewer TEXT NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (queue, item, reviewer)
);
"""
TABLES = Tables("store of labelling queues", version=1, version_table="labelling_store", schema=_SCHEMA)
_CONTENT = ("line", "text", "second", "fields", "note", "error")
_PAGE = 500


class LabellingStore:
    """The queues in a database. Thread-safe. Raises ConfigError for a store of another version."""

    def __init__(self, database: Database) -> None:
        self._database = database
        prepare_tables(database, TABLES)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    # Queues and their rows

    def add_queue(self, queue: LabellingQueue, rows: Sequence[Row]) -> LabellingQueue:
        """Store a queue with its rows, all or nothing."""
        usable = [row.number for row in rows if row.error is None]
        each = int(queue.reviewers)
        one_more = spread_evenly(usable, queue.reviewers - each, Random(queue.id).random())
        parameters: dict[str, Any] = {
            "id": queue.id,
            "title": queue.title,
            "kind": queue.kind,
            "labels": json.dumps(queue.labels),
            "new_labels": int(queue.new_labels),
            "text_column": queue.text_column,
            "second_column": queue.second_column,
            "model": queue.model,
            "zero_shot": int(queue.zero_shot),
            "reviewers": queue.reviewers,
            "owner": queue.owner,
            "rows": len(rows),
            "usable": len(usable),
        }
        with self._database.transaction() as execute:
            execute(
                f"""INSERT INTO labelling_queues (id, title, kind, labels, new_labels, text_column, second_column,
                model, zero_shot, reviewers, owner, rows, usable, created)
                VALUES (:id, :title, :kind, :labels, :new_labels, :text_column, CAST(:second_column AS TEXT),
                CAST(:model AS TEXT), :zero_shot, :reviewers, :owner, :rows, :usable, {self._database.now})""",
                parameters,
            )
            for row in rows:
                wanted = 0 if row.error is not None else each + (row.number in one_more)
                execute(
                    """INSERT INTO labelling_rows (queue, number, content, suggestion, wanted, missing)
                    VALUES (:queue, :number, :content, CAST(:suggestion AS TEXT), :wanted, :wanted)""",
                    {
                        "queue": queue.id,
                        "number": row.number,
                        # ASCII: the database need not store NUL characters, or halves of surrogate pairs
                        "content": json.dumps({name: getattr(row, name) for name in _CONTENT}, default=str),
                        "suggestion": None if row.suggestion is None else json.dumps(row.suggestion),
                        "wanted": wanted,
                    },
                )
            return self._queue(execute, queue.id)

    def queue(self, queue: str) -> LabellingQueue:
        """Return a queue. Raises UnknownQueue."""
        with self._database.transaction(reading=True) as execute:
            return self._queue(execute, queue)

    def queues(self) -> list[LabellingQueue]:
        """Return all queues, the newest first."""
        with self._database.transaction(reading=True) as execute:
            return [_queue(row) for row in execute("SELECT * FROM labelling_queues ORDER BY created DESC, id", {})]

    def rows(self, queue: str, numbers: Sequence[int]) -> list[Row]:
        """Return rows by their numbers. Raises UnknownItem."""
        with self._database.transaction(reading=True) as execute:
            return [self._row(execute, queue, number) for number in numbers]

    def page(self, queue: str, begin: int, count: int = _PAGE) -> list[Row]:
        """Return the rows from a number on."""
        with self._database.transaction(reading=True) as execute:
            found = execute(
                """SELECT * FROM labelling_rows WHERE queue = :queue AND number >= :begin AND number < :end
                ORDER BY number""",
                {"queue": queue, "begin": begin, "end": begin + count},
            )
        return list(map(_row, found))

    def suggest(self, queue: str, suggestions: Mapping[int, Suggestion]) -> None:
        """Store suggestions for rows by number. A row that has one keeps it: reviewers have seen it.

        Answers that came before a suggestion accept it if they say the same.
        """
        with self._database.transaction() as execute:
            self._lock(execute, queue)
            for number, suggestion in suggestions.items():
                execute(
                    """UPDATE labelling_rows SET suggestion = :suggestion
                    WHERE queue = :queue AND number = :number AND suggestion IS NULL""",
                    {"queue": queue, "number": number, "suggestion": json.dumps(suggestion)},
                )
                self._accept(execute, queue, self._row(execute, queue, number))

    def delete(self, queue: str) -> None:
        """Remove a queue with everything that was said about it. Raises UnknownQueue."""
        with self._database.transaction() as execute:
            self._queue(execute, queue)
            self._lock(execute, queue)
            for table in ("labelling_leases", "labelling_answers", "labelling_rows"):
                execute(f"DELETE FROM {table} WHERE queue = :queue", {"queue": queue})
            execute("DELETE FROM labelling_queues WHERE id = :queue", {"queue": queue})
        self._database.clear_deleted()

    # What reviewers do

    def take(self, queue: str, reviewer: str, count: int, seconds: float) -> list[Row]:
        """Return the next rows for a reviewer, and lease them: others do not get them for that many seconds.

        Asking again before answering returns the same rows. Raises UnknownQueue.
        """
        with self._database.transaction() as execute:
            self._queue(execute, queue)
            self._lock(execute, queue)
            found = execute(
                f"""SELECT * FROM labelling_rows AS waiting WHERE queue = :queue AND missing > 0
                AND NOT EXISTS (SELECT 1 FROM labelling_answers AS answer WHERE answer.queue = :queue
                    AND answer.item = waiting.number AND answer.is_current = 1 AND answer.reviewer = :reviewer)
                AND (SELECT COUNT(*) FROM labelling_leases AS lease WHERE lease.queue = :queue
                    AND lease.item = waiting.number AND lease.reviewer <> :reviewer
                    AND lease.expires > {self._database.now}) < missing
                ORDER BY number LIMIT :count""",
                {"queue": queue, "reviewer": reviewer, "count": count},
            )
            for row in found:
                execute(
                    f"""INSERT INTO labelling_leases (queue, item, reviewer, expires)
                    VALUES (:queue, :item, :reviewer, {self._database.now} + :seconds)
                    ON CONFLICT (queue, item, reviewer) DO UPDATE SET expires = excluded.expires""",
                    {"queue": queue, "item": row["number"], "reviewer": reviewer, "seconds": float(seconds)},
                )
        return list(map(_row, found))

    def add(self, queue: str, reviews: Sequence[Review], *, author: str) -> list[bool]:
        """Store answers, all or none. Return for each whether it says something new: repeating it changes nothing.

        An answer replaces what the same reviewer said about the row before. Raises UnknownQueue and UnknownItem.
        """
        added = []
        with self._database.transaction() as execute:
            self._queue(execute, queue)
            self._lock(execute, queue)
            for review in reviews:
                self._row(execute, queue, review.item)
                known = self._current(execute, queue, review.item, review.reviewer, review.role)
                added.append(known is None or _content(known) != _content(review))
                if added[-1]:
                    self._insert(execute, queue, review, author, undone=False)
                    execute(
                        "DELETE FROM labelling_leases WHERE queue = :queue AND item = :item AND reviewer = :reviewer",
                        {"queue": queue, "item": review.item, "reviewer": review.reviewer},
                    )
        return added

    def undo(self, queue: str, item: int, reviewer: str, *, by: str, role: Role = "reviewer") -> bool:
        """Withdraw what a reviewer said about a row. Return False if they say nothing about it now.

        Raises UnknownQueue and UnknownItem.
        """
        with self._database.transaction() as execute:
            self._queue(execute, queue)
            self._lock(execute, queue)
            self._row(execute, queue, item)
            known = self._current(execute, queue, item, reviewer, role)
            if known is None:
                return False
            self._insert(execute, queue, replace(known, made=0.0, seconds=None), by, undone=True)
            return True

    def answers(self, queue: str, *, shared: bool = False) -> Answers:
        """Return the current answers by row, in stored order; `shared`: of rows that several have answered."""
        more = (
            """AND item IN (SELECT item FROM labelling_answers WHERE queue = :queue AND is_current = 1
            GROUP BY item HAVING COUNT(*) > 1)"""
            if shared
            else ""
        )
        with self._database.transaction(reading=True) as execute:
            rows = execute(
                f"""SELECT * FROM labelling_answers WHERE queue = :queue AND is_current = 1 {more}
                ORDER BY item, number""",
                {"queue": queue},
            )
        found: Answers = {}
        for row in rows:
            found.setdefault(row["item"], []).append(history_row(row).review)
        return found

    def history(self, queue: str) -> list[HistoryRow]:
        """Return every stored answer and undo, by row, the oldest first."""
        with self._database.transaction(reading=True) as execute:
            rows = execute(
                "SELECT * FROM labelling_answers WHERE queue = :queue ORDER BY item, number", {"queue": queue}
            )
        return list(map(history_row, rows))

    def counts(self, queue: str, reviewer: str) -> Counts:
        """Return how far a queue is."""
        with self._database.transaction(reading=True) as execute:
            parameters = {"queue": queue}
            by_item = execute(
                """SELECT COUNT(*) AS items, SUM(CASE WHEN decided = 0 THEN 1 ELSE 0 END) AS skipped
                FROM (SELECT item, SUM(CASE WHEN verdict = 'skipped' THEN 0 ELSE 1 END) AS decided
                FROM labelling_answers WHERE queue = :queue AND is_current = 1 GROUP BY item) AS items""",
                parameters,
            )
            names = execute(
                """SELECT reviewer, COUNT(*) AS answers FROM labelling_answers
                WHERE queue = :queue AND is_current = 1 GROUP BY reviewer ORDER BY answers DESC, reviewer""",
                parameters,
            )
            suggested = execute(
                """SELECT answer.verdict AS verdict, COUNT(*) AS answers FROM labelling_answers AS answer
                JOIN labelling_rows AS suggested ON suggested.queue = answer.queue AND suggested.number = answer.item
                WHERE answer.queue = :queue AND is_current = 1 AND suggestion IS NOT NULL AND verdict <> 'skipped'
                GROUP BY answer.verdict""",
                parameters,
            )
        reviewers = [(str(row["reviewer"]), int(row["answers"])) for row in names]
        verdicts = {row["verdict"]: int(row["answers"]) for row in suggested}
        return Counts(
            done=int(by_item[0]["items"]),
            skipped=int(by_item[0]["skipped"] or 0),
            mine=dict(reviewers).get(reviewer, 0),
            reviewers=reviewers,
            accepted=verdicts.get("right", 0),
            suggested=sum(verdicts.values()),
        )

    # Inside a transaction

    def _insert(self, execute: Execute, queue: str, review: Review, author: str, *, undone: bool) -> None:
        whose = {"queue": queue, "item": review.item, "reviewer": review.reviewer, "role": review.role}
        execute(
            """UPDATE labelling_answers SET is_current = 0 WHERE queue = :queue AND item = :item
            AND reviewer = :reviewer AND role = :role AND is_current = 1""",
            whose,
        )
        execute(
            f"""INSERT INTO labelling_answers
            (queue, item, number, verdict, reviewer, role, gold, comment, seconds, author, made, is_current)
            SELECT :queue, :item, COALESCE(MAX(number) + 1, 0), :verdict, :reviewer, :role, CAST(:gold AS TEXT),
            CAST(:comment AS TEXT), CAST(:seconds AS DOUBLE PRECISION), :author, {self._database.now}, :is_current
            FROM labelling_answers WHERE queue = :queue AND item = :item""",
            whose
            | {
                "verdict": UNDONE if undone else review.verdict,
                "gold": None if review.gold is None or undone else json.dumps(review.gold),
                "comment": None if undone else review.comment,
                "seconds": review.seconds,
                "author": author,
                "is_current": int(not undone),
            },
        )
        execute(
            """UPDATE labelling_rows SET missing = (
                SELECT CASE WHEN COUNT(*) >= wanted OR MAX(CASE WHEN role = 'adjudicator' THEN 1 ELSE 0 END) = 1
                THEN 0 ELSE wanted - COUNT(*) END
                FROM labelling_answers WHERE queue = :queue AND item = :item AND is_current = 1)
            WHERE queue = :queue AND number = :item""",
            {"queue": queue, "item": review.item},
        )

    def _accept(self, execute: Execute, queue: str, row: Row) -> None:
        """Mark the answers that are what is suggested for the row."""
        given = execute(
            """SELECT * FROM labelling_answers WHERE queue = :queue AND item = :item AND is_current = 1
            AND verdict = 'wrong'""",
            {"queue": queue, "item": row.number},
        )
        for each in given:
            gold = history_row(each).review.gold
            if gold is not None and row.suggestion is not None and same_answer(gold, row.suggestion):
                execute(
                    """UPDATE labelling_answers SET verdict = 'right'
                    WHERE queue = :queue AND item = :item AND number = :number""",
                    {"queue": queue, "item": row.number, "number": each["number"]},
                )

    def _current(self, execute: Execute, queue: str, item: int, reviewer: str, role: Role) -> Review | None:
        rows = execute(
            """SELECT * FROM labelling_answers WHERE queue = :queue AND item = :item AND reviewer = :reviewer
            AND role = :role AND is_current = 1""",
            {"queue": queue, "item": item, "reviewer": reviewer, "role": role},
        )
        return history_row(rows[0]).review if rows else None

    def _queue(self, execute: Execute, queue: str) -> LabellingQueue:
        rows = execute("SELECT * FROM labelling_queues WHERE id = :id", {"id": queue})
        if not rows:
            raise UnknownQueue("there is no such queue", found=queue, hint="GET /v1/review-files lists them.")
        return _queue(rows[0])

    def _row(self, execute: Execute, queue: str, number: int) -> Row:
        rows = execute(
            "SELECT * FROM labelling_rows WHERE queue = :queue AND number = :number",
            {"queue": queue, "number": number},
        )
        if not rows:
            raise UnknownItem("the queue has no such row", found=number)
        return _row(rows[0])

    def _lock(self, execute: Execute, queue: str) -> None:
        """Let transactions that write to a queue run one after the other."""
        execute(f"SELECT id FROM labelling_queues WHERE id = :id {self._database.lock_row}", {"id": queue})


def _queue(row: Mapping[str, Any]) -> LabellingQueue:
    flags = {name: bool(row[name]) for name in ("new_labels", "zero_shot")}
    return LabellingQueue(**{**row, **flags, "labels": tuple(json.loads(row["labels"]))})


def _row(row: Mapping[str, Any]) -> Row:
    suggestion = row["suggestion"]
    return Row(
        number=row["number"],
        suggestion=None if suggestion is None else json.loads(suggestion),
        **json.loads(row["content"]),
    )


def _content(review: Review) -> tuple[Any, ...]:
    gold = None if review.gold is None else json.dumps(review.gold, sort_keys=True)
    return review.verdict, gold, review.comment
