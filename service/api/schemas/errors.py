"""Errors of one text, and problems of a whole request (RFC 9457)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FaultBody(BaseModel):
    """One of the faults of a request."""

    name: str
    message: str
    where: str


class ErrorBody(BaseModel):
    """The error of one text."""

    code: Annotated[str, Field(description="A stable name for programs. The message may change, the code does not.")]
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None


class FailedText(BaseModel):
    """The result of a text that cannot be answered."""

    error: ErrorBody


class Problem(BaseModel):
    """An error in the form of RFC 9457, `application/problem+json`."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(description="`urn:glossator:problem:` and the code.")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Field(description="The path of the request.")]
    code: Annotated[str, Field(description="A stable name for programs. The message may change, the code does not.")]
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    faults: list[FaultBody] | None = None
