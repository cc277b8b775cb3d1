"""Everything that decides a training run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glossator.service.bundle.task import StrictModel

Value = str | int | float | bool


class TrainingConfig(StrictModel):
    """Options of a run. None means: chosen by the algorithm or from the base model, and recorded then."""

    algorithm: str = "finetune"
    """A name that `glossator.training.algorithms.registry` knows."""
    options: dict[str, Value] = Field(default_factory=dict)
    """What this algorithm alone takes, by its names."""
    base: str = "starter"
    """`starter` (the package's encoder), a local folder, or a hub name."""
    teacher: str | None = None
    """The checkpoint or bundle that `distil` learns from."""
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Peak of a linear schedule; None picks the algorithm's, for encoders 2e-4 of up to 384 hidden units, else 5e-5."""
    head_learning_rate_factor: Annotated[float, Field(gt=0.0)] | None = None
    """The new head's learning rate over the encoder's: the head starts from random numbers."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the target probability that is spread over all labels (Szegedy et al. 2016); single-label alone."""
    warmup_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    max_length: Annotated[int, Field(ge=4)] | None = None
    """Tokens a window, special tokens included; None picks 256 or the encoder's own limit if that is smaller."""
    stride: Annotated[int, Field(ge=0)] | None = None
    """Tokens shared by neighbouring windows; None picks an eighth of `max_length`."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Epochs without a better validation metric after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 13
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto` is bf16 autocast where the processor has it, else fp32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    state_every_seconds: Annotated[float, Field(ge=0.0)] = 60.0
    """How often the state that a killed run resumes from is written, besides each epoch's end."""


class Schedule(StrictModel):
    """What an algorithm takes where the configuration leaves these open."""

    epochs: int = 8
    batch_size: int = 32
    learning_rate: float | None = None
    """None: by the encoder's size."""
    head_learning_rate_factor: float = 10.0
    patience: int = 3

    def under(self, config: TrainingConfig) -> Schedule:
        """This schedule with what the configuration decides."""
        given = {name: getattr(config, name) for name in type(self).model_fields}
        return self.model_copy(update={name: value for name, value in given.items() if value is not None})

    def fill(self, config: TrainingConfig) -> TrainingConfig:
        """The configuration with nothing left open but what the base model decides."""
        return config.model_copy(update=self.under(config).model_dump())
