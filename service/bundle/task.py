"""What a model was trained to do: training writes it as `task.json`, export copies it into `bundle.json`.

text-classification    a text                  -> logits (labels,), or one logit for a score
text-pair              two texts               -> logits (labels,), or one logit for a score
token-classification   a text                  -> logits (tokens, tags)
question-answering     a question, a context   -> start and end logits, (tokens,) each
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
"""The names of transformers' `config.problem_type`: softmax over the labels, a sigmoid per label, or one number."""

TaskName = Literal["text-classification", "text-pair", "token-classification", "question-answering", "text-embedding"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Labels = Annotated[list[str], Field(min_length=1)]

OUTSIDE = "O"
"""The tag of tokens outside all entities; the other tags are `B-TYPE` and `I-TYPE` (IOB2)."""


class StrictModel(BaseModel):
    """Base of all schemas. Refuses unknown fields and NaN: a file of a newer version must not be partly understood."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Encoding(StrictModel):
    """How text is split into windows of tokens. Lengths are in tokens; `max_length` includes special tokens."""

    max_length: Annotated[int, Field(ge=4, le=65_536)]
    stride: Annotated[int, Field(ge=0)]
    """Tokens that two neighbouring windows of a long text share."""
    pad_token_id: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _stride_below_half(self) -> Encoding:
        if self.stride >= self.max_length // 2:
            raise ValueError(f"stride {self.stride} must be under half of max_length {self.max_length}")
        return self


class OutOfScope(StrictModel):
    """When a text is out of scope: the probability of its most probable label is below `threshold`.

    Fitted on `rows` validation rows so that at most the share `refused` of the texts that are in scope is out of scope.
    """

    threshold: Probability
    refused: Annotated[float, Field(gt=0.0, lt=1.0)]
    rows: Annotated[int, Field(ge=1)]


class Calibration(StrictModel):
    """Parameters fitted on validation data. `thresholds` has one entry per label, in the order of `labels`."""

    temperature: Annotated[float, Field(gt=0.0)] = 1.0
    thresholds: list[Probability] | None = None
    nonconformity: list[Probability] | None = None
    """`1 - probability` of the true label of each validation row, ascending: the basis of conformal label sets (Vovk et
    al. 2005; Angelopoulos and Bates 2021). For single-label models only."""
    out_of_scope: OutOfScope | None = None
    """For single-label classification of texts; omitted if None, so that older manifests keep their digest."""

    @model_serializer(mode="wrap")
    def _omit_missing_scope(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if name != "out_of_scope" or value is not None}


class Provenance(StrictModel):
    """Where a model came from."""

    corpus_fingerprint: str
    corpus_rows: int
    base_model: str
    base_revision: str
    """SHA-256 of the base model's weights, or its commit on the Hugging Face hub."""
    algorithm: str
    config: dict[str, str | int | float | bool | None]
    seed: int
    code_version: str
    packages: dict[str, str]
    created: str
    """ISO 8601, UTC."""
    run: str | None = None
    """Id of the recorded run that made the model; omitted if None, so that older manifests keep their digest."""

    @model_serializer(mode="wrap")
    def _omit_missing_run(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if name != "run" or value is not None}


Shape = tuple[int | None, ...]
"""The axes of an output, batch first; None for a free axis."""


class _TaskFields(StrictModel):
    """Fields of every task. `format_version` is the version of checkpoints; that of bundles is in the manifest."""

    format_version: Literal[2] = file_names.TASK_VERSION
    task: TaskName
    encoding: Encoding
    provenance: Provenance


class Classifier(_TaskFields):
    """A task whose logits become labels or a score, for one text or two. `labels` are in the order of the logits."""

    problem_type: ProblemType
    labels: Labels
    calibration: Calibration = Calibration()
    score_range: tuple[float, float] | None = None
    """The lowest and the highest score: score = low + (high - low) * sigmoid(logit). None: the score is the logit."""

    @model_validator(mode="after")
    def _labels_fit_the_problem(self) -> Classifier:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        if (len(self.labels) == 1) != (self.problem_type == "regression"):
            raise ValueError(f"{len(self.labels)} labels do not fit {self.problem_type}")
        thresholds = self.calibration.thresholds
        if thresholds is not None and len(thresholds) != len(self.labels):
            raise ValueError(f"{len(thresholds)} thresholds for {len(self.labels)} labels")
        if thresholds is not None and self.problem_type != "multi_label_classification":
            raise ValueError("thresholds belong to multi_label_classification")
        if self.score_range is not None and not self.score_range[0] < self.score_range[1]:
            raise ValueError(f"score_range {self.score_range} is empty")
        return self

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"logits": (None, len(self.labels))}


class TextClassification(Classifier):
    """One label for a text, any number of labels, or a score if `problem_type` is `regression`."""

    task: Literal["text-classification"] = "text-classification"

    @model_validator(mode="after")
    def _fits_the_problem(self) -> TextClassification:
        if self.score_range is not None and self.problem_type != "regression":
            raise ValueError("score_range belongs to regression")
        if self.calibration.out_of_scope is not None and self.problem_type != "single_label_classification":
            raise ValueError("out_of_scope belongs to single_label_classification")
        return self

    @model_serializer(mode="wrap")
    def _omit_score_range(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit `score_range` from models with labels, so that older manifests keep their digest."""
        fields: dict[str, object] = handler(self)
        return {
            name: value for name, value in fields.items() if name != "score_range" or self.problem_type == "regression"
        }


class TextPair(Classifier):
    """One label for two texts (entailment), or a score if `problem_type` is `regression` (similarity, relevance)."""

    task: Literal["text-pair"] = "text-pair"
    score_range: tuple[float, float] | None = (0.0, 1.0)

    @model_validator(mode="after")
    def _one_label_or_score(self) -> TextPair:
        if self.problem_type == "multi_label_classification":
            raise ValueError("a pair has one label or one score")
        if self.calibration.out_of_scope is not None:
            raise ValueError("out_of_scope belongs to text-classification")
        return self


Tagging = Literal["IOB2", "IOB1", "BILOU"]
"""How tags become entities. `IOB2`: every entity begins with `B-X`. `IOB1`: an entity may also begin with `I-X`; `B-X`
marks the end of an entity directly before it. `BILOU`: `L-X` ends an entity, `U-X` is one of a single word."""


class TokenClassification(_TaskFields):
    """Entities in a text. `labels` are tags in the order of the logits: `O`, `B-PER`, `I-PER`, ...

    `outside_bias` is subtracted from the logit of `O`. It is fitted on validation data, because models find too few
    entities: entities are rare.
    """

    task: Literal["token-classification"] = "token-classification"
    labels: Labels
    outside_bias: float = 0.0
    tagging: Tagging = "IOB2"
    """Omitted if `IOB2`, so that older manifests keep their digest."""

    @model_validator(mode="after")
    def _valid_tags(self) -> TokenClassification:
        if self.tagging == "IOB2":
            expected = iob2_tags(self.types)
            if sorted(self.labels) != sorted(expected):
                raise ValueError(f"labels are not the IOB2 tags of some types: expected {', '.join(expected)}")
            return self
        prefixes = "BI" if self.tagging == "IOB1" else "BILU"
        tags = [label for label in self.labels if label != OUTSIDE]
        wrong = [tag for tag in tags if tag[:1] not in prefixes or tag[1:2] != "-" or not tag[2:]]
        if wrong or len(set(self.labels)) != len(self.labels) or len(tags) == len(self.labels):
            raise ValueError(f"labels are not {OUTSIDE} and tags of {self.tagging}: {', '.join(wrong or self.labels)}")
        return self

    @model_serializer(mode="wrap")
    def _omit_default_tagging(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if name != "tagging" or value != "IOB2"}

    @property
    def types(self) -> list[str]:
        """The entity types, in the order of their tags."""
        return list(dict.fromkeys(label[2:] for label in self.labels if label != OUTSIDE))

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"logits": (None, None, len(self.labels))}


class QuestionAnswering(_TaskFields):
    """The span of a context that answers a question; it has at most `max_answer_tokens` tokens.

    If `null_threshold` is set, the model may give no answer: when the score of no answer exceeds the score of the best
    span by more than the threshold.
    """

    task: Literal["question-answering"] = "question-answering"
    max_answer_tokens: Annotated[int, Field(ge=1)] = 30
    null_threshold: float | None = None

    @property
    def labels(self) -> list[str]:
        """The names of a token's two logits."""
        return ["start", "end"]

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"start_logits": (None, None), "end_logits": (None, None)}


Pooling = Literal["mean", "cls", "max", "last", "weighted_mean", "mean_sqrt_len"]
"""How token vectors become one vector: their mean, that of the first token, the largest value of each dimension, that
of the last token, the mean weighted by position (1, 2, ...), or the sum divided by the square root of their number."""


class TextEmbedding(_TaskFields):
    """A vector for a text, pooled from its token vectors; of length 1 if `normalized`."""

    task: Literal["text-embedding"] = "text-embedding"
    pooling: Pooling | Annotated[list[Pooling], Field(min_length=2)] = "mean"
    """Of several poolings, the vectors are concatenated."""
    normalized: bool = True
    dimension: Annotated[int, Field(ge=1)]
    prompt: str = ""
    """Put before each text; every window of a long text begins with it."""
    truncate_characters: Annotated[int, Field(ge=1)] | None = None
    """With `truncate`, the number of characters of a text that are read, before it is split into tokens."""
    token_dimension: Annotated[int, Field(ge=1)] | None = None
    """The numbers in the vector of a token, which heads for entities read; None if the graph gives no such vectors."""

    @model_serializer(mode="wrap")
    def _omit_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit what is missing of the last three fields, so that older manifests keep their digest."""
        omitted = ("prompt", "truncate_characters", "token_dimension")
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if value or name not in omitted}

    @property
    def labels(self) -> list[str]:
        """Empty: the dimensions of a vector have no names."""
        return []

    @property
    def outputs(self) -> dict[str, Shape]:
        return {"embedding": (None, self.dimension)}


Task = Annotated[
    TextClassification | TextPair | TokenClassification | QuestionAnswering | TextEmbedding, Field(discriminator="task")
]
"""What is needed to decode the outputs of a graph, and where the model came from."""

_TASK: TypeAdapter[Task] = TypeAdapter(Task)


def parse_task(data: bytes) -> Task:
    """Return the task in the bytes of a `task.json`; raises ValueError."""
    return _TASK.validate_json(data)


def iob2_tags(types: list[str]) -> list[str]:
    """Return the IOB2 tags of entity types.

    >>> iob2_tags(["LOC", "PER"])
    ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER']
    """
    return [OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in "BI")]
