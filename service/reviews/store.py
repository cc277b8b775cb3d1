"""The store of reviews, in SQLite or PostgreSQL. Nothing is changed in it: periods are frozen, a new review of an item
replaces the older ones and leaves them in place."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator.service.database.interface import Database, Execute
from glossator.service.database.tables import Tables, prepare_tables
from glossator.service.reviews.records import Item, Period, Review

DATABASE = "GLOSSATOR_REVIEW_DATABASE"
FILE = "reviews.sqlite"
STORE = "store of reviews"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS review_periods (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, digest TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL, planned_labels BIGINT NOT NULL, seed BIGINT NOT NULL, items TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS review_periods_of_model ON review_periods (model, created);
CREATE TABLE IF NOT EXISTS review_draws (
    review_period TEXT NOT NULL REFERENCES review_periods (id), number BIGINT NOT NULL, item BIGINT NOT NULL,
    PRIMARY KEY (review_period, number)
);
CREATE TABLE IF NOT EXISTS reviews (
    review_period TEXT NOT NULL REFERENCES review_periods (id), item BIGINT NOT NULL, number BIGINT NOT NULL,
    verdict TEXT NOT NULL, reviewer TEXT NOT NULL, gold TEXT, comment TEXT, made DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (review_period, item, number)
);
"""
TABLES = Tables(STORE, version=1, version_table="review_store", schema=_SCHEMA)


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
        try:
            prepare_tables(database, TABLES)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def add_period(self, period: Period) -> Period:
        """Store a period; its `created` is set. A period with this id that exists is returned instead."""
        with self._database.transaction() as execute:
            execute(
                f"""INSERT INTO review_periods (id, model, digest, since, until, created, planned_labels, seed, items)
                VALUES (:id, :model, :digest, :since, :until, {self._database.now}, :planned_labels, :seed, :items)
                ON CONFLICT (id) DO NOTHING""",
                {
                    "id": period.id,
                    "model": period.model,
                    "digest": period.digest,
                    "since": period.since,
                    "until": period.until,
                    "planned_labels": period.planned_labels,
                    "seed": period.seed,
                    "items": _pack(period.items),
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
            rows = execute("SELECT item FROM review_draws WHERE review_period = :id ORDER BY number", {"id": period})
        return [row["item"] for row in rows]

    def add_reviews(self, period: str, reviews: Sequence[Review]) -> int:
        """Store reviews, all or none. Return how many say something new: repeating them changes nothing."""
        added = 0
        with self._database.transaction() as execute:
            newest = self._reviews(execute, period)
            for review in reviews:
                known = newest.get(review.item)
                if known is not None and _content(known) == _content(review):
                    continue
                execute(
                    f"""INSERT INTO reviews
                    (review_period, item, number, verdict, reviewer, gold, comment, made)
                    SELECT :id, :item, COALESCE(MAX(number) + 1, 0), :verdict, :reviewer, :gold, :comment,
                    {self._database.now} FROM reviews WHERE review_period = :id AND item = :item""",
                    {
                        "id": period,
                        "item": review.item,
                        "verdict": review.verdict,
                        "reviewer": review.reviewer,
                        "gold": None if review.gold is None else json.dumps(review.gold),
                        "comment": review.comment,
                    },
                )
                newest[review.item] = review
                added += 1
        return added

    def reviews(self, period: str) -> dict[int, Review]:
        """Return the newest review of each reviewed item of a period."""
        with self._database.transaction(reading=True) as execute:
            return self._reviews(execute, period)

    def _reviews(self, execute: Execute, period: str) -> dict[int, Review]:
        rows = execute("SELECT * FROM reviews WHERE review_period = :id ORDER BY item, number", {"id": period})
        return {row["item"]: _review(row) for row in rows}

    def _period(self, execute: Execute, period: str) -> Period:
        (row,) = execute("SELECT * FROM review_periods WHERE id = :id", {"id": period})
        return Period(**(row | {"items": _unpack(row["items"])}))


def _content(review: Review) -> tuple[Any, ...]:
    return review.verdict, review.reviewer, review.gold, review.comment


def _review(row: Mapping[str, Any]) -> Review:
    answer = row["gold"]
    return Review(
        item=row["item"],
        verdict=row["verdict"],
        reviewer=row["reviewer"],
        gold=None if answer is None else json.loads(answer),
        comment=row["comment"],
        made=row["made"],
    )


def _pack(items: Sequence[Item]) -> str:
    rows = [[each.request, each.place, each.sha256, each.served, each.confidence, dict(each.fields)] for each in items]
    content = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return base64.b64encode(zlib.compress(content)).decode("ascii")


def _unpack(text: str) -> list[Item]:
    return [Item(*row) for row in json.loads(zlib.decompress(base64.b64decode(text)))]
