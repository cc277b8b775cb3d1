"""The options of training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glossator.service.bundle.task import StrictModel

Value = str | int | float | bool


class TrainingConfig(StrictModel):
    """The options of training. None: chosen by the algorithm or from the base model, and recorded in the checkpoint."""

    algorithm: str = "finetune"
    """A name that `glossator.training.algorithms.registry` knows."""
    options: dict[str, Value] = Field(default_factory=dict)
    """The options of the algorithm itself (`--set`), by name."""
    base: str = "starter"
    """`starter` (the encoder of the extra `starter`), a local folder, or a hub name."""
    teacher: str | None = None
    """The checkpoint or bundle that `distil` learns from."""
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """The peak of a linear schedule. None: the default of the algorithm; for encoders 2e-4 up to 384 hidden units, else
    5e-5."""
    head_learning_rate_factor: Annotated[float, Field(gt=0.0)] | None = None
    """The learning rate of the head, as a multiple of the encoder's: the head starts with random weights."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the target probability that is spread over all labels (Szegedy et al. 2016); single-label only."""
    warmup_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    max_length: Annotated[int, Field(ge=4)] | None = None
    """Tokens per window, with special tokens. None: 256, or the limit of the encoder if that is smaller."""
    stride: Annotated[int, Field(ge=0)] | None = None
    """Tokens that neighbouring windows share. None: an eighth of `max_length`."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Training stops after this many epochs without a better validation metric."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 13
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bf16 autocast if the processor supports it, else fp32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    out_of_scope_share: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.05
    """The share of in-scope texts that the model may call out of scope; 0: it never says so. For single-label
    classification of texts."""
    state_every_seconds: Annotated[float, Field(ge=0.0)] = 60.0
    """How often the state for resuming is written, in addition to the end of each epoch."""


EPOCH_OPTIONS = frozenset(
    {
        "epochs", "batch_size", "learning_rate", "head_learning_rate_factor", "label_smoothing", "warmup_share",
        "weight_decay", "patience",
    }
)  # fmt: skip
"""The options of training in epochs."""


class Schedule(StrictModel):
    """An algorithm's defaults for options that the configuration leaves open."""

    epochs: int = 8
    batch_size: int = 32
    learning_rate: float | None = None
    """None: chosen by the size of the encoder."""
    head_learning_rate_factor: float = 10.0
    patience: int = 3

    def override(self, config: TrainingConfig) -> Schedule:
        """This schedule with the values that the configuration sets."""
        given = {name: getattr(config, name) for name in type(self).model_fields}
        return self.model_copy(update={name: value for name, value in given.items() if value is not None})

    def fill(self, config: TrainingConfig) -> TrainingConfig:
        """The configuration with the defaults of this schedule for options that it leaves open."""
        return config.model_copy(update=self.override(config).model_dump())
