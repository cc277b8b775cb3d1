"""Bodies of file previews and of summaries of results, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from glossator.service.api.schemas.errors import ErrorBody
from glossator.service.api.schemas.jobs import JobForm
from glossator.service.errors import GlossatorError
from glossator.service.jobs.file_preview import SHOWN_COLUMNS, FilePreview
from glossator.service.jobs.job_options import LabelOptions
from glossator.service.jobs.result_summary import SCORE_BINS, ResultSummary


class PreviewForm(JobForm):
    """The form of a job, whose file may be only the beginning of the real one."""

    total_bytes: Annotated[
        int | None, Field(ge=0, description="Size of the whole file, if only its beginning is sent.")
    ] = None

    def label_options(self) -> LabelOptions:
        """The options of the labelling."""
        chosen = self.model_dump(exclude={"model", "webhook", "total_bytes"}, exclude_unset=True)
        return LabelOptions.model_validate(chosen)


class DecisionBody(BaseModel):
    """Something that was detected, and the evidence."""

    subject: Annotated[str, Field(description="What was detected.", examples=["delimiter"])]
    chosen: str
    why: str
    runner_up: str | None = None
    guessed: Annotated[bool, Field(description="Whether the evidence is weak.")]


class PreviewRowBody(BaseModel):
    """One row of the file."""

    cells: Annotated[list[str | None], Field(description=f"The first {SHOWN_COLUMNS} columns. Long cells end with …")]
    error: ErrorBody | None = None


class PreviewBody(BaseModel):
    """How a job would read a file."""

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    columns: list[str]
    text_column: Annotated[str | None, Field(description="Null if it is not clear: `problem` then says why.")] = None
    text_reason: Annotated[str, Field(description="Why this is the text column.")]
    second_column: str | None = None
    rows: list[PreviewRowBody]
    estimated_rows: Annotated[int | None, Field(description="Rows of the whole file, about.")] = None
    decisions: list[DecisionBody]
    warning: Annotated[str | None, Field(description="Why the text column may be the wrong one.")] = None
    problem: Annotated[ErrorBody | None, Field(description="Why a job with these options would fail.")] = None


class ErrorExampleBody(BaseModel):
    """A row with an error."""

    row: Annotated[int, Field(ge=1, description="The number of the row, from 1.")]
    text: Annotated[str, Field(description="The beginning of its text.")]
    message: str


class ErrorKindBody(BaseModel):
    """The rows with the same error."""

    code: str
    rows: int
    examples: list[ErrorExampleBody]


class LabelCountBody(BaseModel):
    """How many rows got a label."""

    label: str
    rows: int


class AnsweredRowBody(BaseModel):
    """One row of the result."""

    row: Annotated[int, Field(ge=1, description="The number of the row, from 1.")]
    text: Annotated[str, Field(description="The beginning of its text.")]
    answer: Annotated[str, Field(description="Its labels, entities or answer in words.")]
    score: float | None
    error: Annotated[str, Field(description="Why it has no answer.")]


class SummaryBody(BaseModel):
    """What the finished rows of a job hold."""

    first_rows: list[AnsweredRowBody]
    errors: list[ErrorKindBody]
    labels: Annotated[list[LabelCountBody], Field(description="The most frequent first.")]
    scores: Annotated[list[int], Field(description=f"Rows by score, in {SCORE_BINS} equal bins from 0 to 1.")]
    read_rows: Annotated[int, Field(description="Rows that `labels` and `scores` count: a part of a long result.")]


def preview_body(preview: FilePreview) -> PreviewBody:
    """The preview as a body."""
    return PreviewBody(
        format=preview.format,
        encoding=preview.encoding,
        delimiter=preview.delimiter,
        columns=list(preview.columns),
        text_column=preview.text_column,
        text_reason=preview.text_reason,
        second_column=preview.second_column,
        rows=[PreviewRowBody(cells=list(row.cells), error=_error(row.error)) for row in preview.rows],
        estimated_rows=preview.estimated_rows,
        decisions=[DecisionBody.model_validate(each.to_dict()) for each in preview.decisions],
        warning=preview.warning or None,
        problem=_error(preview.problem),
    )


def summary_body(summary: ResultSummary) -> SummaryBody:
    """The summary as a body."""
    return SummaryBody(
        first_rows=[
            AnsweredRowBody(row=each.row, text=each.text, answer=each.answer, score=each.score, error=each.error)
            for each in summary.first_rows
        ],
        errors=[
            ErrorKindBody(
                code=kind.code,
                rows=kind.rows,
                examples=[
                    ErrorExampleBody(row=each.row, text=each.text, message=each.message) for each in kind.examples
                ],
            )
            for kind in summary.errors
        ],
        labels=[LabelCountBody(label=label, rows=rows) for label, rows in summary.labels.items()],
        scores=list(summary.scores),
        read_rows=summary.read_rows,
    )


def _error(error: GlossatorError | None) -> ErrorBody | None:
    return None if error is None else ErrorBody.model_validate(error.to_dict())
