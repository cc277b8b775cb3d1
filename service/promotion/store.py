"""The store of promotions, in the database of the closed loop: challenges, frozen disagreements, and their reviews.

Batches and reviews are never changed: a new review of a disagreement replaces the older ones and leaves them in place.
Only the state of a challenge changes, and what is erased from the log is erased here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from glossator.service.database.interface import Database, Execute
from glossator.service.database.tables import Tables, prepare_tables
from glossator.service.errors import ConfigError
from glossator.service.promotion.records import Batch, Challenge, Disagreement, DisagreementReview
from glossator.service.statistics.disagreements import Direction, share_of_alpha

_SCHEMA = """
CREATE TABLE IF NOT EXISTS promotion_challenges (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, direction TEXT NOT NULL, candidate TEXT NOT NULL, baseline TEXT NOT NULL,
    champion TEXT NOT NULL, number BIGINT NOT NULL, margin DOUBLE PRECISION NOT NULL,
    total_alpha DOUBLE PRECISION NOT NULL, alpha DOUBLE PRECISION NOT NULL, seed BIGINT NOT NULL, since TEXT,
    state TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, evidence TEXT,
    UNIQUE (model, direction, champion, number)
);
CREATE TABLE IF NOT EXISTS promotion_batches (
    challenge TEXT NOT NULL REFERENCES promotion_challenges (id), number BIGINT NOT NULL, since TEXT,
    until TEXT NOT NULL, texts BIGINT NOT NULL, disagreements BIGINT NOT NULL, next_position BIGINT NOT NULL,
    created DOUBLE PRECISION NOT NULL, PRIMARY KEY (challenge, number)
);
CREATE TABLE IF NOT EXISTS promotion_disagreements (
    challenge TEXT NOT NULL, batch BIGINT NOT NULL, place BIGINT NOT NULL, position BIGINT NOT NULL,
    request TEXT NOT NULL, request_place BIGINT NOT NULL, sha256 TEXT NOT NULL, candidate TEXT NOT NULL,
    baseline TEXT NOT NULL, PRIMARY KEY (challenge, batch, place),
    FOREIGN KEY (challenge, batch) REFERENCES promotion_batches (challenge, number)
);
CREATE TABLE IF NOT EXISTS promotion_reviews (
    challenge TEXT NOT NULL, batch BIGINT NOT NULL, place BIGINT NOT NULL, number BIGINT NOT NULL,
    verdict TEXT NOT NULL, reviewer TEXT NOT NULL, gold TEXT, comment TEXT, made DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (challenge, batch, place, number),
    FOREIGN KEY (challenge, batch, place) REFERENCES promotion_disagreements (challenge, batch, place)
);
"""
_UNDONE = "undone"
"""The verdict of a row that withdraws the review before it."""
TABLES = Tables("store of promotions", version=1, version_table="promotion_store", schema=_SCHEMA)
_COLUMNS = (
    "id, model, direction, candidate, baseline, margin, total_alpha, alpha, number, seed, since, state, created, "
    "evidence"
)


class PromotionStore:
    """The challenges in a database. Thread-safe. Raises ConfigError for a store of another version."""

    def __init__(self, database: Database) -> None:
        self._database = database
        prepare_tables(database, TABLES)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def newest(self, model: str, direction: Direction, candidate: str, baseline: str) -> Challenge | None:
        """Return the newest challenge of these two versions; None if there is none."""
        with self._database.transaction(reading=True) as execute:
            return self._newest(execute, model, direction, candidate, baseline)

    def challenges(self, model: str) -> list[Challenge]:
        """Return all challenges of a model, oldest first."""
        with self._database.transaction(reading=True) as execute:
            rows = execute(
                f"SELECT {_COLUMNS} FROM promotion_challenges WHERE model = :model ORDER BY created, number",
                {"model": model},
            )
        return [_challenge(row) for row in rows]

    def challenge(self, challenge: str) -> Challenge:
        """Return a challenge by its id."""
        with self._database.transaction(reading=True) as execute:
            (row,) = execute(f"SELECT {_COLUMNS} FROM promotion_challenges WHERE id = :id", {"id": challenge})
        return _challenge(row)

    def begin(
        self,
        model: str,
        direction: Direction,
        candidate: str,
        baseline: str,
        *,
        margin: float,
        total_alpha: float,
        spend: float | None = None,
        since: str | None = None,
        after: Challenge | None = None,
    ) -> Challenge:
        """Store a new challenge, or return the one of these two versions that somebody else has just begun.

        Args:
            model: The name of the model.
            direction: Whether a promotion or a rollback is in question.
            candidate: The digest of the version in question.
            baseline: The digest of the other version.
            margin: By how much the candidate may be worse, as a share.
            total_alpha: The error probability of all challenges of the champion together.
            spend: What this challenge may spend of it; None: the share of its number.
            since: The time of the first answers that count.
            after: A closed challenge of the same versions, after which this one begins.

        Raises:
            ConfigError: The champion's alpha does not suffice, or another total was stated before.
        """
        champion = baseline if direction == "promote" else candidate
        while True:
            with self._database.transaction() as execute:
                earlier = execute(
                    """SELECT number, alpha, total_alpha FROM promotion_challenges
                    WHERE model = :model AND direction = :direction AND champion = :champion""",
                    {"model": model, "direction": direction, "champion": champion},
                )
                # After the numbers were read: what is stored in between takes the number, and this one tries again.
                known = self._newest(execute, model, direction, candidate, baseline)
                if known is not None and (after is None or known.id != after.id):
                    return known
                number = 1 + max((row["number"] for row in earlier), default=0)
                alpha = _share(total_alpha, number, spend, earlier)
                parameters = {
                    "id": f"challenge_{secrets.token_hex(8)}",
                    "model": model,
                    "direction": direction,
                    "candidate": candidate,
                    "baseline": baseline,
                    "champion": champion,
                    "number": number,
                    "margin": margin,
                    "total_alpha": total_alpha,
                    "alpha": alpha,
                    "seed": secrets.randbits(31),
                    "since": since,
                }
                stored = execute(
                    f"""INSERT INTO promotion_challenges (id, model, direction, candidate, baseline, champion, number,
                    margin, total_alpha, alpha, seed, since, state, created, evidence)
                    VALUES (:id, :model, :direction, :candidate, :baseline, :champion, :number, :margin, :total_alpha,
                    :alpha, :seed, CAST(:since AS TEXT), 'open', {self._database.now}, NULL)
                    ON CONFLICT (model, direction, champion, number) DO NOTHING RETURNING id""",
                    parameters,
                )
                if stored:
                    (row,) = execute(f"SELECT {_COLUMNS} FROM promotion_challenges WHERE id = :id", parameters)
                    return _challenge(row)

    def decide(self, challenge: str, evidence: Mapping[str, Any]) -> Challenge:
        """Store the evidence of a decision, before anything is changed. The first evidence stays."""
        return self._move(challenge, "deciding", ("open",), evidence)

    def finish(self, challenge: str) -> Challenge:
        """Record that the decision was carried out."""
        return self._move(challenge, "done", ("deciding",))

    def reopen(self, challenge: str) -> Challenge:
        """Take back a decision that could not be carried out."""
        return self._move(challenge, "open", ("deciding",))

    def give_up(self, challenge: str) -> Challenge:
        """Close an open challenge; what it may spend stays spent."""
        return self._move(challenge, "given up", ("open",))

    def add_batch(self, challenge: str, batch: Batch) -> bool:
        """Store a batch with its disagreements, all or nothing. Return False if one with this number exists."""
        with self._database.transaction() as execute:
            stored = execute(
                f"""INSERT INTO promotion_batches
                (challenge, number, since, until, texts, disagreements, next_position, created)
                VALUES (:challenge, :number, CAST(:since AS TEXT), :until, :texts, :disagreements, :next_position,
                {self._database.now}) ON CONFLICT (challenge, number) DO NOTHING RETURNING number""",
                {
                    "challenge": challenge,
                    "number": batch.number,
                    "since": batch.since,
                    "until": batch.until,
                    "texts": batch.texts,
                    "disagreements": batch.disagreements,
                    "next_position": batch.next_position,
                },
            )
            for place, each in enumerate(batch.kept if stored else ()):
                execute(
                    """INSERT INTO promotion_disagreements
                    (challenge, batch, place, position, request, request_place, sha256, candidate, baseline)
                    VALUES (:challenge, :batch, :place, :position, :request, :request_place, :sha256, :candidate,
                    :baseline)""",
                    {
                        "challenge": challenge,
                        "batch": batch.number,
                        "place": place,
                        "position": each.position,
                        "request": each.request,
                        "request_place": each.place,
                        "sha256": each.sha256,
                        "candidate": json.dumps(each.candidate),
                        "baseline": json.dumps(each.baseline),
                    },
                )
        return bool(stored)

    def batches(self, challenge: str) -> list[Batch]:
        """Return the batches of a challenge, in order."""
        parameters = {"challenge": challenge}
        with self._database.transaction(reading=True) as execute:
            rows = execute("SELECT * FROM promotion_batches WHERE challenge = :challenge ORDER BY number", parameters)
            kept = execute(
                "SELECT * FROM promotion_disagreements WHERE challenge = :challenge ORDER BY batch, place", parameters
            )
        found: dict[int, list[Disagreement]] = {row["number"]: [] for row in rows}
        for each in kept:
            found[each["batch"]].append(
                Disagreement(
                    each["position"],
                    each["request"],
                    each["request_place"],
                    each["sha256"],
                    json.loads(each["candidate"]),
                    json.loads(each["baseline"]),
                )
            )
        names = ("number", "since", "until", "texts", "disagreements", "next_position")
        return [Batch(**{name: row[name] for name in names}, kept=tuple(found[row["number"]])) for row in rows]

    def add_reviews(self, challenge: str, reviews: Sequence[DisagreementReview]) -> list[bool]:
        """Store reviews, all or none. Return for each whether it says something new: repeating them changes nothing."""
        added: list[bool] = []
        with self._database.transaction() as execute:
            newest = self._reviews(execute, challenge)
            for review in reviews:
                known = newest.get(review.key)
                added.append(known is None or _content(known) != _content(review))
                if not added[-1]:
                    continue
                execute(
                    f"""INSERT INTO promotion_reviews
                    (challenge, batch, place, number, verdict, reviewer, gold, comment, made)
                    SELECT :challenge, :batch, :place, COALESCE(MAX(number) + 1, 0), :verdict, :reviewer,
                    CAST(:gold AS TEXT), CAST(:comment AS TEXT), {self._database.now} FROM promotion_reviews
                    WHERE challenge = :challenge AND batch = :batch AND place = :place""",
                    {
                        "challenge": challenge,
                        "batch": review.batch,
                        "place": review.place,
                        "verdict": review.verdict,
                        "reviewer": review.reviewer,
                        "gold": None if review.gold is None else json.dumps(review.gold),
                        "comment": review.comment,
                    },
                )
                newest[review.key] = review
        return added

    def undo(self, challenge: str, key: tuple[int, int], reviewer: str) -> bool:
        """Withdraw the review of a disagreement, if it is this reviewer's. It stays in place: an undo is a new row."""
        with self._database.transaction() as execute:
            known = self._reviews(execute, challenge).get(key)
            if known is None or known.reviewer != reviewer:
                return False
            execute(
                f"""INSERT INTO promotion_reviews
                (challenge, batch, place, number, verdict, reviewer, gold, comment, made)
                SELECT :challenge, :batch, :place, MAX(number) + 1, :verdict, :reviewer, NULL, NULL,
                {self._database.now} FROM promotion_reviews
                WHERE challenge = :challenge AND batch = :batch AND place = :place""",
                {
                    "challenge": challenge,
                    "batch": known.batch,
                    "place": known.place,
                    "verdict": _UNDONE,
                    "reviewer": reviewer,
                },
            )
            return True

    def reviews(self, challenge: str) -> dict[tuple[int, int], DisagreementReview]:
        """Return the newest review of each reviewed disagreement, by its batch and place."""
        with self._database.transaction(reading=True) as execute:
            return self._reviews(execute, challenge)

    def erase(self, *, text_hashes: Collection[str] = (), requests: Collection[str] = ()) -> int:
        """Remove what is known about these texts and requests. Return how many disagreements. Repeating it is safe.

        Their places stay, and the verdicts of their reviews: without these, nothing that was shown could be checked.
        """
        erased = 0
        with self._database.transaction() as execute:
            for column, values in (("sha256", text_hashes), ("request", requests)):
                for value in filter(str.isprintable, values):  # no id has other characters
                    rows = execute(
                        f"""UPDATE promotion_disagreements SET sha256 = '', request = '', candidate = '{{}}',
                        baseline = '{{}}' WHERE {column} = :value RETURNING challenge, batch, place""",
                        {"value": value},
                    )
                    erased += len(rows)
                    for row in rows:
                        execute(
                            """UPDATE promotion_reviews SET gold = NULL, comment = NULL
                            WHERE challenge = :challenge AND batch = :batch AND place = :place""",
                            row,
                        )
        return erased

    def _move(
        self, challenge: str, state: str, before: tuple[str, ...], evidence: Mapping[str, Any] | None = None
    ) -> Challenge:
        with self._database.transaction() as execute:
            places = ", ".join(f"'{each}'" for each in before)
            execute(
                f"""UPDATE promotion_challenges
                SET state = :state, evidence = COALESCE(CAST(:evidence AS TEXT), evidence)
                WHERE id = :id AND state IN ({places})""",
                {"id": challenge, "state": state, "evidence": None if evidence is None else json.dumps(evidence)},
            )
            (row,) = execute(f"SELECT {_COLUMNS} FROM promotion_challenges WHERE id = :id", {"id": challenge})
        return _challenge(row)

    def _newest(
        self, execute: Execute, model: str, direction: Direction, candidate: str, baseline: str
    ) -> Challenge | None:
        rows = execute(
            f"""SELECT {_COLUMNS} FROM promotion_challenges WHERE model = :model AND direction = :direction
            AND candidate = :candidate AND baseline = :baseline ORDER BY number DESC LIMIT 1""",
            {"model": model, "direction": direction, "candidate": candidate, "baseline": baseline},
        )
        return _challenge(rows[0]) if rows else None

    def _reviews(self, execute: Execute, challenge: str) -> dict[tuple[int, int], DisagreementReview]:
        rows = execute(
            "SELECT * FROM promotion_reviews WHERE challenge = :challenge ORDER BY batch, place, number",
            {"challenge": challenge},
        )
        newest = {(row["batch"], row["place"]): row for row in rows}
        return {key: _review(row) for key, row in newest.items() if row["verdict"] != _UNDONE}


def _share(total: float, number: int, spend: float | None, earlier: Sequence[Mapping[str, Any]]) -> float:
    """Return what the challenge with this number may spend."""
    stated = {row["total_alpha"] for row in earlier}
    if stated - {total}:
        raise ConfigError(
            "the error level of this champion was stated before",
            found=f"{100 * total:g} %",
            expected=f"{100 * max(stated):g} %, as for its earlier challengers",
            hint="Leave --alpha as it was: it holds for all challengers of one champion together.",
        )
    left = total - sum(row["alpha"] for row in earlier)
    share = min(share_of_alpha(total, number), left) if spend is None else spend
    if not 1e-6 <= share <= left + 1e-12:
        raise ConfigError(
            "this is more than is left of the champion's error level",
            found=f"{100 * share:.3g} %",
            expected=f"at most {100 * max(0.0, left):.3g} %; challengers before it took part of {100 * total:g} %",
            hint="Spend less (--spend).",
        )
    return share


def _challenge(row: Mapping[str, Any]) -> Challenge:
    evidence = row["evidence"]
    return Challenge(**{**row, "evidence": None if evidence is None else json.loads(evidence)})


def _content(review: DisagreementReview) -> tuple[Any, ...]:
    return review.verdict, review.reviewer, review.gold, review.comment


def _review(row: Mapping[str, Any]) -> DisagreementReview:
    gold = row["gold"]
    return DisagreementReview(
        batch=row["batch"],
        place=row["place"],
        verdict=row["verdict"],
        reviewer=row["reviewer"],
        gold=None if gold is None else json.loads(gold),
        comment=row["comment"],
        made=row["made"],
    )
