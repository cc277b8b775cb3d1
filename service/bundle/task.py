"""What a model was trained to do: written by training as `task.json`, carried by export into `bundle.json`.

text-classification    a text                  -> logits (labels,)
text-pair              two texts               -> logits (labels,), or one that stands for a score
token-classification   a text                  -> logits (tokens, tags)
question-answering     a question, a context   -> start and end logits (tokens,) each
text-embedding         a text                  -> a vector
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)

from glossator.service.bundle import file_names

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]
"""The names of transformers' `config.problem_type`: softmax over the labels, a sigmoid for each, or one number."""

TaskName = Literal["text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Labels = Annotated[list[str], Field(min_length=1)]

OUTSIDE = "O"
"""The tag of tokens outside every entity; the others are `B-TYPE` and `I-TYPE` (IOB2)."""


class StrictModel(BaseModel):
    """Refuses unknown fields and NaN, so that a file from a newer or another writer is not half understood."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Encoding(StrictModel):
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


class Calibration(StrictModel):
    """Numbers fitted on validation data. `thresholds` has one entry a label, in the order of `labels`."""

    temperature: Annotated[float, Field(gt=0.0)] = 1.0
    thresholds: list[Probability] | None = None
    nonconformity: list[Probability] | None = None
    """How improbable the true label of each validation row was, `1 - probability`, in rising order: what conformal
    label sets are told from (Vovk et al. 2005; Angelopoulos and Bates 2021). Single-label alone."""


class Provenance(StrictModel):
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
    run: str | None = None
    """The id of the run on record that made it. It is written where there is one: manifests from before there were
    runs keep their bytes, and so their digest."""

    @model_serializer(mode="wrap")
    def _without_no_run(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if name != "run" or value is not None}


Shape = tuple[int | None, ...]
"""The axes of an output, batch first; None where they are free."""


class _Task(StrictModel):
    """What every task has. `format_version` is that of checkpoints and bundles."""

    format_version: Literal[2] = file_names.FORMAT_VERSION
    task: TaskName
    encoding: Encoding
    provenance: Provenance


class Classifier(_Task):
    """Logits to labels, of a text or of a pair. `labels` are in the order of the logits."""

    problem_type: ProblemType
    labels: Labels
    calibration: Calibration = Calibration()

    @model_validator(mode="after")
    def _one_label_a_logit(self) -> Classifier:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        if (len(self.labels) == 1) != (self.problem_type == "regression"):
            raise ValueError(f"{len(self.labels)} labels do not fit {self.problem_type}")
        thresholds = self.calibration.thresholds
        if thresholds is not None and len(thresholds) != len(self.labels):
            raise ValueError(f"{len(thresholds)} thresholds for {len(self.labels)} labels")
        if thresholds is not None and self.problem_type != "multi_label_classification":
            raise ValueError("thresholds belong to multi_label_classification")
        return self

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"logits": (None, len(self.labels))}


class TextClassification(Classifier):
    """One label a text, or any number of them."""

    task: Literal["text-classification"] = "text-classification"

    @model_validator(mode="after")
    def _labels_not_a_number(self) -> TextClassification:
        if self.problem_type == "regression":
            raise ValueError("regression belongs to text-pair")
        return self


class TextPair(Classifier):
    """One label for two texts (entailment), or with `regression` a score (similarity, relevance)."""

    task: Literal["text-pair"] = "text-pair"
    score_range: tuple[float, float] = (0.0, 1.0)
    """What a score's lowest and highest value mean, as the training data had them; the graph gives the logit of the
    place between them."""

    @model_validator(mode="after")
    def _a_range(self) -> TextPair:
        if self.problem_type == "multi_label_classification":
            raise ValueError("a pair has one label or one score")
        if not self.score_range[0] < self.score_range[1]:
            raise ValueError(f"score_range {self.score_range} is empty")
        return self


class TokenClassification(_Task):
    """Entities. `labels` are IOB2 tags in the order of the logits: `O`, `B-PER`, `I-PER`, ... `outside_bias`, fitted on
    validation data, is taken from the logit of `O`: entities are rare, and models too shy."""

    task: Literal["token-classification"] = "token-classification"
    labels: Labels
    outside_bias: float = 0.0

    @model_validator(mode="after")
    def _tags(self) -> TokenClassification:
        expected = tags_of(self.types)
        if sorted(self.labels) != sorted(expected):
            raise ValueError(f"labels are not the IOB2 tags of some types: expected {', '.join(expected)}")
        return self

    @property
    def types(self) -> list[str]:
        """The types of entities, in the order of their tags."""
        return list(dict.fromkeys(label[2:] for label in self.labels if label != OUTSIDE))

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"logits": (None, None, len(self.labels))}


class QuestionAnswering(_Task):
    """The part of a context that answers a question. Spans have at most `max_answer_tokens` tokens. With
    `null_threshold`, there is no answer where the score of none is higher than the best span's by more than that."""

    task: Literal["question-answering"] = "question-answering"
    max_answer_tokens: Annotated[int, Field(ge=1)] = 30
    null_threshold: float | None = None

    @property
    def labels(self) -> list[str]:
        """What the two logits of a token stand for."""
        return ["start", "end"]

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"start_logits": (None, None), "end_logits": (None, None)}


class TextEmbedding(_Task):
    """A vector for a text: the `mean` of its tokens' or that of the first (`cls`), of length 1 if `normalized`."""

    task: Literal["text-embedding"] = "text-embedding"
    pooling: Literal["mean", "cls"] = "mean"
    normalized: bool = True
    dimension: Annotated[int, Field(ge=1)]

    @property
    def labels(self) -> list[str]:
        """None: the numbers of a vector have no names."""
        return []

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"embedding": (None, self.dimension)}


Task = Annotated[
    TextClassification | TextPair | TokenClassification | QuestionAnswering | TextEmbedding, Field(discriminator="task")
]
"""Everything that turns what a graph gives into an answer, and where the model came from."""

_TASK: TypeAdapter[Task] = TypeAdapter(Task)


def parse_task(data: bytes) -> Task:
    """The task in the bytes of a `task.json`; raises ValueError."""
    return _TASK.validate_json(data)


def tags_of(types: list[str]) -> list[str]:
    """The IOB2 tags of some types of entities.

    >>> tags_of(["LOC", "PER"])
    ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER']
    """
    return [OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in "BI")]
