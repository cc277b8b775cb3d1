"""What a model was trained to do: written by training as `task.json`, carried by export into `bundle.json`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ProblemType = Literal["single_label_classification", "multi_label_classification"]
"""The names of transformers' `config.problem_type`: softmax over the labels, or a sigmoid for each."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Strict(BaseModel):
    """Refuses unknown fields and NaN, so that a file from a newer or another writer is not half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Encoding(Strict):
    """How text becomes windows of tokens. Both lengths count tokens; `max_length` includes special tokens."""

    max_length: Annotated[int, Field(ge=4, le=65_536)]
    stride: Annotated[int, Field(ge=0)]
    """Tokens shared by two neighbouring windows of a long text."""
    pad_token_id: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _windows_advance(self) -> Encoding:
        if self.stride >= self.max_length // 2:
            raise ValueError(f"stride {self.stride} must be under half of max_length {self.max_length}")
        return self


class Calibration(Strict):
    """Numbers fitted on validation data. `thresholds` has one entry a label, in the order of `labels`."""

    temperature: Annotated[float, Field(gt=0.0)] = 1.0
    thresholds: list[Probability] | None = None


class Provenance(Strict):
    """Where a model came from."""

    corpus_fingerprint: str
    corpus_rows: int
    base_model: str
    base_revision: str
    """SHA-256 of the base model's weights, or the hub's commit."""
    algorithm: str
    config: dict[str, str | int | float | bool | None]
    seed: int
    code_version: str
    packages: dict[str, str]
    created: str
    """ISO 8601, UTC."""


class Task(Strict):
    """Everything that turns logits into labels, and where the model came from."""

    format_version: Literal[1] = 1
    task: Literal["text-classification"] = "text-classification"
    problem_type: ProblemType
    labels: Annotated[list[str], Field(min_length=2)]
    """In the order of the logits."""
    encoding: Encoding
    calibration: Calibration = Calibration()
    provenance: Provenance

    @model_validator(mode="after")
    def _one_label_a_logit(self) -> Task:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        thresholds = self.calibration.thresholds
        if thresholds is not None and len(thresholds) != len(self.labels):
            raise ValueError(f"{len(thresholds)} thresholds for {len(self.labels)} labels")
        if thresholds is not None and self.problem_type == "single_label_classification":
            raise ValueError("thresholds belong to multi_label_classification")
        return self
