"""Trains a small student on the answers of a teacher (Hinton, Vinyals and Dean 2015).

The texts may be labelled or not. The student is an encoder with fewer layers, or a bag of distilled token vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from glossator.modeling.checkpoint_reader import load_checkpoint, load_model, read_task
from glossator.modeling.labelled_rows import inputs_of
from glossator.service.bundle import file_names
from glossator.service.bundle.task import Classifier, TaskName
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import make_encoder
from glossator.service.inference.model import load
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.training.algorithms.algorithm import Algorithm, TrainingContext
from glossator.training.algorithms.static import StaticOptions, distil_bag
from glossator.training.base_model import open_model
from glossator.training.batches import Example, make_examples
from glossator.training.compute.device import Device
from glossator.training.config import Schedule
from glossator.training.objectives.objective import forward, weights_of
from glossator.training.training_loop import Outcome


class DistilOptions(StaticOptions):
    """The student, and the share of the teacher in the loss. The options of `static` are for `student=static`."""

    student: Literal["encoder", "static"] = "encoder"
    layers: Annotated[int, Field(ge=1, le=24)] = 3
    """Layers of the student, taken evenly spaced from the teacher if it is an encoder of the same family."""
    temperature: Annotated[float, Field(gt=0.0)] = 2.0
    """The logits of teacher and student are divided by this before they are compared."""
    teacher_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.7
    """The share of the teacher in the loss of labelled texts; the rest is the loss of the labels."""


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Let the teacher answer every text once, then train the student on these answers."""
    options: DistilOptions = context.options
    teacher = open_teacher(context)
    inputs = inputs_of(context.splits.train.rows(), context.task)
    unlabelled: list[Text] = list(context.splits.unlabelled)
    context.progress.stage(
        f"computing the teacher's answers to {len(inputs):,} rows and {len(unlabelled):,} unlabelled texts"
    )
    answers = _teacher_logits(context, teacher, [*inputs, *unlabelled])
    examples = [
        replace(example, target=(example.target, answers[example.row])) for example in context.examples
    ] + _unlabelled_examples(context, unlabelled, answers[len(inputs) :])
    bag = distil_bag(context) if options.student == "static" else None
    student = make_smaller_encoder(context) if bag is None else bag.model
    device = context.device if bag is None else replace(context.device, bf16=False)

    def loss(model: Any, batch: Sequence[Example], device: Device) -> Any:
        return distillation_loss(context, model, batch, device, options)

    outcome = context.train_model(student, examples=examples, loss=loss, device=device)
    return student if bag is None else bag.with_all_tokens(context), outcome


def open_teacher(context: TrainingContext) -> Pipeline:
    """The pipeline of the teacher, a bundle or a checkpoint. Raises ConfigError if its task or labels differ."""
    if context.config.teacher is None:
        raise ConfigError(
            "distil needs a teacher",
            expected="--teacher with the folder of a bundle or a checkpoint",
            hint="Train one first: glossator train ... --algorithm finetune.",
        )
    folder = Path(context.config.teacher)
    pipeline = load(folder).pipeline if (folder / file_names.MANIFEST).is_file() else load_checkpoint(folder)
    ours, theirs = context.task, pipeline.task
    if theirs.task != ours.task or theirs.labels != ours.labels:
        raise ConfigError(
            "the teacher has another task or other labels than the training rows",
            found=f"{theirs.task} of {', '.join(theirs.labels[:5])}, ...",
            expected=f"{ours.task} of {', '.join(ours.labels[:5])}, ...",
            hint="Give a teacher that was trained on the same labels.",
        )
    return pipeline


def make_smaller_encoder(context: TrainingContext) -> Any:
    """An encoder with some layers of the teacher, or of the base model if the teacher is of another family."""
    from transformers import AutoConfig

    from glossator.modeling.torch_session import auto_class

    options: DistilOptions = context.options
    folder = Path(str(context.config.teacher))
    source = None
    if (folder / file_names.TASK).is_file():
        teacher = load_model(folder, read_task(folder).task)
        if teacher.config.model_type == context.base.family:
            source = teacher
    if source is None:
        source = open_model(context.base, context.task)
        context.progress.stage("the teacher is not an encoder of the base's family: taking layers of the base model")
    layers = _layers(source)
    if options.layers >= len(layers):
        raise ConfigError(
            "the student would not be smaller than the teacher",
            found=f"{options.layers} layers",
            expected=f"fewer than {len(layers)}",
            hint="Choose fewer layers, for example --set layers=1.",
        )
    kept = np.round(np.linspace(0, len(layers) - 1, options.layers)).astype(int).tolist() if options.layers > 1 else [0]
    settings = source.config.to_dict()
    for name in ("num_hidden_layers", "n_layers"):
        if name in settings:
            settings[name] = options.layers
    settings.pop("architectures", None)
    config = AutoConfig.for_model(**settings)
    student = auto_class(context.task.task, config.model_type).from_config(config, attn_implementation="sdpa")
    for number, index in enumerate(kept):
        _layers(student)[number].load_state_dict(layers[index].state_dict())
    (name,) = [name for name, module in source.named_modules() if module is layers]
    others = {key: tensor for key, tensor in source.state_dict().items() if not key.startswith(f"{name}.")}
    student.load_state_dict(others, strict=False)
    return student


def _layers(model: Any) -> Any:
    """The list of the encoder's layers."""
    import torch

    lists = [each for each in model.base_model.modules() if isinstance(each, torch.nn.ModuleList)]
    return max(lists, key=len)


def distillation_loss(
    context: TrainingContext, model: Any, batch: Sequence[Example], device: Device, options: DistilOptions
) -> Any:
    """The weighted mean of the teacher's loss and, for texts with labels, the loss of the labels: a scalar tensor."""
    import torch
    from torch.nn import functional

    assert isinstance(context.task, Classifier)
    (logits,) = forward(model, context.task, [example.window for example in batch], device)  # (batch, labels)
    teacher_logits = torch.from_numpy(np.stack([example.target[1] for example in batch])).to(device.name)
    labelled = torch.tensor([example.target[0] is not None for example in batch], device=device.name)
    empty = np.zeros(teacher_logits.shape[1], dtype=np.float32)
    gold = torch.from_numpy(np.stack([empty if each.target[0] is None else each.target[0] for each in batch]))
    gold = gold.to(device.name)
    temperature = options.temperature
    if context.task.problem_type == "single_label_classification":
        soft = (
            functional.kl_div(
                functional.log_softmax(logits / temperature, dim=-1),
                functional.log_softmax(teacher_logits / temperature, dim=-1),
                reduction="none",
                log_target=True,
            ).sum(dim=-1)
            * temperature**2
        )
        hard = functional.cross_entropy(logits, gold.argmax(dim=-1), reduction="none")
    else:
        soft = (
            functional.binary_cross_entropy_with_logits(
                logits / temperature, torch.sigmoid(teacher_logits / temperature), reduction="none"
            ).mean(dim=-1)
            * temperature**2
        )
        hard = functional.binary_cross_entropy_with_logits(logits, gold, reduction="none").mean(dim=-1)
    share = torch.where(labelled, options.teacher_share, 1.0)
    weights = weights_of(batch, device)
    return ((share * soft + (1.0 - share) * hard) * weights).sum() / weights.sum()


def _teacher_logits(context: TrainingContext, teacher: Pipeline, inputs: Sequence[Text]) -> np.ndarray[Any, Any]:
    """The teacher's logits `(inputs, labels)`, divided by its calibration temperature."""
    assert isinstance(teacher.task, Classifier)
    found = [teacher.logits(chunk) for chunk in context.in_chunks(inputs)]
    return np.concatenate(found).astype(np.float32) / np.float32(teacher.task.calibration.temperature)


def _unlabelled_examples(
    context: TrainingContext, texts: Sequence[Text], answers: np.ndarray[Any, Any]
) -> list[Example]:
    encoder = make_encoder(context.tokenizer_folder / file_names.TOKENIZER, context.task)
    encoded = [each for each in encoder.encode(list(texts)) if isinstance(each, EncodedText)]
    return make_examples(encoded, [(None, answer) for answer in answers])


_TASKS: frozenset[TaskName] = frozenset({"text-classification", "text-pair"})

ALGORITHM = Algorithm(
    name="distil",
    summary="trains a small student on a teacher's answers, also for unlabelled texts: half the cost of an encoder",
    train=train,
    tasks=_TASKS,
    options=DistilOptions,
    schedule=Schedule(epochs=10, batch_size=32, patience=4),
    reads_unlabelled=True,
)
