"""Builds the corpus of a retraining: the rows of the champion, and what people said about its answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.database.interface import Database
from glossator.workflows.loop.gold_rows import Statement, gold_rows, read_statements
from glossator.workflows.loop.training_rows import TrainingRow
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.monitoring.prediction_log.erasures import Erasures
    from glossator.workflows.loop.champion import Champion
    from glossator.workflows.loop.champion_rows import Sides

FEWEST_ROWS = 2
"""A new label needs this many rows: one to learn from says nothing about others."""
_FEWEST_TRAINED = 4
"""A reviewed row is validated on only if this many training rows have each of its labels."""
VALIDATION_SHARE = 0.1
UNDONE, ERASED = "the review or feedback was taken back", "the text was erased from the log"
IN_TEST, NEAR_TEST = "the text is in the test rows", "the text is nearly that of a test row"
NEW_LABEL, RARE_LABEL = "a label that the model does not have", "a new label with too few rows"
REPEATED, KNOWN, KEPT = "the same text, reviewed again", "already known", "another label was kept"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A text whose training row has another label than a person gave. `replaced`: the person's counts now."""

    text: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    reviewer: str
    made: str
    reference: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """The rows of a retraining.

    Attributes:
        train, validation, test: The sides; test rows are the champion's, unchanged.
        labels: The labels in the order of the new model: those of the champion, then new ones.
        added: Reviewed texts that the champion's rows did not have.
        changed: Rows whose label a review changed.
        left_out: Why reviewed and training rows were left out, with their numbers.
        conflicts: Texts with two labels.
        new_labels: Rows of each label that the champion does not have, used or not.
        masked: Rows whose text was masked in the log.
        sides: What else was read with the champion's rows.
    """

    train: list[TrainingRow]
    validation: list[TrainingRow]
    test: list[TrainingRow]
    labels: list[str]
    added: int
    changed: int
    left_out: Counter[str]
    conflicts: list[Conflict]
    new_labels: Counter[str]
    masked: int
    sides: Sides

    @property
    def sources(self) -> Counter[str]:
        """The number of rows from each source, in training and validation."""
        return Counter(row.origin.source for row in (*self.train, *self.validation))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready fields."""
        return {
            "rows": {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)},
            "sources": dict(self.sources),
            "added": self.added,
            "changed": self.changed,
            "left_out": dict(self.left_out),
            "conflicts": len(self.conflicts),
            "labels": self.labels,
            "new_labels": dict(self.new_labels),
            "masked": self.masked,
            "champion_rows_unchanged": self.sides.same,
        }


def build_corpus(
    champion: Champion,
    sides: Sides,
    log: Path,
    database: Database,
    reporter: Reporter,
    *,
    new_labels: bool = False,
    keep_old: bool = False,
) -> BuiltCorpus:
    """Return the champion's rows together with the reviews and feedback in the store.

    - A text that was said to have other labels than its training row gets those of the newest review; `keep_old` keeps
      the training row. A review counts more than feedback.
    - Texts of test rows are never trained on, nor texts that are nearly the same.
    - Rows of an earlier retraining whose review was taken back, or whose text was erased from the log, are dropped.
    - A tenth of the new texts, chosen by their hash, is for validation.

    Args:
        champion: The champion, by `read_champion`.
        sides: Its rows, by `read_sides`.
        log: The folder of the prediction log.
        database: The database of the closed loop.
        reporter: Receives the progress.
        new_labels: Also learn labels that the champion does not have.
        keep_old: Where a review contradicts a training row, keep the training row.
    """
    from glossator.service.monitoring.prediction_log.erasures import read_erasures
    from glossator.service.promotion.store import PromotionStore
    from glossator.service.reviews.feedback import FeedbackStore
    from glossator.service.reviews.store import ReviewStore

    builder = _Builder(champion.labels, sides)
    reviews = ReviewStore(database)
    promotions = PromotionStore(database)
    statements = read_statements(champion.name, reviews, FeedbackStore(database), promotions, builder.left_out)
    known = {period.id for period in reviews.periods(champion.name)}
    known |= {challenge.id for challenge in promotions.challenges(champion.name)}
    erasures = read_erasures(log)
    carried = builder.take_carried_rows(statements, known, erasures)
    found = gold_rows(statements, log, champion.name, champion.task, known=carried)
    builder.left_out.update(found.unusable)
    reporter.stage(f"{len(found.rows):,} labelled texts from reviews and feedback")
    rows = builder.without_repetitions(found.rows)
    rows = builder.without_test_texts(rows)
    rows = builder.without_new_labels(rows, allowed=new_labels)
    builder.merge(rows, keep_old=keep_old)
    return builder.built(found.masked)


@dataclass(slots=True)
class _Builder:
    """The state of the building of a corpus; each step changes it or filters the reviewed rows."""

    labels: list[str]
    sides: Sides
    train: list[TrainingRow] = field(default_factory=list)
    validation: list[TrainingRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    conflicts: list[Conflict] = field(default_factory=list)
    new_labels: Counter[str] = field(default_factory=Counter)
    added: int = 0
    changed: int = 0
    validated: set[str] = field(default_factory=set)
    """The keys of reviewed texts that an earlier retraining validated on: they stay there."""
    known: dict[str, TrainingRow] = field(default_factory=dict)
    """The reviewed rows of an earlier retraining, by their keys."""

    def take_carried_rows(
        self, statements: Sequence[Statement], owners: set[str], erasures: Erasures
    ) -> dict[str, TrainingRow]:
        """Put the champion's rows on their sides, without reviewed rows whose review is read again, was taken back, or
        whose text was erased. Return all reviewed rows that were not erased, by the hash of their text."""
        current = {each.origin.reference for each in statements}
        carried: dict[str, TrainingRow] = {}
        for side, target in ((self.sides.train, self.train), (self.sides.validation, self.validation)):
            for row in side:
                if not row.is_new:
                    target.append(row)
                    continue
                restored = row.restored()
                target.extend([] if restored is None else [restored])
                if erasures.cover({"sha256": row.sha256, "request": row.origin.request, "time": ""}):
                    self.left_out[ERASED] += 1
                    continue
                carried[row.sha256] = self.known[row.key] = row
                if side is self.sides.validation:
                    self.validated.add(row.key)
                if row.origin.reference in current:
                    continue
                owner = row.origin.reference.partition("/")[0]
                if row.origin.source == "feedback" or owner in owners:
                    self.left_out[UNDONE] += 1
                elif restored is not None:
                    target[-1] = row
                else:  # of a store that is not this one
                    target.append(row)
        self._drop_test_texts()
        return carried

    def _drop_test_texts(self) -> None:
        """Drop training and validation rows whose text is a test row, training rows that are validated on, and
        repetitions."""
        seen = {row.key for row in (*self.sides.test, *self.sides.frozen)}
        for name in ("validation", "train"):
            rows = getattr(self, name)
            kept = [row for row in rows if row.key not in seen]
            if len(kept) < len(rows):
                reason = f"{IN_TEST} (training row)" if name == "validation" else f"{IN_TEST} or validation rows"
                self.left_out[reason] += len(rows) - len(kept)
            setattr(self, name, kept)
            seen |= {row.key for row in kept}

    def without_repetitions(self, rows: Iterable[TrainingRow]) -> list[TrainingRow]:
        """Return the row that counts for each text: of a review before feedback, else the newest."""
        chosen: dict[str, TrainingRow] = {}
        count = 0
        for row in rows:
            count += 1
            other = chosen.get(row.key)
            if other is None or _rank(row) >= _rank(other):
                chosen[row.key] = row
        self._count(REPEATED, count - len(chosen))
        return sorted(chosen.values(), key=lambda row: (row.origin.made, row.origin.reference))

    def without_test_texts(self, rows: list[TrainingRow]) -> list[TrainingRow]:
        """Return the rows whose text is no test text, not even nearly."""
        from glossator.training.corpus.findings.leakage import check_leakage

        frozen = [*self.sides.test, *self.sides.frozen]
        hashes = {row.sha256 for row in frozen}
        leakage = check_leakage([row.input for row in frozen], [row.input for row in rows])
        near = set(leakage.rows[leakage.count :])
        same = set(leakage.rows[: leakage.count]) | {
            place for place, row in enumerate(rows) if row.sha256 in hashes and place not in near
        }
        self._count(IN_TEST, len(same))
        self._count(NEAR_TEST, len(near))
        return [row for place, row in enumerate(rows) if place not in same and place not in near]

    def without_new_labels(self, rows: list[TrainingRow], *, allowed: bool) -> list[TrainingRow]:
        """Return the rows whose labels the new model will have."""
        if not self.labels:
            return rows
        scheme = set(self.labels)
        self.new_labels = Counter(label for row in rows for label in row.labels if label not in scheme)
        usable = {label for label, count in self.new_labels.items() if allowed and count >= FEWEST_ROWS}
        kept = []
        for row in rows:
            unknown = {label for label in row.labels if label not in scheme}
            if unknown <= usable:
                kept.append(row)
            else:
                self.left_out[RARE_LABEL if allowed else NEW_LABEL] += 1
        learned = {label for row in kept for label in row.labels}
        self.labels = [*self.labels, *sorted(usable & learned)]
        return kept

    def merge(self, rows: list[TrainingRow], *, keep_old: bool) -> None:
        """Put the reviewed rows on their sides; a row with the same text gets their labels."""
        places: dict[str, list[tuple[list[TrainingRow], int]]] = {}
        for side in (self.train, self.validation):
            for place, row in enumerate(side):
                places.setdefault(row.key, []).append((side, place))
        counts = Counter(label for row in self.train for label in row.labels)
        for row in rows:
            before = self.known.get(row.key)
            if row.key in places:
                self._merge_known(places[row.key], row, keep_old=keep_old)
                continue
            if before is None:
                self.added += 1
            elif before.gold != row.gold:
                self.changed += 1
            enough = all(counts[label] >= _FEWEST_TRAINED for label in row.labels)
            validated = row.key in self.validated if before is not None else _by_hash(row.key) < VALIDATION_SHARE
            if validated and enough:
                self.validation.append(row)
            else:
                self.train.append(row)
                counts.update(row.labels)

    def _merge_known(
        self, places: Sequence[tuple[list[TrainingRow], int]], row: TrainingRow, *, keep_old: bool
    ) -> None:
        """Give a text that is known already the labels of its review."""
        differing = [(side, place) for side, place in places if side[place].gold != row.gold]
        if not differing:
            self.left_out[KNOWN] += 1
            return
        side, place = differing[0]
        old, origin = side[place], row.origin
        self.conflicts.append(
            Conflict(
                old.text, old.labels, row.labels, origin.reviewer, origin.made, origin.reference, replaced=not keep_old
            )
        )
        if keep_old:
            self.left_out[KEPT] += 1
            return
        for side, place in differing:
            side[place] = side[place].relabelled(row)
        before = self.known.get(row.key)
        self.changed += before is None or before.gold != row.gold

    def built(self, masked: int) -> BuiltCorpus:
        """Return the corpus. Labels that no training row has any more are not learned."""
        trained = {label for row in self.train for label in row.labels}
        return BuiltCorpus(
            train=self.train,
            validation=self.validation,
            test=[replace(row) for row in self.sides.test],
            labels=[label for label in self.labels if label in trained] or sorted(trained),
            added=self.added,
            changed=self.changed,
            left_out=self.left_out,
            conflicts=self.conflicts,
            new_labels=self.new_labels,
            masked=masked,
            sides=self.sides,
        )

    def _count(self, reason: str, count: int) -> None:
        if count:
            self.left_out[reason] += count


def _rank(row: TrainingRow) -> tuple[bool, str, str]:
    return row.origin.source == "review", row.origin.made, row.origin.reference


def _by_hash(key: str) -> float:
    """Return a number from 0 to 1 that depends on the text alone."""
    return int(hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) / 16**8
