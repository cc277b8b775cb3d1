"""Request bodies of text-embeddings-inference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.dialects.request_bodies import Unsupported, one_of
from glossator.service.api.schemas.requests import FirstFault, Texts

Inputs = str | Texts


Direction = Annotated[
    Literal["right"],
    one_of("Right"),
    Field(description="With `truncate`, the end of a long text is cut off."),
]


class TeiPredict(BaseModel):
    """A text, one pair `["a", "b"]`, or a batch `[["a"], ["b", "c"]]`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})

    inputs: str | Texts | Annotated[list[Texts], FirstFault()]
    truncate: bool = False
    truncation_direction: Direction = "right"
    raw_scores: Annotated[bool, Field(description="Return logits instead of probabilities.")] = False


class TeiEmbed(BaseModel):
    """One text or several."""

    inputs: Inputs
    normalize: bool = True
    truncate: bool = False
    truncation_direction: Direction = "right"
    prompt_name: Unsupported = None
    dimensions: Annotated[int | None, Field(ge=1)] = None


class TeiRerank(BaseModel):
    """A query and candidate texts, which are never truncated."""

    query: str
    texts: Annotated[Texts, Field(min_length=1)]
    raw_scores: bool = False
    return_text: bool = False
    truncation_direction: Direction = "right"


class TeiSentences(BaseModel):
    """Sentences to compare with a source sentence."""

    source_sentence: str
    sentences: Annotated[Texts, Field(min_length=1)]


class TeiSimilarity(BaseModel):
    """Sentences to compare."""

    inputs: TeiSentences


class TeiTokenize(BaseModel):
    """Texts to tokenize."""

    inputs: Inputs
    add_special_tokens: bool = True
    prompt_name: Unsupported = None


Ids = Annotated[list[int], FirstFault()]


class TeiDecode(BaseModel):
    """Token ids to decode."""

    ids: Ids | Annotated[list[Ids], FirstFault()]
    skip_special_tokens: bool = True


class TeiAny(BaseModel):
    """What fits the model: `inputs` to embed or classify, or `query` and `texts` to rerank."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"inputs": "my card has not arrived"}]})


BODIES = (TeiPredict, TeiEmbed, TeiRerank, TeiSimilarity, TeiTokenize, TeiDecode, TeiAny)
