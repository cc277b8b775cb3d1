"""Bodies of files that people label, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from glossator.service.labelling_queues.records import Counts, Kind, LabellingQueue
from glossator.service.monitoring.prediction_log.records import format_time

MOST_LABELS = 10_000
MOST_LABEL_CHARACTERS = 200
MOST_REVIEWERS = 5


def _add_file(schema: dict[str, Any]) -> None:
    """Add the file to the schema. It is not a field of the model, because its bytes are streamed to disk."""
    file = {"type": "string", "format": "binary", "description": "The rows to label."}
    schema["properties"] = {"file": file, **schema["properties"]}
    schema["required"] = ["file"]


class ReviewFileForm(BaseModel):
    """The form that makes a queue from a file: who suggests, and the labels to choose from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_add_file)

    title: Annotated[str | None, Field(max_length=200, description="Default: the name of the file.")] = None
    model: Annotated[
        str | None,
        Field(
            description="A served model whose answers are suggested. Without one, nothing is, or what the file says."
        ),
    ] = None
    labels: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MOST_LABEL_CHARACTERS)]],
        Field(
            max_length=MOST_LABELS,
            description="The labels to choose from, repeated or one a line. A zero-shot model suggests them. Default: "
            "those of the model, or of a file of tasks.",
        ),
    ] = []
    kind: Annotated[
        Kind | None, Field(description="What a row gets; a model decides it. Default: that of the file, or one label.")
    ] = None
    text_column: Annotated[str | None, Field(description="Default: detected, as for jobs.")] = None
    second_column: Annotated[str | None, Field(description="The second text of pairs; the context of questions.")] = (
        None
    )
    input_format: Annotated[str | None, Field(description="Default: detected, as for jobs.")] = None
    reviewers: Annotated[
        float,
        Field(
            ge=1.0, le=MOST_REVIEWERS, description="How many reviewers each row wants; 1.2: two for every fifth row."
        ),
    ] = 1.0
    new_labels: Annotated[bool, Field(description="Allow labels that are not listed.")] = False

    @field_validator("labels", mode="before")
    @classmethod
    def _split_lines(cls, values: object) -> object:
        if not isinstance(values, list):
            return values
        lines = [line.strip() for value in values for line in str(value).splitlines()]
        return list(dict.fromkeys(line for line in lines if line))


class ReviewerCount(BaseModel):
    """How many rows a reviewer has answered."""

    name: str
    reviews: int


class ReviewFileBody(BaseModel):
    """A file that people label, and how far they are."""

    id: str
    title: str
    kind: Kind
    labels: list[str]
    new_labels: bool
    model: str | None
    zero_shot: Annotated[bool, Field(description="Whether the model was not trained on these labels.")]
    text_column: str
    second_column: str | None
    reviewers_per_row: float
    created: Annotated[str, Field(description="ISO 8601.")]
    rows: int
    usable: Annotated[int, Field(description="Rows with a text.")]
    done: Annotated[int, Field(description="Rows that somebody has labelled or skipped.")]
    skipped: int
    accepted: Annotated[int, Field(description="Answers that are what was suggested, of `suggested`.")]
    suggested: int
    reviewers: list[ReviewerCount]
    page: Annotated[str, Field(description="Where people label it.")]
    export: Annotated[str, Field(description="Where the labelled file is.")]


class ReviewFileList(BaseModel):
    """All queues of files, the newest first."""

    files: list[ReviewFileBody]


def review_file_body(queue: LabellingQueue, counts: Counts) -> ReviewFileBody:
    """Return a queue as a body."""
    return ReviewFileBody(
        id=queue.id,
        title=queue.title,
        kind=queue.kind,
        labels=list(queue.labels),
        new_labels=queue.new_labels,
        model=queue.model,
        zero_shot=queue.zero_shot,
        text_column=queue.text_column,
        second_column=queue.second_column,
        reviewers_per_row=queue.reviewers,
        created=format_time(queue.created),
        rows=queue.rows,
        usable=queue.usable,
        done=counts.done,
        skipped=counts.skipped,
        accepted=counts.accepted,
        suggested=counts.suggested,
        reviewers=[ReviewerCount(name=name, reviews=reviews) for name, reviews in counts.reviewers],
        page=f"/ui/review/file%3A{queue.id}",
        export=f"/v1/review-files/{queue.id}/export",
    )
