"""The training loop: seeded, with early stopping, resumable with the same result after the process was killed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.errors import ConfigError
from glossator.training.batches import Example, epoch_batches
from glossator.training.compute.attention_kernel import attention_kernel
from glossator.training.compute.device import Device
from glossator.training.compute.fast_dropout import use_fast_dropout
from glossator.training.compute.used_embeddings import UsedEmbeddings
from glossator.training.config import Schedule, TrainingConfig
from glossator.training.progress import EpochDone, Progress, StepDone
from glossator.training.resume_state import Position, ResumeState

Validate = Callable[[], float]
"""Returns the validation metric of the current model; higher is better, NaN if its outputs are not finite."""

LossFunction = Callable[[Any, Sequence[Example], Device], Any]
"""Returns the loss of a batch, a scalar tensor."""

_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How training went. `history` has one entry per epoch: epoch, loss, metric."""

    best_metric: float
    best_epoch: int
    epochs_run: int
    seconds: float
    examples_per_second: float
    history: list[dict[str, float]]


def train_loop(
    model: Any,
    examples: Sequence[Example],
    loss_function: LossFunction,
    *,
    config: TrainingConfig,
    learning_rate: float,
    device: Device,
    state: ResumeState,
    fingerprint: str,
    metric: str,
    validate: Validate,
    progress: Progress,
    pad_token_id: int = 0,
) -> Outcome:
    """Train `model` in place and leave it with the weights of its best epoch.

    If `state` has the state of interrupted training with the same `fingerprint`, training continues there.

    Raises:
        ConfigError: `state` is damaged, or has another fingerprint.
        TrainingDiverged: A loss or the validation metric is not finite.
        OutputError: The state cannot be written.
    """
    import torch

    plan = Schedule().override(config)
    torch.manual_seed(config.seed)
    model.to(device.name).train()
    use_fast_dropout(model)
    embeddings = UsedEmbeddings(model, (example.window for example in examples), pad_token_id)
    optimizer = torch.optim.AdamW(_parameter_groups(model, plan, learning_rate, config.weight_decay), fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    lengths = [len(example.window) for example in examples]
    steps_per_epoch = math.ceil(len(examples) / plan.batch_size)
    steps = steps_per_epoch * plan.epochs
    position = state.newest(fingerprint)
    if position is None:
        position = Position(fingerprint)
    else:
        state.load(model, optimizer)
        progress.stage(f"resuming at epoch {position.epoch + 1}, batch {position.step + 1}")
    saved = resumed = time.monotonic()
    started = resumed - position.seconds
    trained = 0
    while position.epoch < plan.epochs and position.epochs_without_improvement < plan.patience:
        batches = epoch_batches(lengths, batch_size=plan.batch_size, seed=config.seed, epoch=position.epoch)
        for step in range(position.step, len(batches)):
            done = position.epoch * len(batches) + step
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * learning_rate_share(done, steps, config.warmup_share)
            batch = [examples[index] for index in batches[step]]
            optimizer.zero_grad(set_to_none=True)
            with attention_kernel(model, device, max(lengths[index] for index in batches[step])):
                loss = loss_function(model, batch, device)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT_NORM)
            optimizer.step()
            value = float(loss.detach())
            _check_finite(value, f"a loss of {value} in epoch {position.epoch + 1}, batch {step + 1}", state)
            position.add_loss(value)
            trained += len(batch)
            position.step = step + 1
            speed = trained / max(time.monotonic() - resumed, 1e-9)
            left = (steps - done - 1) * plan.batch_size
            progress.step(StepDone(position.epoch, plan.epochs, done + 1, steps, position.loss, speed, left / speed))
            if time.monotonic() - saved >= config.state_every_seconds and step + 1 < len(batches):
                position.seconds = time.monotonic() - started
                state.save(position, model, optimizer)
                saved = time.monotonic()
        with embeddings.whole():
            value = validate()
        _check_finite(value, f"outputs that are not finite after epoch {position.epoch + 1}", state)
        position.epochs_without_improvement = (
            0 if value > position.best_metric else position.epochs_without_improvement + 1
        )
        best = value >= position.best_metric  # of equally good epochs the later one: its learning rate is lower
        if best:
            position.best_metric, position.best_epoch = value, position.epoch
            with embeddings.whole():
                state.save_best(model)
        position.history.append({"epoch": position.epoch + 1, "loss": position.loss, metric: value})
        progress.epoch(EpochDone(position.epoch, metric, value, best, position.loss))
        position.epoch, position.step, position.loss_sum, position.loss_weight = position.epoch + 1, 0, 0.0, 0.0
        position.seconds = time.monotonic() - started
        state.save(position, model, optimizer)
        saved = time.monotonic()
    embeddings.restore()
    state.load_best(model)
    model.eval()
    return Outcome(
        best_metric=position.best_metric,
        best_epoch=position.best_epoch + 1,
        epochs_run=position.epoch,
        seconds=position.seconds,
        examples_per_second=position.epoch * len(examples) / max(position.seconds, 1e-9),
        history=position.history,
    )


def learning_rate_share(step: int, steps: int, warmup_share: float) -> float:
    """The share of the peak learning rate at `step` of `steps`: a linear rise, then a linear decrease to zero."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _parameter_groups(model: Any, plan: Schedule, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
    """The parameters in four groups: encoder or head, with weight decay for matrices and without for vectors.

    The head gets a higher learning rate, because it starts with random weights.
    """
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in encoder, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate * (1.0 if of_encoder else plan.head_learning_rate_factor),
            "weight_decay": weight_decay if matrices else 0.0,
        }
        for (of_encoder, matrices), parameters in groups.items()
    ]


class TrainingDiverged(ConfigError):
    """A loss or a validation metric is NaN or infinite."""


def _check_finite(value: float, found: str, state: ResumeState) -> None:
    """Raise TrainingDiverged if the value is not finite, and discard the state: resumed, it would diverge again."""
    if not math.isfinite(value):
        state.discard()
        raise TrainingDiverged(
            "training diverged: the weights of the model cannot be used",
            found=found,
            hint="Lower --learning-rate, or use --precision fp32.",
        )
