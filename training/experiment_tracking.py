"""Logs training to TensorBoard and MLflow, if they are installed."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from glossator.training.config import TrainingConfig
from glossator.training.progress import EpochDone, Progress, StepDone

_EVERY_STEPS = 10


class MetricLog(Protocol):
    """Receives numbers; `step` counts batches."""

    def scalar(self, name: str, value: float, step: int) -> None: ...


class TrackedProgress:
    """Forwards progress events and logs their numbers: loss, speed, validation metric."""

    def __init__(self, progress: Progress, logs: list[MetricLog]) -> None:
        self._progress = progress
        self._logs = logs
        self._step = 0

    def stage(self, name: str) -> None:
        self._progress.stage(name)

    def step(self, event: StepDone) -> None:
        self._step = event.step
        if event.step % _EVERY_STEPS == 0 and not math.isnan(event.loss):
            self._scalar("train/loss", event.loss)
            self._scalar("train/examples_per_second", event.examples_per_second)
        self._progress.step(event)

    def epoch(self, event: EpochDone) -> None:
        self._scalar(f"validation/{event.metric}", event.value)
        self._progress.epoch(event)

    def _scalar(self, name: str, value: float) -> None:
        for log in self._logs:
            log.scalar(name, value, self._step)


@contextmanager
def track_progress(progress: Progress, folder: Path, config: TrainingConfig) -> Iterator[Progress]:
    """Yield a `progress` that also logs to TensorBoard in `folder`, and to MLflow if MLFLOW_TRACKING_URI is set.

    Each is used only if it is installed.
    """
    with ExitStack() as stack:
        logs: list[MetricLog] = []
        if importlib.util.find_spec("tensorboard") is not None:
            logs.append(stack.enter_context(_tensorboard(folder)))
        if importlib.util.find_spec("mlflow") is not None and os.environ.get("MLFLOW_TRACKING_URI"):
            logs.append(stack.enter_context(_mlflow(config)))
        yield TrackedProgress(progress, logs) if logs else progress


class _TensorBoardLog:
    """Opens its writer with the first number, so that training that fails earlier leaves no folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def scalar(self, name: str, value: float, step: int) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder))
        self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@contextmanager
def _tensorboard(folder: Path) -> Iterator[MetricLog]:
    with closing(_TensorBoardLog(folder)) as log:
        yield log


class _MLflowLog:
    def __init__(self, mlflow: Any) -> None:
        self._mlflow = mlflow

    def scalar(self, name: str, value: float, step: int) -> None:
        self._mlflow.log_metric(name.replace("/", "."), value, step=step)


@contextmanager
def _mlflow(config: TrainingConfig) -> Iterator[MetricLog]:
    import mlflow

    with mlflow.start_run():
        mlflow.log_params(config.model_dump())
        yield _MLflowLog(mlflow)
