"""The training loop: seeded, resumable after a kill to the same result, stopped early on validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from glossator.service.errors import ConfigError
from glossator.training.batches import Example, epoch_batches
from glossator.training.config import Schedule, TrainingConfig
from glossator.training.device import Device
from glossator.training.progress import EpochDone, Progress, StepDone
from glossator.training.resume_state import Position, ResumeState

Validate = Callable[[], float]
"""The validation metric of the model as it stands; higher is better, NaN where the model gives no numbers."""

LossOf = Callable[[Any, Sequence[Example], Device], Any]
"""The loss of a batch, a scalar tensor."""

_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went. `history` has one entry an epoch: epoch, loss, metric."""

    best_metric: float
    best_epoch: int
    epochs_run: int
    seconds: float
    examples_per_second: float
    history: list[dict[str, float]]


def run(
    model: Any,
    examples: Sequence[Example],
    loss_of: LossOf,
    *,
    config: TrainingConfig,
    learning_rate: float,
    device: Device,
    state: ResumeState,
    fingerprint: str,
    metric: str,
    validate: Validate,
    progress: Progress,
) -> Outcome:
    """Trains `model` in place and leaves it with the weights of its best epoch.

    A state left by a killed run with the same `fingerprint` is resumed.
    """
    import torch

    plan = Schedule().under(config)
    torch.manual_seed(config.seed)
    model.to(device.name).train()
    optimizer = torch.optim.AdamW(_parameter_groups(model, plan, learning_rate, config.weight_decay), fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    lengths = [len(example.window) for example in examples]
    steps_an_epoch = math.ceil(len(examples) / plan.batch_size)
    steps = steps_an_epoch * plan.epochs
    place = state.newest(fingerprint)
    if place is None:
        place = Position(fingerprint)
    else:
        state.load(model, optimizer)
        progress.stage(f"resuming at epoch {place.epoch + 1}, batch {place.step + 1}")
    saved = resumed = time.monotonic()
    started = resumed - place.seconds
    trained = 0
    while place.epoch < plan.epochs and place.epochs_without_gain < plan.patience:
        batches = epoch_batches(lengths, batch_size=plan.batch_size, seed=config.seed, epoch=place.epoch)
        for step in range(place.step, len(batches)):
            done = place.epoch * len(batches) + step
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * schedule(done, steps, config.warmup_share)
            batch = [examples[index] for index in batches[step]]
            loss = loss_of(model, batch, device)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT_NORM)
            optimizer.step()
            value = float(loss.detach())
            _check_finite(value, f"a loss of {value} in epoch {place.epoch + 1}, batch {step + 1}", state)
            place.add_loss(value)
            trained += len(batch)
            place.step = step + 1
            speed = trained / max(time.monotonic() - resumed, 1e-9)
            left = (steps - done - 1) * plan.batch_size
            progress.step(StepDone(place.epoch, plan.epochs, done + 1, steps, place.loss, speed, left / speed))
            if time.monotonic() - saved >= config.state_every_seconds and step + 1 < len(batches):
                place.seconds = time.monotonic() - started
                state.save(place, model, optimizer)
                saved = time.monotonic()
        value = validate()
        _check_finite(value, f"logits that are no numbers after epoch {place.epoch + 1}", state)
        place.epochs_without_gain = 0 if value > place.best_metric else place.epochs_without_gain + 1
        best = value >= place.best_metric  # of equals the later: its learning rate has fallen further
        if best:
            place.best_metric, place.best_epoch = value, place.epoch
            state.save_best(model)
        place.history.append({"epoch": place.epoch + 1, "loss": place.loss, metric: value})
        progress.epoch(EpochDone(place.epoch, metric, value, best, place.loss))
        place.epoch, place.step, place.loss_sum, place.loss_weight = place.epoch + 1, 0, 0.0, 0.0
        place.seconds = time.monotonic() - started
        state.save(place, model, optimizer)
        saved = time.monotonic()
    state.load_best(model)
    model.eval()
    return Outcome(
        best_metric=place.best_metric,
        best_epoch=place.best_epoch + 1,
        epochs_run=place.epoch,
        seconds=place.seconds,
        examples_per_second=place.epoch * len(examples) / max(place.seconds, 1e-9),
        history=place.history,
    )


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """The share of the peak learning rate at `step` of `steps`: a linear rise, then a linear fall to zero."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (steps - step) / max(1, steps - warmup))


def _parameter_groups(model: Any, plan: Schedule, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
    """Four groups: encoder or head, each with weight decay for matrices and none for biases and normalisation.

    The head starts from random numbers and the encoder does not, so the head learns faster.
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
    """Training came to numbers that are none."""


def _check_finite(value: float, found: str, state: ResumeState) -> None:
    """Raises TrainingDiverged where training has. Its state goes: resumed, it would diverge again."""
    if not math.isfinite(value):
        state.discard()
        raise TrainingDiverged(
            "training diverged: the model's weights are of no use any more",
            found=found,
            hint="Lower --learning-rate, or use --precision fp32.",
        )
