"""Answers a share of the logged texts with another version of their model, in a thread of its own.

The log shows every request that it logs. The texts of the share go into a bounded queue; when it is full, they are
dropped and counted. The thread of the shadow answers them while no request needs the processor, and logs its answers
with the role `shadow`. Callers never wait for any of this.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple, Protocol

from glossator.service.errors import GlossatorError, InputError
from glossator.service.inference.cascade import FastTier
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, Pipeline
from glossator.service.inference.queue.workload import count_characters
from glossator.service.monitoring.prediction_log.decisions import disagree
from glossator.service.monitoring.prediction_log.records import Served, prediction_fields
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.monitoring.shadow.idle_executor import IdleExecutor, StoppedError, wait_until_idle
from glossator.service.monitoring.traffic_shares import TrafficShare, position
from glossator.service.tasks.encoded import Text

MOST_TEXTS = 2_000
MOST_CHARACTERS = 8 << 20
"""What may wait for the shadow."""
LONGEST_TEXT = 100_000
"""Characters; longer texts are dropped: encoding them takes the processor for too long."""
TEXTS_AT_A_TIME = 16
LOOK_SECONDS = 1.0
"""How often the versions are looked for."""
STOP_SECONDS = 5.0
"""How long `close` waits for the batch that runs."""

DropReason = Literal["full", "too-long", "not-loaded", "failed", "stopping"]
DROP_REASONS: tuple[DropReason, ...] = ("full", "too-long", "not-loaded", "failed", "stopping")

logger = logging.getLogger("glossator.service.monitoring")


class Target(Protocol):
    """The version that answers a share of the traffic. It may change at any time."""

    @property
    def share(self) -> TrafficShare: ...

    def model(self) -> Model | None:
        """Return the version if it is loaded and fits; None if there is none at the moment."""

    @property
    def is_missing(self) -> bool:
        """Whether the last call of `model` found a version, but not loaded."""

    @property
    def problem(self) -> str | None:
        """Why the version cannot be used, for the operator; None while there is none, or while it is loading."""


class ShadowCounts:
    """What was done with the texts of one share since the start."""

    def __init__(self) -> None:
        self.answers = self.compared = self.disagreements = 0
        self.seconds = 0.0
        """Seconds in which these answers were computed."""
        self.dropped: dict[DropReason, int] = dict.fromkeys(DROP_REASONS, 0)


class _Task(NamedTuple):
    """Texts of one request that a version answers."""

    number: int
    """The index of the share."""
    model: Model
    served: Served
    places: Sequence[int]
    texts: Sequence[Text]
    records: Sequence[Mapping[str, Any]]
    """The records of the answers that the caller got."""
    characters: int


class Shadow:
    """The shadows of one process. `start` and `close` are called once; the log calls `observe`.

    Args:
        targets: The versions, and the shares that they get.
        is_idle: Whether no request needs the processor.
        log: The log that is observed, and that the answers go to.
        seed: Chooses which texts belong to a share. Equal texts are treated equally.
    """

    def __init__(
        self, targets: Sequence[Target], is_idle: Callable[[], bool], log: PredictionLog, *, seed: int = 0
    ) -> None:
        self.targets = targets
        self.counts = [ShadowCounts() for _ in targets]
        self._is_idle = is_idle
        self._log = log
        self._seed = seed
        self._waiting: deque[_Task] = deque()
        self._texts = self._characters = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        log.observe(self.observe)

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop. What waits is dropped and counted; the batch that runs is waited for, up to STOP_SECONDS."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        with self._lock:
            for task in self._waiting:
                self.counts[task.number].dropped["stopping"] += len(task.texts)
            self._waiting.clear()
            self._texts = self._characters = 0

    @property
    def waiting(self) -> int:
        """How many texts wait or are being answered."""
        return self._texts

    def observe(self, served: Served, records: Sequence[dict[str, Any]]) -> None:
        """Queue the texts of a request that belong to a share. Requests for a version by name belong to none."""
        if served.version is not None or not records:
            return
        for number, target in enumerate(self.targets):
            if target.share.model == served.model:
                self._observe(number, target, served, records)

    def _observe(self, number: int, target: Target, served: Served, records: Sequence[dict[str, Any]]) -> None:
        share, dropped = target.share, self.counts[number].dropped
        chosen = [each for each in records if position(each["sha256"], use="shadow", seed=self._seed) < share.share]
        if not chosen:
            return
        model = target.model()
        if model is None:
            if target.is_missing:
                dropped["not-loaded"] += len(chosen)
            return
        if model.digest == served.digest:  # a canary answered
            return
        places, texts, kept = [], [], []
        for record in chosen:
            text = served.texts[record["place"]]
            if isinstance(text, InputError) or count_characters(text) > LONGEST_TEXT:
                dropped["too-long"] += 1
                continue
            places.append(record["place"])
            texts.append(text)
            kept.append(record)
        characters = sum(map(count_characters, texts))
        task = _Task(number, model, served._replace(texts=(), answers=()), places, texts, kept, characters)
        with self._lock:
            if self._stopping.is_set():
                dropped["stopping"] += len(texts)
                return
            if self._texts and (
                self._texts + len(texts) > MOST_TEXTS or self._characters + characters > MOST_CHARACTERS
            ):
                dropped["full"] += len(texts)
                return
            self._waiting.append(task)
            self._texts += len(texts)
            self._characters += characters
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look_for_versions()
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            while self._waiting and not self._stopping.is_set():
                with self._lock:
                    task = self._waiting.popleft()
                self._answer(task)
                with self._lock:
                    self._texts -= len(task.texts)
                    self._characters -= task.characters

    def _look_for_versions(self) -> None:
        """Load a version that an alias got meanwhile, before a text comes."""
        for target in self.targets:
            try:
                target.model()
            except Exception as error:  # the next look may succeed; the thread must go on
                logger.error("shadow: the version of %s cannot be found: %s", target.share, error)

    def _answer(self, task: _Task) -> None:
        """Answer the texts of a task, a few at a time."""
        dropped = self.counts[task.number].dropped
        pipeline = _idle_pipeline(task.model, self._is_idle, self._stopping)
        for first in range(0, len(task.texts), TEXTS_AT_A_TIME):
            part = slice(first, first + TEXTS_AT_A_TIME)
            try:
                wait_until_idle(self._is_idle, self._stopping)
                began = time.perf_counter()
                answers = pipeline.start(task.texts[part], lane="bulk", **asdict(task.served.options)).result()
                self._log_answers(task, part, answers, time.perf_counter() - began)
            except StoppedError:
                dropped["stopping"] += len(task.texts) - first
                return
            except Exception as error:  # the next task may succeed
                dropped["failed"] += len(task.texts) - first
                level = logging.WARNING if isinstance(error, GlossatorError) else logging.ERROR
                logger.log(level, "shadow: %s cannot answer: %s", task.model.version, error)
                return

    def _log_answers(self, task: _Task, part: slice, answers: Sequence[Answer | InputError], seconds: float) -> None:
        counts, served = self.counts[task.number], task.served
        counts.seconds += seconds
        for record, answer in zip(task.records[part], answers, strict=True):
            if isinstance(answer, InputError):
                counts.dropped["failed"] += 1
                continue
            counts.answers += 1
            differs = disagree(record, prediction_fields(answer, served.offset_unit))
            counts.compared += differs is not None
            counts.disagreements += bool(differs)
        self._log.add(
            served._replace(
                version=self.targets[task.number].share.version,
                digest=task.model.digest,
                bundle=task.model.bundle,
                seconds=seconds,
                texts=task.texts[part],
                answers=answers,
                role="shadow",
                places=task.places[part],
            )
        )


def _idle_pipeline(model: Model, is_idle: Callable[[], bool], stopping: threading.Event) -> Pipeline:
    """Return a pipeline with the queues of a model that runs when the server is idle."""
    fast = None
    if model.fast is not None:
        tier = model.fast.tier
        fast = FastTier(IdleExecutor(tier.executor, is_idle, stopping), tier.temperature, tier.threshold)
    executor = model.executor(IdleExecutor(model.batcher, is_idle, stopping))
    return Pipeline(model.pipeline.encoder, executor, model.task, fast=fast)
