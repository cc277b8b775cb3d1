"""Promotes a challenger when the evidence is in, and rolls a champion back when it is shown to be worse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glossator.service.errors import ConfigError, shorten
from glossator.service.promotion.challenges import ALPHA, open_challenge, refresh_batches
from glossator.service.promotion.decision import carry_out, finish_interrupted
from glossator.service.promotion.evidence import evidence_of, waiting
from glossator.service.promotion.gates import LATENCY_RATIO, MEMORY_RATIO, Gate, check_versions
from glossator.service.promotion.tasks import read_answers, tasks_of
from glossator.service.promotion.verdict import decision_numbers, is_allowed
from glossator.service.registry import CHAMPION, PREVIOUS, Registry
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.promotion.evidence import Evidence
    from glossator.service.promotion.records import Challenge
    from glossator.service.promotion.store import PromotionStore
    from glossator.service.registry import AuditEntry
    from glossator.workflows.run_records import RunStore

CHALLENGER = "challenger"
Verdict = Literal["not yet", "ready", "promoted", "kept", "worse", "rolled back"]
"""`kept`, `worse`, `rolled back`: of a champion that is watched."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a promotion requires.

    Attributes:
        margin: By how much the challenger may be worse, as a share of all texts; None: as the comparison was begun, or
            MARGIN.
        total_alpha: The error probability of all challengers of one champion together.
        spend: What this challenger may spend of it; None: the share of its number.
        latency_ratio: How many times as long as the champion's its answers may take.
        memory_ratio: How many times as large as the champion's its graphs may be.
        test: A labelled file on which it must not be worse by more than the margin; None: this is not checked.
        reading: How to read this file.
    """

    margin: float | None = None
    total_alpha: float = ALPHA
    spend: float | None = None
    latency_ratio: float = LATENCY_RATIO
    memory_ratio: float = MEMORY_RATIO
    test: str | None = None
    reading: ReadingOptions = ReadingOptions()  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a challenge stands. `entry`: the line in the audit, if the alias moved now."""

    challenge: Challenge
    evidence: Evidence
    gates: Sequence[Gate]
    waiting: int
    """Stored disagreements without a review."""
    labels: str | None
    """What is comparable, if the versions have different labels."""
    verdict: Verdict
    entry: AuditEntry | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        challenge = self.challenge
        return {
            "challenge": challenge.id,
            "model": challenge.model,
            "direction": challenge.direction,
            "candidate": challenge.candidate,
            "baseline": challenge.baseline,
            "number": challenge.number,
            "total_alpha": challenge.total_alpha,
            "state": challenge.state,
            "verdict": self.verdict,
            "evidence": self.evidence.to_dict(),
            "gates": {gate.name: gate.to_dict() for gate in self.gates},
            "labels": self.labels,
            "waiting": self.waiting,
            "audit": None if self.entry is None else self.entry.to_dict(),
        }


class Promotion:
    """The comparison of two versions of a model, step by step. Each step may be repeated.

    Args:
        store: The store of promotions.
        registry: The registry with both versions.
        log: The folder of the prediction log.
        model: The name of the model.
        terms: What a promotion requires.
        watch: Whether the champion is in question, and the previous one is the shadow.
        challenger: The alias, digest or `previous` of the other version. Default: `challenger`, or `previous` if the
            champion is watched.
        restart: Begin another comparison after a closed one.

    Raises:
        UnknownModel: The registry does not have the model or the version.
        ConfigError: There is nothing to compare; see `open_challenge`.
    """

    def __init__(
        self,
        store: PromotionStore,
        registry: Registry,
        log: Path,
        model: str,
        terms: Terms | None = None,
        *,
        watch: bool = False,
        challenger: str | None = None,
        restart: bool = False,
    ) -> None:
        self._store, self._registry, self._log = store, registry, log
        self.terms = terms or Terms()
        finish_interrupted(store, registry, model)
        champion, other = _versions(registry, model, challenger or (PREVIOUS if watch else CHALLENGER))
        candidate, baseline = (champion, other) if watch else (other, champion)
        direction: Literal["promote", "roll back"] = "roll back" if watch else "promote"
        if watch:
            known = store.newest(model, direction, candidate, baseline)
            restart = restart or (known is not None and known.state == "done")  # it became champion again
        self.challenge = open_challenge(
            store,
            model,
            direction,
            candidate=candidate,
            baseline=baseline,
            margin=self.terms.margin,
            total_alpha=self.terms.total_alpha,
            spend=self.terms.spend,
            restart=restart,
        )

    def read_log(self, *, new: bool = False, until: str | None = None) -> None:
        """Freeze the texts that both versions answered, if it is time to: see `refresh_batches`."""
        refresh_batches(self._store, self._log, self.challenge, new=new, until=until)

    def tasks(self, count: int) -> Iterable[Mapping[str, Any]]:
        """Yield the next disagreements to review."""
        batches, reviews = self._store.batches(self.challenge.id), self._store.reviews(self.challenge.id)
        yield from tasks_of(self.challenge, batches, reviews, self._log, count)

    def add_answers(
        self, rows: Iterable[tuple[int, Mapping[str, Any]]], reviewer: str, *, new_labels: bool = True
    ) -> list[str]:
        """Store the reviews in numbered rows. Return a sentence for each row that cannot be used.

        Without `new_labels`, right answers with a label that neither version has are refused.
        """
        reviews, faults = read_answers(rows, self.challenge, self._store.batches(self.challenge.id), reviewer)
        known = set() if new_labels else self._labels()
        unknown = {each.key: _labels_of(each.gold) - known if known else set() for each in reviews}
        for key, labels in unknown.items():
            if labels:
                names, expected = ", ".join(map(shorten, sorted(labels))), shorten(", ".join(sorted(known)), 200)
                faults.append(f"item {key[0]}-{key[1]}: unknown label {names}; known: {expected}")
        self._store.add_reviews(self.challenge.id, [each for each in reviews if not unknown[each.key]])
        return faults

    def _labels(self) -> set[str]:
        """Return the labels that one of the versions has at least."""
        from glossator.service.bundle.reader import read_bundle
        from glossator.service.reviews.accuracy.periods import scheme_of

        folders = [
            self._registry.folder(self.challenge.model, each)
            for each in (self.challenge.candidate, self.challenge.baseline)
        ]
        schemes = [scheme_of(read_bundle(each).task) for each in folders]
        return {label for scheme in schemes if scheme is not None for label in scheme.labels}

    def give_up(self) -> None:
        """Close the challenge; what it may spend stays spent."""
        self.challenge = self._store.give_up(self.challenge.id)

    def decide(self, runs: Callable[[], RunStore], reporter: Reporter, *, act: bool) -> Standing:
        """Return where the challenge stands; promote or roll back if the evidence says so and `act` is set.

        Args:
            runs: Returns where a comparison on the test file is recorded.
            reporter: Receives the progress.
            act: Change the registry.
        """
        batches, reviews = self._store.batches(self.challenge.id), self._store.reviews(self.challenge.id)
        evidence = evidence_of(self.challenge, batches, reviews)
        gates: list[Gate] = []
        labels = None
        if self.challenge.direction == "promote":
            gates, labels = self._gates(runs, reporter)
        passed = is_allowed(evidence, gates)
        entry = None
        if passed and act:
            numbers = decision_numbers(self.challenge, evidence, gates)
            entry = carry_out(self._store, self._registry, self.challenge, numbers)
            self.challenge = self._store.challenge(self.challenge.id)
        return Standing(
            challenge=self.challenge,
            evidence=evidence,
            gates=gates,
            waiting=len(waiting(batches, reviews)),
            labels=labels,
            verdict=self._verdict(passed, acted=entry is not None),
            entry=entry,
        )

    def _verdict(self, passed: bool, *, acted: bool) -> Verdict:
        if self.challenge.direction == "promote":
            return "promoted" if acted else "ready" if passed else "not yet"
        return "rolled back" if acted else "worse" if passed else "kept"

    def _gates(self, runs: Callable[[], RunStore], reporter: Reporter) -> tuple[list[Gate], str | None]:
        old, new = (
            self._registry.folder(self.challenge.model, each)
            for each in (self.challenge.baseline, self.challenge.candidate)
        )
        reporter.stage("verifying the challenger, and measuring its time and memory")
        gates, labels = check_versions(
            old, new, latency_ratio=self.terms.latency_ratio, memory_ratio=self.terms.memory_ratio
        )
        if gates[0].passed:
            gates.append(self._test_gate(old, new, runs, reporter))
        return gates, labels

    def _test_gate(self, old: Path, new: Path, runs: Callable[[], RunStore], reporter: Reporter) -> Gate:
        """Compare both versions on the test file.

        Passed if the challenger is shown to be at most the margin worse, or if there are too few rows to show it and it
        is not worse by more than the margin on them.
        """
        name, margin = "test file", self.challenge.margin
        if self.terms.test is None:
            return Gate(name, None, "not checked: there is no --test FILE")
        from glossator.workflows.models.comparison import compare_models

        compared = compare_models(
            [old, new], self.terms.test, self.terms.reading, runs(), reporter, margin=margin, other_labels=True
        )
        (found,) = compared.comparisons
        difference, bound = 100 * found.difference.value, 100 * found.bound
        few = found.detectable > margin
        passed = bool(found.non_inferior) or (few and found.difference.value >= -margin)
        shown = f"{found.metric} {difference:+.2f} points on {found.rows:,} rows, at least {bound:+.2f} (95 %)"
        if passed and not found.non_inferior:
            shown += "; too few rows to show that it is within the margin"
        numbers = {
            "metric": found.metric,
            "rows": found.rows,
            "difference": found.difference.value,
            "bound": found.bound,
            "non_inferior": found.non_inferior,
        }
        return Gate(name, passed, shown, numbers)


def _labels_of(gold: Mapping[str, Any] | None) -> set[str]:
    """Return the labels of a right answer: its own, or those of its entities."""
    found = gold or {}
    return {*found.get("labels", ()), *(each["label"] for each in found.get("entities", ()))}


def _versions(registry: Registry, model: str, other: str) -> tuple[str, str]:
    """Return the digests of the champion and of the other version."""
    record = registry.record(model)
    champion = record.aliases.get(CHAMPION)
    if champion is None:
        raise ConfigError("the model has no champion", found=model, hint="glossator models alias MODEL VERSION")
    if other == PREVIOUS and PREVIOUS not in record.aliases:
        previous = record.previous_version(CHAMPION)
        if previous is None:
            raise ConfigError(
                "no other version was champion before",
                found=f"{model}@{champion[:12]}",
                hint="Name the version that answers as the shadow: --challenger VERSION.",
            )
        return champion, previous
    if other == CHALLENGER and CHALLENGER not in record.aliases:
        raise ConfigError(
            "the model has no challenger",
            found=f"{model}: {', '.join(record.aliases)}",
            hint="Name the version (--challenger VERSION), or give it the alias: "
            f"glossator models alias {model} VERSION challenger",
        )
    return champion, registry.resolve_version(model, other)
