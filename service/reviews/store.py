"""The store of reviews, in SQLite or PostgreSQL.

Periods, draws and reviews are never changed: a new review of a reviewer replaces the older ones and leaves them in
place, and an undo is a new row too. Only leases, which say who is looking at what, are changed and removed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from glossator.service.database.interface import Database, Execute
from glossator.service.database.tables import Tables, prepare_tables
from glossator.service.reviews.accuracy.counting import (
    Answers,
    counting_review,
    current_answers,
    next_items,
    reviews_missing,
    wanted_twice,
)
from glossator.service.reviews.records import UNDONE, HistoryRow, Period, Review, Role, Scheme
from glossator.service.reviews.stored_rows import history_row, pack_items, unpack_items

DATABASE = "GLOSSATOR_REVIEW_DATABASE"
FILE = "reviews.sqlite"
STORE = "store of reviews"
_CACHED_PERIODS = 4
_SCHEMA = """
CREATE TABLE IF NOT EXISTS review_periods (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, digest TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL, planned_labels BIGINT NOT NULL, seed BIGINT NOT NULL, items TEXT NOT NULL,
    scheme TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS review_periods_of_model ON review_periods (model, created);
CREATE TABLE IF NOT EXISTS review_draws (
    review_period TEXT NOT NULL REFERENCES review_periods (id), number BIGINT NOT NULL, item BIGINT NOT NULL,
    PRIMARY KEY (review_period, number)
);
CREATE TABLE IF NOT EXISTS review_overlaps (
    review_period TEXT NOT NULL REFERENCES review_periods (id), number BIGINT NOT NULL,
    share DOUBLE PRECISION NOT NULL, made DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (review_period, number)
);
CREATE TABLE IF NOT EXISTS reviews (
    review_period TEXT NOT NULL REFERENCES review_periods (id), item BIGINT NOT NULL, number BIGINT NOT NULL,
    verdict TEXT NOT NULL, reviewer TEXT NOT NULL, role TEXT NOT NULL, gold TEXT, comment TEXT,
    seconds DOUBLE PRECISION, author TEXT NOT NULL, made DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (review_period, item, number)
);
CREATE TABLE IF NOT EXISTS review_leases (
    review_period TEXT NOT NULL REFERENCES review_periods (id), item BIGINT NOT NULL, reviewer TEXT NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (review_period, item, reviewer)
);
"""
TABLES = Tables(STORE, version=2, version_table="review_store", schema=_SCHEMA)


class Imported(NamedTuple):
    """How many reviews of a file were new, known, and `outdated`: known, but replaced or undone since."""

    new: int
    known: int
    outdated: int


def open_review_database(folder: Path, url: str | None = None) -> Database:
    """Open the database of the closed loop: PostgreSQL if a URL is given, else an SQLite file in the folder of the log.

    Raises ConfigError.
    """
    if url is not None:
        from glossator.service.database.postgres import Postgres

        return Postgres(url, store=STORE, variable=DATABASE)
    from glossator.service.database.sqlite import Sqlite

    return Sqlite(folder / FILE, store=STORE, option="log")


def open_review_store(folder: Path, url: str | None = None) -> ReviewStore:
    """Open the store in the database of the closed loop. Raises ConfigError."""
    return ReviewStore(open_review_database(folder, url))


class ReviewStore:
    """The periods, draws and reviews in a database. Thread-safe. Raises ConfigError for a store of another version."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._periods: dict[str, Period] = {}
        prepare_tables(database, TABLES)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    # Periods and draws

    def add_period(self, period: Period) -> Period:
        """Store a period; its `created` is set. A period with this id that exists is returned instead."""
        with self._database.transaction() as execute:
            execute(
                f"""INSERT INTO review_periods
                (id, model, digest, since, until, created, planned_labels, seed, items, scheme)
                VALUES (:id, :model, :digest, :since, :until, {self._database.now}, :planned_labels, :seed, :items,
                :scheme) ON CONFLICT (id) DO NOTHING""",
                {
                    "id": period.id,
                    "model": period.model,
                    "digest": period.digest,
                    "since": period.since,
                    "until": period.until,
                    "planned_labels": period.planned_labels,
                    "seed": period.seed,
                    "items": pack_items(period.items),
                    "scheme": json.dumps([period.scheme.kind, period.scheme.labels]),
                },
            )
            return self._period(execute, period.id)

    def newest_period(self, model: str) -> Period | None:
        """Return the newest period of a model; None if it has none."""
        with self._database.transaction(reading=True) as execute:
            found = execute(
                "SELECT id FROM review_periods WHERE model = :model ORDER BY created DESC, id DESC LIMIT 1",
                {"model": model},
            )
            return self._period(execute, found[0]["id"]) if found else None

    def periods(self, model: str) -> list[Period]:
        """Return the periods of a model, the oldest first."""
        with self._database.transaction(reading=True) as execute:
            found = execute("SELECT id FROM review_periods WHERE model = :model ORDER BY created, id", {"model": model})
            return [self._period(execute, row["id"]) for row in found]

    def models(self) -> list[str]:
        """Return the names of the models that have a period."""
        with self._database.transaction(reading=True) as execute:
            rows = execute("SELECT DISTINCT model FROM review_periods ORDER BY model", {})
        return [row["model"] for row in rows]

    def add_draws(self, period: str, items: Sequence[int]) -> None:
        """Store the items of the first draws of a period. Those that are stored already stay."""
        with self._database.transaction() as execute:
            (known,) = execute("SELECT COUNT(*) AS draws FROM review_draws WHERE review_period = :id", {"id": period})
            for number in range(known["draws"], len(items)):
                execute(
                    """INSERT INTO review_draws (review_period, number, item) VALUES (:id, :number, :item)
                    ON CONFLICT (review_period, number) DO NOTHING""",
                    {"id": period, "number": number, "item": items[number]},
                )

    def draws(self, period: str) -> list[int]:
        """Return the drawn items of a period, in the order of the draws, with repetitions."""
        with self._database.transaction(reading=True) as execute:
            return self._draws(execute, period)

    def set_overlap(self, period: str, share: float) -> None:
        """Store which share of the drawn items wants two reviewers."""
        with self._database.transaction() as execute:
            self._lock(execute, period)
            if self._overlap(execute, period) != share:
                execute(
                    f"""INSERT INTO review_overlaps (review_period, number, share, made)
                    SELECT :id, COUNT(*), :share, {self._database.now} FROM review_overlaps
                    WHERE review_period = :id""",
                    {"id": period, "share": share},
                )

    def overlap(self, period: str) -> float:
        """Return the share of the drawn items that wants two reviewers; 0 by default."""
        with self._database.transaction(reading=True) as execute:
            return self._overlap(execute, period)

    # Reviews

    def add_reviews(self, period: str, reviews: Sequence[Review], *, author: str | None = None) -> int:
        """Store reviews, all or none. Return how many say something new: repeating them changes nothing.

        A review replaces what the same reviewer said about the item before. `author` is who stores them, by default
        the reviewer.
        """
        with self._database.transaction() as execute:
            return self._add(execute, period, reviews, author, once=False).new

    def import_reviews(
        self, period: str, reviews: Sequence[Review], *, author: str | None = None, restore: bool = False
    ) -> Imported:
        """Store the reviews of a file, all or none. Reading files again, in any order, changes nothing.

        A review that was stored before and then replaced or undone is not stored again, unless `restore` is set.
        """
        with self._database.transaction() as execute:
            return self._add(execute, period, reviews, author, once=not restore)

    def undo(self, period: str, item: int, reviewer: str, *, by: str, role: Role | None = None) -> bool:
        """Withdraw what a reviewer said about an item, in one role or in all of them.

        Return False if they say nothing about it now.
        """
        with self._database.transaction() as execute:
            self._lock(execute, period)
            current = current_answers(self._history(execute, period, item)).get(item, [])
            found = [each for each in current if each.reviewer == reviewer and role in (None, each.role)]
            for review in found:
                self._insert(execute, period, replace(review, made=0.0, seconds=None), by, undone=True)
            return bool(found)

    def reviews(self, period: str) -> dict[int, Review]:
        """Return the review that counts of each reviewed item of a period (see `counting_review`)."""
        return {item: counting_review(found) for item, found in self.answers(period).items()}

    def answers(self, period: str) -> Answers:
        """Return the current answer of each reviewer, by item."""
        return current_answers(self.history(period))

    def history(self, period: str) -> list[HistoryRow]:
        """Return every stored row of a period, by item, the oldest first."""
        with self._database.transaction(reading=True) as execute:
            return self._history(execute, period)

    def erase_comments(self, *, text_hashes: Collection[str] = (), requests: Collection[str] = ()) -> int:
        """Remove the comments on these texts and requests; the rest of a review does not quote them.

        Return the number of comments. Repeating it is safe.
        """
        texts, ids, erased = set(text_hashes), set(requests), 0
        with self._database.transaction() as execute:
            rows = execute("SELECT review_period, item, number FROM reviews WHERE comment IS NOT NULL", {})
            for row in rows:
                item = self._period(execute, row["review_period"]).items[row["item"]]
                if item.sha256 in texts or item.request in ids:
                    execute(
                        """UPDATE reviews SET comment = NULL
                        WHERE review_period = :review_period AND item = :item AND number = :number""",
                        row,
                    )
                    erased += 1
        return erased

    # The queue

    def take(self, period: Period, reviewer: str, count: int, seconds: float) -> list[int]:
        """Return the next items for a reviewer, and lease them: others do not get them for that many seconds."""
        with self._database.transaction() as execute:
            self._lock(execute, period.id)
            drawn = self._draws(execute, period.id)
            answers = current_answers(self._history(execute, period.id))
            twice = wanted_twice(period, drawn, self._overlap(execute, period.id))
            found = next_items(
                reviews_missing(drawn, answers, twice), answers, self._leases(execute, period.id), reviewer, count
            )
            for item in found:
                execute(
                    f"""INSERT INTO review_leases (review_period, item, reviewer, expires)
                    VALUES (:id, :item, :reviewer, {self._database.now} + :seconds)
                    ON CONFLICT (review_period, item, reviewer) DO UPDATE SET expires = excluded.expires""",
                    {"id": period.id, "item": item, "reviewer": reviewer, "seconds": float(seconds)},
                )
            return found

    def leases(self, period: str) -> dict[int, set[str]]:
        """Return who is looking at which items."""
        with self._database.transaction(reading=True) as execute:
            return self._leases(execute, period)

    # Inside a transaction

    def _add(
        self, execute: Execute, period: str, reviews: Sequence[Review], author: str | None, *, once: bool
    ) -> Imported:
        self._lock(execute, period)
        history = self._history(execute, period)
        ever = {_content(row.review) for row in history if not row.undone}
        now = {_whose(review): _content(review) for found in current_answers(history).values() for review in found}
        new = known = outdated = 0
        for review in reviews:
            content = _content(review)
            if now.get(_whose(review)) == content:
                known += 1
            elif once and content in ever:
                outdated += 1
            else:
                new += 1
                self._insert(execute, period, review, author or review.reviewer, undone=False)
                execute(
                    """DELETE FROM review_leases
                    WHERE review_period = :id AND item = :item AND reviewer = :reviewer""",
                    {"id": period, "item": review.item, "reviewer": review.reviewer},
                )
                now[_whose(review)] = content
                ever.add(content)
        return Imported(new, known, outdated)

    def _insert(self, execute: Execute, period: str, review: Review, author: str, *, undone: bool) -> None:
        made = "CAST(:made AS DOUBLE PRECISION)" if review.made else self._database.now
        execute(
            f"""INSERT INTO reviews
            (review_period, item, number, verdict, reviewer, role, gold, comment, seconds, author, made)
            SELECT :id, :item, COALESCE(MAX(number) + 1, 0), :verdict, :reviewer, :role, :gold, :comment,
            CAST(:seconds AS DOUBLE PRECISION), :author, {made} FROM reviews
            WHERE review_period = :id AND item = :item""",
            {
                "id": period,
                "item": review.item,
                "verdict": UNDONE if undone else review.verdict,
                "reviewer": review.reviewer,
                "role": review.role,
                "gold": None if review.gold is None or undone else json.dumps(review.gold),
                "comment": None if undone else review.comment,
                "seconds": review.seconds,
                "author": author,
            }
            | ({"made": review.made} if review.made else {}),
        )

    def _history(self, execute: Execute, period: str, item: int | None = None) -> list[HistoryRow]:
        one = "" if item is None else "AND item = :item"
        rows = execute(
            f"SELECT * FROM reviews WHERE review_period = :id {one} ORDER BY item, number",
            {"id": period} | ({} if item is None else {"item": item}),
        )
        return [history_row(row) for row in rows]

    def _draws(self, execute: Execute, period: str) -> list[int]:
        rows = execute("SELECT item FROM review_draws WHERE review_period = :id ORDER BY number", {"id": period})
        return [row["item"] for row in rows]

    def _overlap(self, execute: Execute, period: str) -> float:
        rows = execute(
            "SELECT share FROM review_overlaps WHERE review_period = :id ORDER BY number DESC LIMIT 1", {"id": period}
        )
        return float(rows[0]["share"]) if rows else 0.0

    def _leases(self, execute: Execute, period: str) -> dict[int, set[str]]:
        rows = execute(
            f"""SELECT item, reviewer FROM review_leases
            WHERE review_period = :id AND expires > {self._database.now}""",
            {"id": period},
        )
        found: dict[int, set[str]] = {}
        for row in rows:
            found.setdefault(row["item"], set()).add(row["reviewer"])
        return found

    def _lock(self, execute: Execute, period: str) -> None:
        """Let transactions that write reviews of a period run one after the other."""
        execute(f"SELECT id FROM review_periods WHERE id = :id {self._database.lock_row}", {"id": period})

    def _period(self, execute: Execute, period: str) -> Period:
        if period not in self._periods:
            (row,) = execute("SELECT * FROM review_periods WHERE id = :id", {"id": period})
            kind, labels = json.loads(row["scheme"])
            found = Period(**(row | {"items": unpack_items(row["items"]), "scheme": Scheme(kind, tuple(labels))}))
            while len(self._periods) >= _CACHED_PERIODS:
                self._periods.pop(next(iter(self._periods)), None)
            self._periods[period] = found
            return found
        return self._periods[period]


def _whose(review: Review) -> tuple[int, str, str]:
    return review.item, review.reviewer, review.role


def _content(review: Review) -> tuple[Any, ...]:
    """Return what a review says and whose it is: the same again is no new review."""
    gold = None if review.gold is None else json.dumps(review.gold, sort_keys=True)
    return (*_whose(review), review.verdict, gold, review.comment)
