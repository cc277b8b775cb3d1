"""The shape of an algorithm, and what it is given."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.checkpoint_reader import open_pipeline
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.bundle.task import Classifier, StrictModel, Task, TaskName
from glossator.service.inference.pipeline import Pipeline
from glossator.training.base_model import BaseModel, learning_rate
from glossator.training.batches import Example
from glossator.training.config import Schedule, TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.device import Device
from glossator.training.objectives.objective import Objective
from glossator.training.progress import Progress, StepDone
from glossator.training.resume_state import ResumeState
from glossator.training.training_loop import LossOf, Outcome, run

TEXTS: frozenset[TaskName] = frozenset({"text-classification"})
EVERY_TASK: frozenset[TaskName] = frozenset(
    {"text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"}
)


@dataclass(frozen=True, slots=True)
class Splits:
    """The rows of a run. `test` is not looked at: it travels with the checkpoint for export to measure. `unlabelled`
    texts are for the algorithms that can learn from them."""

    train: Corpus
    validation: Corpus
    test: LabelledRows
    unlabelled: list[str] = field(default_factory=list)


class NoOptions(StrictModel):
    """An algorithm with none of its own."""


@dataclass(frozen=True)
class Run:
    """A run that has been prepared: the task is known, the texts are tokens."""

    splits: Splits
    config: TrainingConfig
    options: Any
    """Of the type that the algorithm names."""
    base: BaseModel
    task: Task
    device: Device
    tokenizer_folder: Path
    special_tokens: frozenset[int]
    objective: Objective
    examples: Sequence[Example]
    """Every window of the training rows, with what is to be learnt from it."""
    state: ResumeState
    fingerprint: str
    progress: Progress

    @property
    def labels(self) -> list[str]:
        return self.task.labels

    @cached_property
    def validation(self) -> LabelledRows:
        return self.splits.validation.rows()

    def model_settings(self) -> dict[str, Any]:
        """What the configuration of a model of ours says of the task and its tokens."""
        assert isinstance(self.task, Classifier)
        return {
            "vocab_size": self.base.vocabulary,
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
            "problem_type": self.task.problem_type,
        }

    def served(self, model: Any) -> Pipeline:
        """The model behind the decoder that serves."""
        return open_pipeline(model, self.tokenizer_folder, self.task)

    def score(self, model: Any) -> float:
        """The metric on the validation rows; higher is better."""
        return self.objective.validate(self.served(model), self.validation)

    def descend(
        self,
        model: Any,
        *,
        examples: Sequence[Example] | None = None,
        loss: LossOf | None = None,
        validate: Callable[[], float] | None = None,
        device: Device | None = None,
    ) -> Outcome:
        """Trains by gradient descent, from where a killed run stood if one did, and leaves the weights of the best
        epoch."""
        if validate is None:
            served = self.served(model)  # once: it reads the tokenizer
            validate = lambda: self.objective.validate(served, self.validation)  # noqa: E731
        return run(
            model,
            self.examples if examples is None else examples,
            loss or self.objective.loss,
            config=self.config,
            learning_rate=learning_rate(self.base, self.config),
            device=device or self.device,
            state=self.state,
            fingerprint=self.fingerprint,
            metric=self.objective.metric,
            validate=validate,
            progress=self.progress,
        )

    def fitted(self, value: float, started: float) -> Outcome:
        """The outcome of a fit that has no epochs; `started` is a time of `time.monotonic`."""
        seconds = time.monotonic() - started
        history = [{"epoch": 1.0, self.objective.metric: value}]
        return Outcome(value, 1, 1, seconds, len(self.splits.train) / max(seconds, 1e-9), history)

    def targets(self) -> NDArray[np.float32]:
        """Which labels each example carries, `(examples, labels)`."""
        return np.stack([example.target for example in self.examples])

    def weights(self) -> NDArray[np.float64]:
        """What each example counts, `(examples,)`: the windows of a text share 1."""
        return np.array([example.weight for example in self.examples])

    def in_chunks(
        self, items: Sequence[Any], size: int = 512, *, texts_in: Callable[[Any], int] = lambda _: 1
    ) -> Iterator[Sequence[Any]]:
        """The items in chunks, telling how far the work has come; `texts_in` says how many texts an item is."""
        started, done, total = time.monotonic(), 0, sum(texts_in(item) for item in items)
        for begin in range(0, len(items), size):
            chunk = items[begin : begin + size]
            yield chunk
            done += sum(texts_in(item) for item in chunk)
            speed = done / max(time.monotonic() - started, 1e-9)
            self.progress.step(StepDone(0, 1, done, total, math.nan, speed, (total - done) / speed))


Train = Callable[[Run], tuple[Any, Outcome]]
"""The trained model, on any device, and how it went."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to come from labelled rows to a model. `train` may rely on the task being among `tasks`."""

    name: str
    summary: str
    """One line, for people who choose."""
    train: Train
    tasks: frozenset[TaskName] = TEXTS
    multi_label: bool = True
    """Whether a text may have any number of labels."""
    options: type[StrictModel] = NoOptions
    schedule: Schedule = field(default_factory=Schedule)
    search: Callable[[Any], Mapping[str, Any]] | None = None
    """Options to try, drawn from an optuna trial; the names are those of `options` or of the configuration."""
    reads_unlabelled: bool = False
