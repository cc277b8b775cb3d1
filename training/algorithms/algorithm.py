"""The interface of an algorithm, and the context that its `train` function receives."""

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
from glossator.training.compute.device import Device
from glossator.training.config import Schedule, TrainingConfig
from glossator.training.corpus.corpus import Corpus
from glossator.training.objectives.objective import Objective
from glossator.training.progress import Progress, StepDone
from glossator.training.resume_state import ResumeState
from glossator.training.training_loop import LossFunction, Outcome, train_loop

TEXTS: frozenset[TaskName] = frozenset({"text-classification"})
EVERY_TASK: frozenset[TaskName] = frozenset(
    {"text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"}
)


@dataclass(frozen=True, slots=True)
class Splits:
    """The rows that a model is trained, validated and tested on."""

    train: Corpus
    validation: Corpus
    test: LabelledRows
    """Not used in training: it is stored in the checkpoint, and export measures the model on it."""
    unlabelled: list[str] = field(default_factory=list)
    """Further texts, for algorithms that can learn from texts without labels."""
    out_of_scope: list[str] = field(default_factory=list)
    """Texts that no label fits. Not used in training: it is measured on them how many of them the model finds."""
    groups: dict[str, Any] = field(default_factory=dict)
    """What the source was grouped by when it was split, as `RowGroups.to_dict` returns it."""


class AlgorithmOptions(StrictModel):
    """The base class of an algorithm's options (a pydantic model); without fields: the algorithm has none."""


@dataclass(frozen=True)
class TrainingContext:
    """What an algorithm needs to train a model: rows, tokens, task and configuration, and the common steps."""

    splits: Splits
    config: TrainingConfig
    options: Any
    """An instance of the algorithm's options class."""
    base: BaseModel
    task: Task
    device: Device
    tokenizer_folder: Path
    special_tokens: frozenset[int]
    objective: Objective
    examples: Sequence[Example]
    """Every window of the training rows with its target. The windows of a long text are separate examples."""
    state: ResumeState
    fingerprint: str
    progress: Progress

    @property
    def labels(self) -> list[str]:
        """The label names, in the order of the logits."""
        return self.task.labels

    @cached_property
    def validation(self) -> LabelledRows:
        """The validation rows."""
        return self.splits.validation.rows()

    def model_settings(self) -> dict[str, Any]:
        """The arguments that describe vocabulary and labels to the configuration of a model."""
        assert isinstance(self.task, Classifier)
        return {
            "vocab_size": self.base.vocabulary,
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
            "problem_type": self.task.problem_type,
        }

    def pipeline(self, model: Any) -> Pipeline:
        """A pipeline that predicts with `model`, through the same decoder as the service."""
        return open_pipeline(model, self.tokenizer_folder, self.task)

    def validate(self, model: Any) -> float:
        """The metric of `model` on the validation rows; higher is better."""
        return self.objective.validate(self.pipeline(model), self.validation)

    def train_model(
        self,
        model: Any,
        *,
        examples: Sequence[Example] | None = None,
        loss: LossFunction | None = None,
        validate: Callable[[], float] | None = None,
        device: Device | None = None,
    ) -> Outcome:
        """Train `model` in place by gradient descent, and leave it with the weights of its best epoch.

        Training that was interrupted continues where it stopped. Raises TrainingDiverged, and OutputError if the state
        cannot be written.

        Args:
            model: Has `parameters`, `state_dict` and `base_model`, as the models of transformers do.
            examples: None: the windows of the training rows.
            loss: None: the loss of the task's objective.
            validate: The metric of the current model; None: that of the task's objective.
            device: None: the configured device.
        """
        if validate is None:
            pipeline = self.pipeline(model)  # built once, because it reads the tokenizer
            validate = lambda: self.objective.validate(pipeline, self.validation)  # noqa: E731
        return train_loop(
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
            pad_token_id=self.task.encoding.pad_token_id,
        )

    def outcome_without_epochs(self, score: float, started: float) -> Outcome:
        """The outcome of training without epochs; `score` is the validation metric, `started` a `time.monotonic()`."""
        seconds = time.monotonic() - started
        history = [{"epoch": 1.0, self.objective.metric: score}]
        return Outcome(score, 1, 1, seconds, len(self.splits.train) / max(seconds, 1e-9), history)

    def targets(self) -> NDArray[np.float32]:
        """The labels of each example as 0 and 1, `(examples, labels)`."""
        return np.stack([example.target for example in self.examples])

    def weights(self) -> NDArray[np.float64]:
        """The weight of each example, `(examples,)`: the windows of a text share a weight of 1."""
        return np.array([example.weight for example in self.examples])

    def in_chunks(
        self, items: Sequence[Any], size: int = 512, *, texts_in: Callable[[Any], int] = lambda _: 1
    ) -> Iterator[Sequence[Any]]:
        """Yield the items in chunks and report progress; `texts_in` returns the number of texts in an item."""
        started, done, total = time.monotonic(), 0, sum(texts_in(item) for item in items)
        for begin in range(0, len(items), size):
            chunk = items[begin : begin + size]
            yield chunk
            done += sum(texts_in(item) for item in chunk)
            speed = done / max(time.monotonic() - started, 1e-9)
            self.progress.step(StepDone(0, 1, done, total, math.nan, speed, (total - done) / speed))


TrainFunction = Callable[[TrainingContext], tuple[Any, Outcome]]
"""Returns the trained model, on any device, and how training went."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to train a model on labelled rows."""

    name: str
    summary: str
    """One line that helps people to choose."""
    train: TrainFunction
    """Called only for tasks in `tasks`."""
    tasks: frozenset[TaskName] = TEXTS
    multi_label: bool = True
    """True if a text may have any number of labels."""
    options: type[AlgorithmOptions] = AlgorithmOptions
    """The options of `--set`."""
    schedule: Schedule = field(default_factory=Schedule)
    """The defaults of epochs, batch size and learning rate."""
    search: Callable[[Any], Mapping[str, Any]] | None = None
    """Draws values from an optuna trial for `--search`, by names of `options` or of TrainingConfig."""
    trains_in_epochs: bool = True
    """False if epochs, batches and a learning rate mean nothing to it: its provenance then has none."""
    reads_unlabelled: bool = False
    """True if the algorithm learns from texts without labels too."""
