"""A small student that learns a teacher's answers (Hinton, Vinyals and Dean 2015), on labelled texts and on unlabelled
ones where there are any: a cut encoder, or a bag of distilled token vectors."""

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
from glossator.service.inference.encoding import encoder_of
from glossator.service.inference.model import load
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText, Text
from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.algorithms.static import StaticOptions, distilled
from glossator.training.base_model import open_model
from glossator.training.batches import Example, make_examples
from glossator.training.config import Schedule
from glossator.training.device import Device
from glossator.training.objectives.objective import forward, weights_of
from glossator.training.training_loop import Outcome


class DistilOptions(StaticOptions):
    """What the student is, and how much the teacher counts. Options of `static` count where the student is one."""

    student: Literal["encoder", "static"] = "encoder"
    layers: Annotated[int, Field(ge=1, le=24)] = 3
    """Of the encoder; they are taken from the teacher, evenly spaced, where that is an encoder of the same family."""
    temperature: Annotated[float, Field(gt=0.0)] = 2.0
    teacher_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.7
    """Of the loss; the rest is that of the labels."""


def train(run: Run) -> tuple[Any, Outcome]:
    """The teacher answers every text once; then the student learns those answers."""
    options: DistilOptions = run.options
    teacher = open_teacher(run)
    inputs = inputs_of(run.splits.train.rows(), run.task)
    further: list[Text] = list(run.splits.unlabelled)
    run.progress.stage(f"asking the teacher about {len(inputs):,} rows and {len(further):,} unlabelled texts")
    answers = _answers(run, teacher, [*inputs, *further])
    examples = [
        replace(example, target=(example.target, answers[example.row])) for example in run.examples
    ] + _unlabelled(run, further, answers[len(inputs) :])
    start = distilled(run) if options.student == "static" else None
    student = make_smaller_encoder(run) if start is None else start.model
    device = run.device if start is None else replace(run.device, bf16=False)

    def loss(model: Any, batch: Sequence[Example], device: Device) -> Any:
        return distillation(run, model, batch, device, options)

    outcome = run.descend(student, examples=examples, loss=loss, device=device)
    return student if start is None else start.whole(run), outcome


def open_teacher(run: Run) -> Pipeline:
    """The teacher, a bundle or a checkpoint; raises ConfigError where there is none or it knows other labels."""
    if run.config.teacher is None:
        raise ConfigError(
            "distil needs a teacher",
            expected="--teacher with a bundle or a checkpoint",
            hint="Train one first: glossator train ... --algorithm finetune.",
        )
    folder = Path(run.config.teacher)
    pipeline = load(folder).pipeline if (folder / file_names.MANIFEST).is_file() else load_checkpoint(folder)
    ours, theirs = run.task, pipeline.task
    if theirs.task != ours.task or theirs.labels != ours.labels:
        raise ConfigError(
            "the teacher does not do what these rows ask",
            found=f"{theirs.task} of {', '.join(theirs.labels[:5])}, ...",
            expected=f"{ours.task} of {', '.join(ours.labels[:5])}, ...",
            hint="Give a teacher that was trained on the same labels.",
        )
    return pipeline


def make_smaller_encoder(run: Run) -> Any:
    """An encoder of fewer layers with the weights of the teacher, or of the base where the teacher has none to give."""
    from transformers import AutoConfig

    from glossator.modeling.torch_session import auto_class

    options: DistilOptions = run.options
    folder = Path(str(run.config.teacher))
    model = None
    if (folder / file_names.TASK).is_file():
        taught = load_model(folder, read_task(folder).task)
        if taught.config.model_type == run.base.family:
            model = taught
    if model is None:
        model = open_model(run.base, run.task)
        run.progress.stage("the teacher is no encoder of the base's family: the student begins with the base's layers")
    layers = _layers(model)
    if options.layers >= len(layers):
        raise ConfigError(
            "the student would be no smaller",
            found=f"{options.layers} layers",
            expected=f"under {len(layers)}",
            hint="Ask for fewer: --set layers=1.",
        )
    kept = np.round(np.linspace(0, len(layers) - 1, options.layers)).astype(int).tolist() if options.layers > 1 else [0]
    settings = model.config.to_dict()
    for name in ("num_hidden_layers", "n_layers"):
        if name in settings:
            settings[name] = options.layers
    settings.pop("architectures", None)
    student = auto_class(run.task.task).from_config(AutoConfig.for_model(**settings), attn_implementation="sdpa")
    for place, index in enumerate(kept):
        _layers(student)[place].load_state_dict(layers[index].state_dict())
    (name,) = [name for name, module in model.named_modules() if module is layers]
    others = {key: tensor for key, tensor in model.state_dict().items() if not key.startswith(f"{name}.")}
    student.load_state_dict(others, strict=False)
    return student


def _layers(model: Any) -> Any:
    """The list of the encoder's layers."""
    import torch

    lists = [each for each in model.base_model.modules() if isinstance(each, torch.nn.ModuleList)]
    return max(lists, key=len)


def distillation(run: Run, model: Any, batch: Sequence[Example], device: Device, options: DistilOptions) -> Any:
    """The weighted mean of the teacher's part and, where a text has labels, the labels' part."""
    import torch
    from torch.nn import functional

    assert isinstance(run.task, Classifier)
    (logits,) = forward(model, run.task, [example.window for example in batch], device)  # (batch, labels)
    taught = torch.from_numpy(np.stack([example.target[1] for example in batch])).to(device.name)
    known = torch.tensor([example.target[0] is not None for example in batch], device=device.name)
    empty = np.zeros(taught.shape[1], dtype=np.float32)
    gold = torch.from_numpy(np.stack([empty if each.target[0] is None else each.target[0] for each in batch]))
    gold = gold.to(device.name)
    warm = options.temperature
    if run.task.problem_type == "single_label_classification":
        soft = (
            functional.kl_div(
                functional.log_softmax(logits / warm, dim=-1),
                functional.log_softmax(taught / warm, dim=-1),
                reduction="none",
                log_target=True,
            ).sum(dim=-1)
            * warm**2
        )
        hard = functional.cross_entropy(logits, gold.argmax(dim=-1), reduction="none")
    else:
        soft = (
            functional.binary_cross_entropy_with_logits(
                logits / warm, torch.sigmoid(taught / warm), reduction="none"
            ).mean(dim=-1)
            * warm**2
        )
        hard = functional.binary_cross_entropy_with_logits(logits, gold, reduction="none").mean(dim=-1)
    share = torch.where(known, options.teacher_share, 1.0)
    weights = weights_of(batch, device)
    return ((share * soft + (1.0 - share) * hard) * weights).sum() / weights.sum()


def _answers(run: Run, teacher: Pipeline, inputs: Sequence[Text]) -> np.ndarray[Any, Any]:
    """The teacher's logits `(inputs, labels)`, divided by the temperature that calibrated it."""
    assert isinstance(teacher.task, Classifier)
    found = [teacher.logits(chunk) for chunk in run.in_chunks(inputs)]
    return np.concatenate(found).astype(np.float32) / np.float32(teacher.task.calibration.temperature)


def _unlabelled(run: Run, texts: Sequence[Text], answers: np.ndarray[Any, Any]) -> list[Example]:
    encoder = encoder_of(run.tokenizer_folder / file_names.TOKENIZER, run.task)
    encoded = [each for each in encoder.encode(list(texts)) if isinstance(each, EncodedText)]
    return make_examples(encoded, [(None, answer) for answer in answers])


_TASKS: frozenset[TaskName] = frozenset({"text-classification", "text-pair"})

ALGORITHM = Algorithm(
    name="distil",
    summary="a small student learns a teacher's answers, on unlabelled texts too: half an encoder's price",
    train=train,
    tasks=_TASKS,
    options=DistilOptions,
    schedule=Schedule(epochs=10, batch_size=32, patience=4),
    reads_unlabelled=True,
)
