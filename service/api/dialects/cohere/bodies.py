"""Request bodies in Cohere's and Jina's formats."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from glossator.service.api.dialects.request_bodies import Unsupported, one_of
from glossator.service.api.schemas.requests import FirstFault, Texts

Truncate = Annotated[
    Literal["none", "end"] | None,
    one_of("NONE", "END"),
    Field(description="END cuts off the end of a long text. Otherwise long texts are read in windows."),
]
EmbeddingType = Annotated[Literal["float", "base64"], one_of("float", "base64")]


_MOST_FIELDS = 20


def _check_different(fields: list[str] | None) -> list[str] | None:
    """Refuse repeated fields: the text of a document would repeat its content."""
    if fields is not None and len(set(fields)) != len(fields):
        raise PydanticCustomError("repeated-field", "must name each field once")
    return fields


class CohereRerank(BaseModel):
    """A query and candidate documents: strings or objects. Documents are never truncated."""

    model: Annotated[str | None, Field(description="May be left out if a single served model can rank.")] = None
    query: str
    documents: Annotated[list[str | dict[str, Any]], FirstFault(), Field(min_length=1)]
    top_n: Annotated[int | None, Field(ge=1)] = None
    return_documents: bool | None = None
    rank_fields: Annotated[
        Annotated[Texts, Field(min_length=1, max_length=_MOST_FIELDS)] | None,
        AfterValidator(_check_different),
        Field(description="The different fields of object documents, joined by line breaks; default: text."),
    ] = None


class CohereClassify(BaseModel):
    """Texts to classify. `examples` are not supported: the model is already trained."""

    model: str
    inputs: Annotated[Texts, Field(min_length=1)]
    truncate: Truncate = None
    examples: Unsupported = None
    preset: Unsupported = None


class CohereContent(BaseModel):
    """A part of an input: text."""

    type: str = "text"
    text: str | None = None


class CohereInput(BaseModel):
    """An input of embed in parts."""

    content: Annotated[list[CohereContent], FirstFault(), Field(min_length=1)]


class CohereEmbed(BaseModel):
    """Texts to embed, as `texts` or, in version 2, as `inputs` in parts."""

    model: Annotated[str | None, Field(description="May be left out if a single served model embeds.")] = None
    texts: Texts | None = None
    inputs: Annotated[list[CohereInput], FirstFault()] | None = None
    embedding_types: Annotated[list[EmbeddingType], FirstFault(), Field(min_length=1)] | None = None
    output_dimension: Annotated[int | None, Field(ge=1)] = None
    truncate: Truncate = None
    images: Unsupported = None


BODIES = (CohereRerank, CohereClassify, CohereEmbed)
