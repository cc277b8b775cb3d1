"""Bodies of requests, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from glossator.service.tasks.offsets import OffsetUnit
from glossator.service.tasks.options import Aggregation

DEFAULT_TOP_K = 5


class FirstFault(FailFast):
    """Reports only the first fault of a list: the lists of a body may have hundreds of thousands of items."""

    __hash__ = object.__hash__  # for unions of types


Texts = Annotated[list[str], FirstFault()]


class PredictOptions(BaseModel):
    """Options of a prediction. Each task accepts some of them and refuses the others.

    Text fields have no constraints, not even a length: pydantic would refuse the whole request for one lone surrogate.
    Every text is checked on its own when it is encoded.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    top_k: Annotated[
        int | None,
        Field(
            ge=1,
            description="Number of the most probable labels in `scores` (default 5); does not change `labels`. "
            "For question answering: the number of `candidates`.",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="Multi-label models only: replaces the threshold of every label.",
        ),
    ] = None
    min_confidence: Annotated[
        float | None,
        Field(ge=0.0, le=1.0, description="Single-label models only: no label is assigned if its score is lower."),
    ] = None
    coverage: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            description="Single-label models only: `labels` becomes a set that contains the true label with this "
            "probability, for texts like those in the validation data.",
        ),
    ] = None
    empty_sets: Annotated[
        bool, Field(description="With `coverage`: a text that no label fits gets an empty set, not its best label.")
    ] = False
    aggregation: Annotated[
        Aggregation | None, Field(description="How tokens are combined to entities (default `first`).")
    ] = None
    offset_unit: Annotated[
        OffsetUnit | None, Field(description="The unit of `start` and `end` (default code points).")
    ] = None
    unit: Annotated[
        Literal["text", "sentence"],
        Field(description="Predict the whole text, or each of its sentences. Offsets always refer to the text."),
    ] = "text"
    explain: Annotated[
        bool,
        Field(
            description="Text classification only: also return the influence of each word on the most probable label. "
            "Needs one pass through the model per word, at most 48; longer texts are explained in groups of words."
        ),
    ] = False
    truncate: Annotated[
        bool,
        Field(description="Read only the first window of a long text. By default all windows are read and pooled."),
    ] = False


class PredictText(PredictOptions):
    """One text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "my card has not arrived", "top_k": 3}]})

    text: str
    text_pair: Annotated[
        str | None,
        Field(description="The second text, for models that read pairs: a hypothesis, a document or a context."),
    ] = None


class PredictTexts(PredictOptions):
    """Several texts. The results have the same order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"texts": ["my card has not arrived", "thank you"]}, {"texts": []}]}
    )

    texts: Annotated[
        list[str], Field(description="At most 1,000 by default; the server's settings may change the limit.")
    ]
    text_pairs: Annotated[
        Texts | None, Field(description="The second text of each pair, for models that read pairs.")
    ] = None


class HeadsRequest(BaseModel):
    """Texts for several heads of one backbone."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"texts": ["my card has not arrived"], "heads": ["intents", "urgency"]}]},
    )

    texts: Annotated[
        Texts,
        Field(description="Texts times heads: at most 1,000 by default; the server's settings may change the limit."),
    ]
    heads: Annotated[
        Texts | None,
        Field(description="Names of heads, `NAME` or `NAME@VERSION`. By default every head of this backbone."),
    ] = None
    top_k: Annotated[
        int, Field(ge=1, description="Number of the most probable labels in `scores`; does not change `labels`.")
    ] = DEFAULT_TOP_K
    truncate: Annotated[
        bool,
        Field(description="Read only the first window of a long text. By default all windows are read and pooled."),
    ] = False


class ZeroShotRequest(BaseModel):
    """Texts and candidate labels."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"texts": ["where is my parcel"], "labels": ["delivery", "refund"]}]},
    )

    texts: Annotated[
        Texts,
        Field(description="Texts times labels: at most 1,000 by default; the server's settings may change the limit."),
    ]
    labels: Annotated[Texts, Field(min_length=1, description="Label names; for embedding models also descriptions.")]
    hypothesis: Annotated[
        str | None,
        Field(description="A sentence in which the label replaces {}, for example `This example is {}.`"),
    ] = None
    multi_label: Annotated[bool, Field(description="Score each label independently.")] = False


class RerankRequest(BaseModel):
    """A query and the documents to rank."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"query": "lost card", "documents": ["We block lost cards.", "Our hours"]}]},
    )

    query: str
    documents: Annotated[
        Texts, Field(description="At most 1,000 by default; the server's settings may change the limit.")
    ]
    top_k: Annotated[int | None, Field(ge=1, description="Return only the best `top_k` documents (default: all).")] = (
        None
    )
    label: Annotated[
        str | None, Field(description="For models with labels: the label that means that a document is relevant.")
    ] = None
