"""Everything that decides a training run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.bundle.task import Strict


class TrainingConfig(Strict):
    """Options of a fine-tune. None means: chosen from the base model, and recorded with the checkpoint."""

    base: str = "starter"
    """`starter` (the package's encoder), a local folder, or a hub name."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 8
    batch_size: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Peak of a linear schedule; None picks 2e-4 for encoders of up to 384 hidden units, else 5e-5."""
    head_learning_rate_factor: Annotated[float, Field(gt=0.0)] = 10.0
    """The new head's learning rate over the encoder's: the head starts from random numbers."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the target probability that is spread over all labels (Szegedy et al. 2016); single-label alone."""
    warmup_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    max_length: Annotated[int, Field(ge=4)] | None = None
    """Tokens a window, special tokens included; None picks 256 or the encoder's own limit if that is smaller."""
    stride: Annotated[int, Field(ge=0)] | None = None
    """Tokens shared by neighbouring windows; None picks an eighth of `max_length`."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without a better validation metric after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 13
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto` is bf16 autocast where the processor has it, else fp32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    state_every_seconds: Annotated[float, Field(ge=0.0)] = 60.0
    """How often the state that a killed run resumes from is written, besides each epoch's end."""
