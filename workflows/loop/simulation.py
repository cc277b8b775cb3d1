"""Plays the closed loop day by day: traffic of known labels, a reviewer who knows them, and two cycles a day.

Everything but the clock and the reviewer is what a deployment runs: the champion answers, the challenger answers the
same texts as a shadow, the prediction log writes the answers, its drift detector watches them, and `Loop` does the
rest. So the accuracy of every day is known, and can be compared with what the loop says about it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from glossator.workflows.loop.cycle import DISAGREEMENTS, REVIEW, Cycle, Loop
from glossator.workflows.loop.settings import LoopSettings
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.database.interface import Database
    from glossator.service.inference.model import Model
    from glossator.service.monitoring.drift.events import DriftEvent
    from glossator.service.monitoring.prediction_log.writer import PredictionLog
    from glossator.workflows.corpus.data_splits import DataSources
    from glossator.workflows.corpus.reading_options import ReadingOptions
    from glossator.workflows.run_records import RunStore

DAY = 86_400.0
_KEEP_DAYS = 36_500.0
EventKind = Literal["new texts", "drift", "accuracy", "retrained", "promoted", "rolled back"]


class Text(NamedTuple):
    """A text of the traffic, and its right label."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: on which day (a fraction tells the time), and after how many texts in all."""

    kind: EventKind
    day: float
    texts: int
    detail: str


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day of the simulation.

    Attributes:
        day: Counts from 1.
        texts: How many texts were answered.
        version: The digest of the version that answered them.
        accuracy: The share of right answers, which the simulation knows.
        value, low, high: What the reviews say about it: best estimate and interval.
        reviewed: Answers that the reviewer looked at on this day, without repetitions.
        compared: Disagreements that the reviewer looked at on this day.
        new_texts: How many texts had a label that the first champion does not have.
    """

    day: int
    texts: int
    version: str
    accuracy: float
    value: float | None
    low: float
    high: float
    reviewed: int
    compared: int
    new_texts: int


@dataclass(slots=True)
class Simulated:
    """The days, and what happened in them."""

    days: list[DayResult] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def first(self, kind: EventKind) -> Event | None:
        """Return the first event of a kind."""
        return next((event for event in self.events if event.kind == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {"days": [asdict(day) for day in self.days], "events": [asdict(event) for event in self.events]}


class Simulation:
    """A simulated deployment.

    Args:
        settings: The settings of the loop; `tasks` and `answers` must be folders.
        database: The database of the loop.
        begin: When the first day begins, in seconds since 1970. All days should be over by now.
        gold: The right label of every text.
        known: The labels of the first champion.
        reporter: Receives the progress.
    """

    def __init__(
        self,
        settings: LoopSettings,
        database: Database,
        *,
        begin: float,
        gold: dict[str, str],
        known: Sequence[str],
        reporter: Reporter,
    ) -> None:
        self.settings = settings
        self.result = Simulated()
        self._gold = gold
        self._known = set(known)
        self._begin = begin
        self._reporter = reporter
        self._now = begin
        self._texts = 0
        self._models: dict[str, Model] = {}
        settings.log.mkdir(parents=True, exist_ok=True)
        self.loop = Loop(settings, database, Reporter(), clock=lambda: self._now)

    def play(self, days: Sequence[Sequence[Text]]) -> Simulated:
        """Play the days, and return what happened."""
        from glossator.service.monitoring.drift.detector import DriftDetector
        from glossator.service.monitoring.drift.state import DriftState
        from glossator.service.monitoring.prediction_log.settings import LogSettings
        from glossator.service.monitoring.prediction_log.writer import PredictionLog
        from glossator.service.statistics.drift import DriftSettings

        drift = DriftSettings(tolerance=self.settings.tolerance)
        detector = DriftDetector(drift, DriftState(self.settings.log), self._on_drift)
        for number, texts in enumerate(days, start=1):
            log = PredictionLog(LogSettings(folder=self.settings.log, texts=True, keep_days=_KEEP_DAYS, free_bytes=0))
            log.observe(detector.observe)
            log.start()
            right, version = self._answer(log, number, texts)
            log.close()  # at the end of a day everything is on disk
            self._end_day(number, texts, right, version)
        detector.close()
        return self.result

    def _answer(self, log: PredictionLog, number: int, texts: Sequence[Text]) -> tuple[int, str]:
        """Answer the texts of a day, spread over it. Return how many answers were right, and the version."""
        from glossator.service.monitoring.prediction_log.records import Served
        from glossator.service.registry import CHAMPION

        name = self.settings.model
        digest = self.loop.registry.record(name).aliases[CHAMPION]
        versions = [digest, *([other] if (other := self.loop.challenger()) is not None else [])]
        inputs = [each.text for each in texts]
        right = 0
        first_new = True
        found = {version: self._model(version).predict(list(inputs)) for version in versions}
        for place, text in enumerate(texts):
            time = self._begin + (number - 1 + (place + 0.5) / len(texts)) * DAY
            if text.label not in self._known and first_new and self.result.first("new texts") is None:
                self._add_event("new texts", time, self._texts + place, text.label)
                first_new = False
            for version in versions:
                answer = found[version][place]
                if version == digest:
                    right += list(answer.prediction.labels) == [text.label]  # type: ignore[union-attr]
                log.add(
                    Served(
                        time=time,
                        request=f"day{number}-{place}",
                        model=name,
                        version=None,
                        digest=version,
                        route="/v1/models/{name}/predict",
                        key="local",
                        seconds=0.001,
                        texts=[text.text],
                        answers=[answer],
                        role="served" if version == digest else "shadow",
                        bundle=self._model(version).bundle,
                    ),
                    wait=True,
                )
        self._texts += len(texts)
        return right, digest

    def _end_day(self, number: int, texts: Sequence[Text], right: int, version: str) -> None:
        """Run a cycle, let the reviewer answer what it asks, and run another one."""
        self._now = self._begin + number * DAY
        self.loop.run(("answers", "period", "promote"))
        reviewed, compared = self._review(number, REVIEW), self._review(number, DISAGREEMENTS)
        cycle = self.loop.run(("answers", "estimate", "drift", "promote", "retrain", "watch"))
        self._note(cycle)
        step = cycle.step("estimate")
        numbers = {} if step is None else step.numbers
        day = DayResult(
            day=number,
            texts=len(texts),
            version=version,
            accuracy=right / len(texts),
            value=numbers.get("value"),
            low=numbers.get("low", 0.0),
            high=numbers.get("high", 1.0),
            reviewed=reviewed,
            compared=compared,
            new_texts=sum(text.label not in self._known for text in texts),
        )
        self.result.days.append(day)
        said = "nothing" if day.value is None else f"{100 * day.low:.0f} to {100 * day.high:.0f} %"
        self._reporter.stage(
            f"day {number}: {len(texts):,} texts, {reviewed + compared:,} reviewed, accuracy {said} "
            f"(in truth {100 * day.accuracy:.0f} %)"
        )
        for event in self.result.events:
            if number - 1 < event.day <= number:
                self._reporter.detail(f"{event.kind}: {event.detail}")

    def _review(self, number: int, name: str) -> int:
        """Answer the tasks in a file, as a reviewer who knows the right labels. Return how many."""
        assert self.settings.tasks is not None
        assert self.settings.answers is not None
        path = self.settings.tasks / name
        rows = []
        with suppress(FileNotFoundError):
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            path.unlink()
        if rows:
            said = [row | {"gold_labels": [self._gold[row["text"]]], "reviewer": "reviewer"} for row in rows]
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said)
            self.settings.answers.mkdir(parents=True, exist_ok=True)
            (self.settings.answers / f"day{number:03d}-{name}").write_text(lines, encoding="utf-8")
        return len(rows)

    def _note(self, cycle: Cycle) -> None:
        for step in cycle.steps:
            if step.status == "failed":
                self._reporter.detail(f"{step.name} failed: {step.summary}")
            elif step.name == "estimate" and step.status == "alarm":
                self._add_event("accuracy", self._now, self._texts, step.summary)
            elif step.name == "retrain" and step.status == "done":
                self._add_event("retrained", self._now, self._texts, step.summary)
            elif step.name == "promote" and step.status == "done":
                self._add_event("promoted", self._now, self._texts, step.summary)
            elif step.name == "watch" and step.numbers.get("verdict") == "rolled back":
                self._add_event("rolled back", self._now, self._texts, step.summary)

    def _on_drift(self, event: DriftEvent) -> None:
        """Note an alarm of the detector; called by the thread of the log."""
        if event.began:
            before = sum(day.texts for day in self.result.days if day.version != event.digest)
            self._add_event("drift", event.time, before + event.alarm.raised, event.sentence())

    def _add_event(self, kind: EventKind, time: float, texts: int, detail: str) -> None:
        self.result.events.append(Event(kind, (time - self._begin) / DAY, texts, detail))

    def _model(self, digest: str) -> Model:
        from glossator.service.inference.model import load

        if digest not in self._models:
            self._models[digest] = load(self.loop.registry.folder(self.settings.model, digest))
        return self._models[digest]


def deploy(
    name: str,
    folder: Path,
    sources: DataSources,
    options: ReadingOptions,
    training: dict[str, Any],
    store: RunStore,
    reporter: Reporter,
) -> Path:
    """Train and export a first champion in a folder, and return the registry that has it."""
    from glossator.service.registry import Registry
    from glossator.workflows.models.bundle_export import export_checkpoint
    from glossator.workflows.models.training import check_config, train_model

    train_model(sources, folder / "checkpoint", check_config(training), options, store, reporter)
    export_checkpoint(folder / "checkpoint", folder / name, store, reporter)
    registry = Registry(folder / "registry")
    registry.add(folder / name, name=name, why="first version")
    return registry.root
