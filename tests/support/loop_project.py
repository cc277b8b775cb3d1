"""A project with a trained model in a registry, a prediction log with texts, and reviews: all real, and small."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from glossator.service.inference.model import Model, load
from glossator.service.monitoring.prediction_log.records import Served, format_time
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.registry import Registry
from glossator.service.reviews.accuracy.periods import draw_items, open_period
from glossator.service.reviews.records import Period, Review
from glossator.service.reviews.store import ReviewStore
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.models.bundle_export import export_checkpoint
from glossator.workflows.models.training import check_config, train_model
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

NAME = "topics"
START = 1_767_225_600.0
"""2026-01-01, UTC."""
ANSWERED_EVERY = 60.0
"""Seconds between two logged answers."""


class LoopProject:
    """A folder with `corpus.csv`, `runs`, `registry` and `log`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.corpus, self.log = root / "corpus.csv", root / "log"
        self.store = RunStore(root / "runs")
        self.registry = Registry(root / "registry")
        self.log.mkdir(exist_ok=True)

    def copy(self, target: Path) -> LoopProject:
        """Return the same project in another folder."""
        shutil.copytree(self.root, target, dirs_exist_ok=True)
        return LoopProject(target)

    def train(self, rows: Sequence[tuple[str, str]], base: Path, *, algorithm: str = "tfidf") -> None:
        """Train a champion on rows of text and label, half a fifth each for validation and test."""
        with self.corpus.open("w", newline="") as file:
            csv.writer(file).writerows([("message", "topic"), *rows])
        sources = DataSources(source=str(self.corpus), validation_share=0.15, test_share=0.15)
        reading = ReadingOptions(text_column="message", label_column="topic")
        config = check_config({"algorithm": algorithm, "base": str(base), "options": {"pairs": "no", "strength": 1.0}})
        checkpoint, bundle = self.root / "checkpoint", self.root / "bundle"
        train_model(sources, checkpoint, config, reading, self.store, Reporter())
        export_checkpoint(checkpoint, bundle, self.store, Reporter(), name=NAME)
        self.registry.add(bundle, name=NAME)

    def champion(self) -> Model:
        """Return the live model."""
        return load(self.registry.folder(NAME, self.registry.record(NAME).aliases["champion"]))

    def answer(
        self, texts: Sequence[str], *, begin: float = START, request: str = "request", redact: bool = False
    ) -> None:
        """Let the champion answer the texts, one a request, and log the answers."""
        model = self.champion()
        log = PredictionLog(LogSettings(folder=self.log, texts=True, redact=redact, keep_days=36_500.0, free_bytes=0))
        log.start()
        for number, (text, answer) in enumerate(zip(texts, model.predict(list(texts)), strict=True)):
            time = begin + number * ANSWERED_EVERY
            served = Served(
                time, f"{request}-{number}", NAME, None, model.digest, "/v1", "local", 0.001, [text], [answer]
            )
            log.add(served, wait=True)
        log.close()

    def period(self, reviews: ReviewStore, *, until: float = START + 86_400.0) -> Period:
        """Freeze all answers before that time."""
        return open_period(reviews, self.log, NAME, since=None, until=format_time(until), planned_labels=10)

    def review(
        self,
        reviews: ReviewStore,
        period: Period,
        right: Callable[[int], str | None],
        *,
        reviewer: str = "ann",
        draws: int = 0,
    ) -> None:
        """Review every item of a period: `right` gives the label of an item, or None if the answer is right."""
        draw_items(reviews, period, draws or 1)
        found = []
        for place, item in enumerate(period.items):
            label = right(place)
            if label is None or [label] == list(item.labels):
                found.append(Review(place, "right", reviewer))
            else:
                found.append(Review(place, "wrong", reviewer, {"labels": [label]}))
        reviews.add_reviews(period.id, found)
