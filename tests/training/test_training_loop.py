"""The training loop on a tiny encoder; some tests replace the validation metric by given values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from task_factory import make_task

from glossator.service.bundle.task import ProblemType, TextClassification
from glossator.service.errors import ConfigError
from glossator.training.base_model import FAMILIES, FP32_ONLY, open_model, resolve_base_model
from glossator.training.batches import Example
from glossator.training.compute.device import Device
from glossator.training.config import TrainingConfig
from glossator.training.objectives.labels import LabelObjective
from glossator.training.progress import EpochDone, SilentProgress, StepDone
from glossator.training.resume_state import ResumeState
from glossator.training.training_loop import Outcome, learning_rate_share, train_loop

Bases = Callable[[str], Path]
LABELS = ["a", "b", "c"]
TARGETS = np.eye(3, dtype=np.float32)[np.arange(24) % 3]
EXAMPLES = [Example([1, 5 + row % 40, 6 + row % 7, 2], row, 1.0, TARGETS[row]) for row in range(24)]


def task_of(problem_type: ProblemType = "single_label_classification") -> TextClassification:
    task = make_task(labels=LABELS, problem_type=problem_type)
    assert isinstance(task, TextClassification)
    return task


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """A model this small is faster on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model(tiny_base: Bases) -> Any:
    torch.manual_seed(5)
    return open_model(resolve_base_model(str(tiny_base("bert"))), task_of())


def without_dropout(model: Any) -> Any:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def train(
    model: Any,
    folder: Path,
    *,
    validate: Callable[[], float] = lambda: 0.5,
    examples: Sequence[Example] = EXAMPLES,
    progress: Any = None,
    bf16: bool = False,
    learning_rate: float = 1e-3,
    **options: Any,
) -> Outcome:
    config = TrainingConfig(**({"batch_size": 8, "device": "cpu"} | options))
    return train_loop(
        model,
        examples,
        LabelObjective(task_of(model.config.problem_type), config).loss,
        config=config,
        learning_rate=learning_rate,
        device=Device("cpu", bf16=bf16),
        state=ResumeState(folder / "model"),
        fingerprint="fingerprint",
        metric="accuracy",
        validate=validate,
        progress=progress or SilentProgress(),
    )


class GivenScores:
    """Returns given validation scores, one per epoch, and remembers the weights of the model at each."""

    def __init__(self, model: Any, values: Sequence[float]) -> None:
        self._model = model
        self._values = iter(values)
        self.weights: list[dict[str, torch.Tensor]] = []

    def __call__(self) -> float:
        self.weights.append({name: tensor.clone() for name, tensor in self._model.state_dict().items()})
        return next(self._values)


class RecordedProgress:
    """Remembers the events of batches and epochs."""

    def __init__(self) -> None:
        self.steps: list[StepDone] = []
        self.epochs: list[EpochDone] = []

    def stage(self, name: str) -> None: ...

    def step(self, event: StepDone) -> None:
        self.steps.append(event)

    def epoch(self, event: EpochDone) -> None:
        self.epochs.append(event)


@given(steps=st.integers(1, 5_000), share=st.floats(0.0, 0.99))
def test_learning_rate_rises_to_the_peak_and_decreases_to_zero(steps: int, share: float) -> None:
    values = [learning_rate_share(step, steps, share) for step in range(steps)]
    peak = values.index(max(values))
    assert values[peak] == 1.0
    assert all(earlier < later for earlier, later in pairwise(values[: peak + 1]))
    assert all(earlier >= later for earlier, later in pairwise(values[peak:]))
    assert all(0.0 < value <= 1.0 for value in values)
    assert learning_rate_share(steps, steps, share) == 0.0


def test_learning_rate_rises_and_decreases_linearly() -> None:
    assert [learning_rate_share(step, 10, 0.4) for step in range(11)] == pytest.approx(
        [0.25, 0.5, 0.75, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0.0]
    )


@pytest.mark.parametrize(
    ("values", "patience", "epochs_run", "best"),
    [
        ([0.5, 0.7, 0.6, 0.65, 0.9], 2, 4, 2),
        ([0.5, 0.7, 0.6, 0.65, 0.9], 3, 5, 5),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 1, 2, 2),  # of equally good epochs the later, which is no improvement
        ([0.5, 0.4, 0.5, 0.6, 0.5], 3, 5, 4),
        ([0.0, 0.0, 0.1, 0.0, 0.0], 2, 5, 3),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 1, 5, 5),
    ],
)
def test_training_stops_after_patience_and_keeps_the_best_epoch(
    model: Any, tmp_path: Path, values: list[float], patience: int, epochs_run: int, best: int
) -> None:
    scores, recorded = GivenScores(model, values), RecordedProgress()
    outcome = train(model, tmp_path, validate=scores, progress=recorded, epochs=5, patience=patience)
    assert (outcome.epochs_run, outcome.best_epoch, outcome.best_metric) == (epochs_run, best, values[best - 1])
    assert [entry["accuracy"] for entry in outcome.history] == values[:epochs_run]
    assert [entry["epoch"] for entry in outcome.history] == list(range(1, epochs_run + 1))
    kept = model.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in scores.weights[best - 1].items())
    others = [weights for epoch, weights in enumerate(scores.weights, start=1) if epoch != best]
    assert not any(torch.equal(kept["classifier.weight"], weights["classifier.weight"]) for weights in others)
    assert not model.training
    assert [event.best for event in recorded.epochs] == [
        value == max(values[: epoch + 1]) for epoch, value in enumerate(values[:epochs_run])
    ]


def test_training_reports_every_batch(model: Any, tmp_path: Path) -> None:
    recorded = RecordedProgress()
    outcome = train(model, tmp_path, progress=recorded, epochs=2, patience=2)
    assert [(event.epoch, event.step, event.steps) for event in recorded.steps] == [
        (0, 1, 6),
        (0, 2, 6),
        (0, 3, 6),
        (1, 4, 6),
        (1, 5, 6),
        (1, 6, 6),
    ]
    assert all(event.examples_per_second > 0 and math.isfinite(event.loss) for event in recorded.steps)
    assert all(event.eta_seconds >= 0 for event in recorded.steps)
    assert recorded.steps[-1].eta_seconds == 0
    assert outcome.history[1]["loss"] == recorded.steps[-1].loss == recorded.epochs[1].loss


def numpy_loss(model: Any, problem_type: ProblemType, targets: NDArray[np.float32], weights: list[float]) -> float:
    """The weighted mean loss of the two examples below, computed in NumPy from the model's logits."""
    with torch.inference_mode():
        ids = torch.tensor([[1, 5, 6, 2], [1, 9, 2, 0]])
        logits = model.eval()(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])).logits
    scores = logits.double().numpy()
    if problem_type == "multi_label_classification":
        chance = 1 / (1 + np.exp(-scores))
        losses = -(targets * np.log(chance) + (1 - targets) * np.log(1 - chance)).mean(axis=1)
    else:
        chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        losses = -(targets * np.log(chance)).sum(axis=1)
    return float(np.average(losses, weights=weights))


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_loss_is_the_weighted_loss_of_the_problem_type(
    tiny_base: Bases, tmp_path: Path, problem_type: ProblemType, smoothing: float
) -> None:
    model = without_dropout(open_model(resolve_base_model(str(tiny_base("bert"))), task_of(problem_type)))
    with torch.no_grad():
        model.classifier.weight.normal_(0.0, 1.0)  # so that the two losses differ
    gold = np.array([[1, 0, 0], [0, 1, 0 if "single" in problem_type else 1]], dtype=np.float32)
    smooth = gold * (1 - smoothing) + smoothing / 3 if "single" in problem_type else gold
    expected = numpy_loss(model, problem_type, smooth, [0.25, 1.0])
    examples = [Example([1, 5, 6, 2], 0, 0.25, gold[0]), Example([1, 9, 2], 1, 1.0, gold[1])]
    outcome = train(model, tmp_path, examples=examples, epochs=1, label_smoothing=smoothing)
    assert outcome.history[0]["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_encoder_and_head_have_their_own_learning_rates_in_every_family(
    tiny_base: Bases, tmp_path: Path, family: str
) -> None:
    """The first step of AdamW changes each parameter by its learning rate, for any gradient, and by its decay.

    Embeddings of tokens that no example has stay as they are.
    """
    rate, factor, decay = 1e-4, 30.0, 50.0
    model = open_model(resolve_base_model(str(tiny_base(family))), task_of())
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    outcome = train(
        model,
        tmp_path,
        bf16=family not in FP32_ONLY,
        learning_rate=rate,
        epochs=1,
        batch_size=24,
        head_learning_rate_factor=factor,
        weight_decay=decay,
    )
    assert math.isfinite(outcome.history[0]["loss"])
    encoder = {f"{model.base_model_prefix}.{name}" for name, _ in model.base_model.named_parameters()}
    assert 0 < len(encoder) < len(before)
    moved = set()
    used = sorted({token for example in EXAMPLES for token in example.window})
    for name, tensor in model.named_parameters():
        if tensor is model.get_input_embeddings().weight:
            unused = sorted(set(range(len(tensor))) - {0, *used})
            assert torch.equal(tensor[unused], before[name][unused])
            tensor, before[name] = tensor[used], before[name][used]
        peak = rate * (1.0 if name in encoder else factor)
        start = before[name] * (1 - peak * decay) if tensor.ndim > 1 else before[name]
        step = (tensor.detach() - start).abs().max().item()
        assert step <= 1.01 * peak, name
        if step > 0.9 * peak:
            moved.add(name in encoder)
    assert moved == {True, False}


def test_training_in_bf16_reduces_the_loss(model: Any, tmp_path: Path) -> None:
    recorded = RecordedProgress()
    train(
        model, tmp_path, bf16=True, progress=recorded, epochs=20, patience=20, learning_rate=3e-3, label_smoothing=0.0
    )
    assert all(math.isfinite(event.loss) for event in recorded.steps)
    assert recorded.epochs[-1].loss < 0.5 * recorded.epochs[0].loss
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_training_that_diverges_is_an_error_and_leaves_no_state(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diverged") as caught:
        train(model, tmp_path, epochs=2, head_learning_rate_factor=1e38, learning_rate=0.9, state_every_seconds=0.0)
    assert "batch 2" in (caught.value.found or "")
    assert "--learning-rate" in (caught.value.hint or "")
    assert not ResumeState(tmp_path / "model").path.exists()


def test_a_validation_metric_that_is_nan_is_an_error(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diverged"):
        train(model, tmp_path, validate=GivenScores(model, [0.5, math.nan]), epochs=3)
    assert not ResumeState(tmp_path / "model").path.exists()
