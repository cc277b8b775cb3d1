"""Errors in answers: one text, or the whole request (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FaultBody(BaseModel):
    """One of several things that are wrong."""

    name: str
    message: str
    where: str


class ErrorBody(BaseModel):
    """Why one text of many has no answer."""

    code: Annotated[str, Field(description="A stable name that a client may switch on.")]
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None


class FailedText(BaseModel):
    """Stands in the place of a text that cannot be answered."""

    error: ErrorBody


class Problem(BaseModel):
    """An error in the form of RFC 9457, `application/problem+json`."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(description="`urn:glossator:problem:` and the code.")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Field(description="The path that was asked for.")]
    code: Annotated[str, Field(description="A stable name that a client may switch on.")]
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None
