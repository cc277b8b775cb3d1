"""One cycle of the closed loop, step by step: reviews in, a period, its accuracy, drift, a promotion, a retraining.

Every step may be repeated, and goes on where a killed one stopped. Steps that have nothing to do say so. What the last
cycle did is in LOG/loop/state.json, all cycles are in LOG/loop/cycles.jsonl.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from glossator.service.bundle.reader import read_manifest
from glossator.service.errors import ConfigError, GlossatorError, OutputError
from glossator.service.files.append_lines import append_line
from glossator.service.files.durable import write_atomically
from glossator.service.files.locks import Locked, locked
from glossator.service.files.printable_json import printable_json
from glossator.service.monitoring.prediction_log.reader import LogReader
from glossator.service.monitoring.prediction_log.records import format_time
from glossator.service.registry import CHAMPION, Registry
from glossator.workflows.loop.retraining import CHALLENGER, RESULT, Retrained, retrain
from glossator.workflows.loop.review_files import read_rows, write_rows
from glossator.workflows.loop.settings import LoopSettings
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

if TYPE_CHECKING:
    from glossator.service.database.interface import Database
    from glossator.service.reviews.accuracy.live_accuracy import LiveAccuracy
    from glossator.service.reviews.records import Period
    from glossator.workflows.models.promotion import Promotion, Standing

FOLDER, STATE, CYCLES = "loop", "state.json", "cycles.jsonl"
REVIEW, DISAGREEMENTS = "review.jsonl", "disagreements.jsonl"
StepName = Literal["answers", "period", "estimate", "drift", "promote", "watch", "retrain"]
STEPS: tuple[StepName, ...] = ("answers", "period", "estimate", "drift", "promote", "watch", "retrain")
Status = Literal["done", "waiting", "nothing", "alarm", "failed"]
_EARLY = 0.99
"""A period is over after this share of its time: a timer is not always on time."""
_FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did, in a sentence and in numbers."""

    name: StepName
    status: Status
    summary: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    model: str
    time: str
    steps: list[Step]

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(step.status == "failed" for step in self.steps)

    def step(self, name: StepName) -> Step | None:
        """Return a step; None if it was not run."""
        return next((step for step in self.steps if step.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {"format_version": _FORMAT_VERSION} | asdict(self)


class Loop:
    """The closed loop of one model.

    Args:
        settings: What to do.
        database: The database of the loop.
        reporter: Receives the progress.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        settings: LoopSettings,
        database: Database,
        reporter: Reporter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        from glossator.service.reviews.store import ReviewStore

        LogReader(settings.log)  # an error if there is no log
        self.settings = settings
        self.registry = Registry(settings.registry)
        self.registry.record(settings.model)  # an error if it lacks the model
        self.reviews = ReviewStore(database)
        self._database = database
        self._reporter = reporter
        self._clock = clock
        self._alarmed = False
        self._alarm_alpha = settings.alarm_alpha / 100.0
        self._steps: dict[StepName, Callable[[], Step]] = {
            "answers": self.read_answers,
            "period": self.open_period,
            "estimate": self.estimate,
            "drift": self.measure_drift,
            "promote": self.promote,
            "watch": self.watch,
            "retrain": self.retrain,
        }

    def run(self, steps: Iterable[StepName] = STEPS) -> Cycle:
        """Run the steps in their order, and record what they did. An error ends its step, not the cycle.

        Raises ConfigError if another loop runs on this log, OutputError if the record cannot be written.
        """
        folder = self.settings.log / FOLDER
        wanted = set(steps)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with locked(folder / STATE, wait=False, mode=0o600):
                self._alarmed = False
                done = [self._run(name) for name in STEPS if name in wanted]
                cycle = Cycle(self.settings.model, format_time(self._clock()), done)
                line = printable_json(cycle.to_dict()).encode()
                append_line(folder / CYCLES, line)
                write_atomically(folder / STATE, line + b"\n", mode=0o600)
        except Locked:
            raise ConfigError(
                "another loop runs on this log", found=folder, hint="Wait until it ends, or stop it."
            ) from None
        except OSError as error:
            raise OutputError(
                f"the cycle cannot be recorded: {error.strerror or error}",
                found=folder,
                expected="free space and permission to write",
            ) from error
        return cycle

    def _run(self, name: StepName) -> Step:
        try:
            step = self._steps[name]()
        except GlossatorError as error:
            step = Step(name, "failed", str(error).replace("\n", ";"), {"error": error.to_dict()})
        if name in ("estimate", "drift"):
            self._alarmed |= step.status == "alarm"
        elif name in ("promote", "watch") and step.numbers.get("verdict") in ("promoted", "rolled back"):
            self._alarmed = False  # the alarm was about another version
        self._reporter.stage(f"{step.name}: {step.summary}")
        return step

    # Steps

    def read_answers(self) -> Step:
        """Read reviews of answers and of disagreements from the files in the folder of answers."""
        folder = self.settings.answers
        if folder is None or not folder.is_dir():
            return Step("answers", "nothing", "no folder of answers")
        from glossator.service.reviews.tasks import read_reviews

        rows, faults = read_rows(sorted(folder.glob("*.jsonl")))
        periods = {period.id: period for period in self.reviews.periods(self.settings.model)}
        new = 0
        for period in periods.values():
            own = [(number, row) for number, row in rows if row.get("period") == period.id]
            found, unusable = read_reviews(
                own, period, self.reviews.draws(period.id), self.settings.reviewer, labels=self._known_labels(period)
            )
            new += self.reviews.import_reviews(period.id, found).new
            faults += unusable
        compared = [(number, row) for number, row in rows if "challenge" in row]
        if compared:
            promotion = self._promotion()
            if promotion is not None:
                own = [(number, row) for number, row in compared if row["challenge"] == promotion.challenge.id]
                faults += promotion.add_answers(own, self.settings.reviewer, new_labels=self.settings.new_labels)
        strange = sum("challenge" not in row and row.get("period") not in periods for _, row in rows)
        faults += [f"{strange} rows belong to no period of {self.settings.model}"] if strange else []
        summary = f"{new:,} new reviews of answers, {len(compared):,} rows about disagreements"
        summary += f"; {len(faults):,} rows cannot be used" if faults else ""
        numbers = {"new": new, "disagreements": len(compared), "faults": faults}
        return Step("answers", "done" if rows else "nothing", summary, numbers)

    def _known_labels(self, period: Period) -> list[str] | None:
        """Return the labels that a right answer may have; None if all are allowed, or the version was removed."""
        model = self.settings.model
        if self.settings.new_labels or period.digest not in self.registry.record(model).versions:
            return None
        return list(read_manifest(self.registry.folder(model, period.digest)).task.labels)

    def open_period(self) -> Step:
        """Open a period if the last one ended long enough ago, draw answers, and write them for the reviewers."""
        from glossator.service.reviews.accuracy.periods import draw_items, open_period
        from glossator.service.reviews.tasks import review_tasks

        settings, now = self.settings, self._clock()
        last = self.reviews.newest_period(settings.model)
        opened = last is None or now - _seconds(last.until) >= _EARLY * 3_600.0 * settings.period_hours
        period = last
        if opened:
            try:
                period = open_period(
                    self.reviews,
                    settings.log,
                    settings.model,
                    since=None if last is None else last.until,
                    until=format_time(now),
                    planned_labels=settings.labels,
                )
            except ConfigError as error:
                return Step("period", "waiting", error.message, {"error": error.to_dict()})
        assert period is not None
        draw_items(self.reviews, period, settings.labels)
        tasks = list(review_tasks(self.reviews, settings.log, period))
        self._write_tasks(REVIEW, tasks)
        numbers = {"period": period.id, "digest": period.digest, "answers": len(period.items), "waiting": len(tasks)}
        what = "opened" if opened else "goes on"
        summary = f"{what}: {len(period.items):,} answers until {period.until[:16]}, {len(tasks):,} wait for review"
        return Step("period", "done" if opened else "waiting", summary, numbers | {"opened": opened})

    def estimate(self) -> Step:
        """Estimate the accuracy of the newest period; an alarm if it is shown to be too low."""
        from glossator.service.reviews.accuracy.live_accuracy import live_accuracy

        period = self.reviews.newest_period(self.settings.model)
        if period is None:
            return Step("estimate", "nothing", "no period yet")
        found = live_accuracy(self.reviews, period, alpha=0.05, details=False)
        numbers = _accuracy(found)
        if found.estimate.value is None:
            return Step("estimate", "waiting", "no reviews yet", numbers)
        interval = found.estimate.interval
        summary = (
            f"accuracy between {100 * interval.low:.1f} % and {100 * interval.high:.1f} %, best estimate "
            f"{100 * found.estimate.value:.1f} %, from {found.estimate.labels:,} reviewed draws"
        )
        limit = self.settings.min_accuracy
        if limit is not None and self._is_champion(period):
            strict = live_accuracy(self.reviews, period, alpha=self._alarm_alpha, details=False)
            if strict.estimate.interval.high < limit / 100.0:
                return Step("estimate", "alarm", f"{summary}: shown to be below {limit:g} %", numbers)
        return Step("estimate", "done", summary, numbers)

    def measure_drift(self) -> Step:
        """Compare the newest period with the reference of its version; an alarm if a summary has drifted."""
        from glossator.workflows.loop.drift_files import DriftOptions, drift_of_log

        period = self.reviews.newest_period(self.settings.model)
        if period is None or not self._is_champion(period):
            return Step("drift", "nothing", "no period of the champion")
        options = DriftOptions(self.settings.tolerance, self._alarm_alpha)
        bundle = self.registry.folder(self.settings.model, period.digest)
        try:
            found = drift_of_log(
                self.settings.log, bundle, Reporter(), options=options, since=period.since, until=period.until
            )
        except ConfigError as error:
            return Step("drift", "nothing", error.message, {"error": error.to_dict()})
        drifted = found.comparison.drifted
        numbers = {"drifted": drifted, "texts": found.sample.texts}
        if drifted:
            return Step("drift", "alarm", f"further than {self.settings.tolerance:g}: {', '.join(drifted)}", numbers)
        return Step("drift", "done", f"nothing is shown to be further than {self.settings.tolerance:g}", numbers)

    def promote(self) -> Step:
        """Promote the challenger if the evidence is in; write the disagreements that wait for review."""
        promotion = self._promotion()
        if promotion is None:
            return Step("promote", "nothing", "no challenger")
        _read_log(promotion, until=format_time(self._clock()))
        standing = self._decide(promotion)
        tasks = [] if standing.verdict == "promoted" else list(promotion.tasks(self.settings.disagreements))
        self._write_tasks(DISAGREEMENTS, tasks)
        evidence = standing.evidence
        summary = (
            f"{standing.verdict}: {evidence.disagreements:,} disagreements on {evidence.texts:,} texts, "
            f"{evidence.reviewed:,} reviewed, {standing.waiting:,} wait for review"
        )
        if evidence.missing and standing.verdict == "not yet":
            summary += f", about {evidence.missing:,} more are needed"
        failed = [gate.name for gate in standing.gates if gate.passed is False]
        summary += f"; failed: {', '.join(failed)}" if failed else ""
        return Step("promote", "done" if standing.verdict == "promoted" else "waiting", summary, standing.to_dict())

    def watch(self) -> Step:
        """Roll the champion back if it is shown to be worse than the version before it."""
        record = self.registry.record(self.settings.model)
        if record.previous_version(CHAMPION) is None:
            return Step("watch", "nothing", "no version was champion before")
        promotion = self._promotion(watch=True)
        assert promotion is not None
        _read_log(promotion, until=format_time(self._clock()))
        standing = self._decide(promotion)
        status: Status = "alarm" if standing.verdict in ("worse", "rolled back") else "done"
        evidence = standing.evidence
        summary = f"{standing.verdict}: {evidence.reviewed:,} of {evidence.disagreements:,} disagreements reviewed"
        return Step("watch", status, summary, standing.to_dict())

    def retrain(self) -> Step:
        """Retrain if there are enough new rows, fewer after an alarm. While a challenger is being compared, another one
        is made only after an alarm."""
        settings = self.settings
        fewest = settings.fewest_after_alarm if self._alarmed else settings.fewest
        challenger = self.challenger()
        if challenger is not None:
            if not self._alarmed:
                return Step("retrain", "waiting", f"challenger {challenger[:12]} is being compared")
            fewest = max(fewest, 2 * self._rows_of(challenger))  # another one must know much more
        done = retrain(
            settings.model,
            self.registry,
            settings.log,
            self._database,
            settings.output,
            RunStore(settings.runs, ["loop"]),
            self._reporter,
            corpus=settings.corpus,
            test=settings.test,
            select=settings.select,
            new_labels=settings.new_labels,
            keep_old=settings.keep_old,
            fewest=fewest,
            margin=settings.margin / 100.0,
        )
        return _retrained(done, fewest)

    # What steps share

    def _promotion(self, *, watch: bool = False) -> Promotion | None:
        """Return the comparison of champion and challenger; None if there is none to decide."""
        from glossator.service.promotion.store import PromotionStore
        from glossator.workflows.models.promotion import Promotion, Terms

        if not watch and self.challenger() is None:
            return None
        settings = self.settings
        terms = Terms(
            margin=settings.margin / 100.0,
            latency_ratio=settings.max_latency_ratio,
            memory_ratio=settings.max_memory_ratio,
            test=settings.test,
        )
        return Promotion(
            PromotionStore(self._database), self.registry, settings.log, settings.model, terms, watch=watch
        )

    def _decide(self, promotion: Promotion) -> Standing:
        settings = self.settings
        return promotion.decide(lambda: RunStore(settings.runs, ["loop"]), self._reporter, act=settings.promote)

    def challenger(self) -> str | None:
        """Return the digest of the challenger; None if there is none, or if it was champion, or was given up."""
        from glossator.service.promotion.store import PromotionStore

        record = self.registry.record(self.settings.model)
        digest, champion = record.aliases.get(CHALLENGER), record.aliases.get(CHAMPION)
        if digest is None or champion is None:
            return None
        if any(entry.alias == CHAMPION and entry.digest == digest for entry in record.history):
            return None
        known = PromotionStore(self._database).newest(self.settings.model, "promote", digest, champion)
        return digest if known is None or known.state in ("open", "deciding") else None

    def _rows_of(self, digest: str) -> int:
        """Return how many new and changed rows a challenger was trained with."""
        for path in self.settings.output.glob(f"{self.settings.model}-*/{RESULT}"):
            found = json.loads(path.read_bytes())
            if found["digest"] == digest:
                return int(found["corpus"]["added"]) + int(found["corpus"]["changed"])
        return 0

    def _is_champion(self, period: Period) -> bool:
        return self.registry.record(self.settings.model).aliases.get(CHAMPION) == period.digest

    def _write_tasks(self, name: str, tasks: Iterable[Mapping[str, Any]]) -> None:
        if self.settings.tasks is not None:
            write_rows(self.settings.tasks / name, tasks)


def last_cycle(log: Path) -> dict[str, Any] | None:
    """Return what the last cycle did; None if there was none."""
    try:
        found = json.loads((log / FOLDER / STATE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _read_log(promotion: Promotion, *, until: str) -> None:
    """Take the texts that both versions answered since the last ones, if no disagreement waits for review."""
    promotion.read_log(new=next(iter(promotion.tasks(1)), None) is None, until=until)


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def _accuracy(found: LiveAccuracy) -> dict[str, Any]:
    estimate = found.estimate
    return {
        "period": found.period.id,
        "digest": found.period.digest,
        "answers": len(found.period.items),
        "value": estimate.value,
        "low": estimate.interval.low,
        "high": estimate.interval.high,
        "labels": estimate.labels,
        "skipped": estimate.skipped,
        "waiting": found.waiting,
    }


def _retrained(done: Retrained, fewest: int) -> Step:
    rows = f"{done.corpus['added']:,} new and {done.corpus['changed']:,} changed rows"
    if done.digest is None:
        return Step("retrain", "nothing", f"{rows}, {fewest:,} start a retraining", done.to_dict())
    summary = f"{done.name}@{done.digest[:12]} with {rows}: {done.alias}"
    return Step("retrain", "done", summary, done.to_dict())
