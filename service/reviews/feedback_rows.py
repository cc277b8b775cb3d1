"""The rows in which feedback arrives, over HTTP and in files, and what they mean for a logged answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from glossator.service.bundle.task import Task
from glossator.service.errors import InvalidFeedback, UndecodableText, UnknownAnswer
from glossator.service.monitoring.prediction_log.lookup import Wanted
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.monitoring.prediction_log.redaction import redact
from glossator.service.reviews.feedback import LOCAL, Feedback, new_feedback
from glossator.service.reviews.feedback_gold import check_gold, check_spans, is_same
from glossator.service.reviews.records import SERVED
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.offsets import OffsetUnit

MOST_LABELS = 1_000
MOST_COMMENT_CHARACTERS = 2_000
MOST_REVIEWER_CHARACTERS = 100
_MOST_OFFSET = 1 << 31
Offset = Annotated[int, Field(ge=0, le=_MOST_OFFSET)]


class GoldSpan(BaseModel):
    """The span that answers the question."""

    model_config = ConfigDict(extra="forbid", strict=True)

    start: Annotated[Offset, Field(description="In the unit of the answer's offsets.")]
    end: Offset


class GoldEntity(GoldSpan):
    """An entity that is in the text."""

    label: Annotated[str, Field(max_length=1_000)]


class FeedbackRow(BaseModel):
    """What somebody says about one answer: whether it is right, what would be right, a comment."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"request": "7d0f6c1a", "correct": False, "labels": ["refund"]}],
            "anyOf": [{"required": ["request"]}, {"required": ["model", "text"]}],
        },
    )

    request: Annotated[
        str | None, Field(max_length=128, description="The `X-Request-Id` of the answer, or the id of the job.")
    ] = None
    place: Annotated[
        int | None, Field(ge=0, le=_MOST_OFFSET, description="The number of the text in the request, from 0 (default).")
    ] = None
    model: Annotated[
        str | None, Field(max_length=300, description="The name of the model. Needed without `request`.")
    ] = None
    text: Annotated[
        str | None,
        Field(description="The text, instead of `request`, or for the answers of a job together with it."),
    ] = None
    text_pair: Annotated[str | None, Field(description="The second text, for models that read pairs.")] = None
    correct: Annotated[bool | None, Field(description="Whether the answer is right as a whole.")] = None
    labels: Annotated[
        list[Annotated[str, Field(max_length=1_000)]] | None,
        Field(max_length=MOST_LABELS, description="The right labels."),
    ] = None
    entities: Annotated[list[GoldEntity] | None, Field(max_length=MOST_LABELS, description="The right entities.")] = (
        None
    )
    span: Annotated[GoldSpan | None, Field(description="The right answer to the question.")] = None
    no_answer: Annotated[bool, Field(description="The text contains no answer to the question.")] = False
    comment: Annotated[str | None, Field(max_length=MOST_COMMENT_CHARACTERS)] = None
    reviewer: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MOST_REVIEWER_CHARACTERS,
            description="Who says it; only on servers without keys. With keys, it is the name of the key.",
        ),
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        given = [name for name in SERVED if getattr(self, name) is not None] + ["no_answer"] * self.no_answer
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}")
        if not given and self.correct is None and not self.comment:
            raise ValueError("give correct, the right answer (labels, entities, span, no_answer), or a comment")
        if self.request is None and (self.model is None or self.text is None):
            raise ValueError("give the request, or the model and the text")
        if self.reviewer is not None and not self.reviewer.isprintable():
            raise ValueError("reviewer has characters that cannot be printed")
        if self.place is not None and self.request is None:
            raise ValueError("place belongs to a request")
        if self.text_pair is not None and self.text is None:
            raise ValueError("text_pair belongs to a text")
        return self

    @property
    def gold(self) -> dict[str, Any] | None:
        """The right answer in the form of `Review.gold`."""
        if self.labels is not None:
            return {"labels": self.labels}
        if self.entities is not None:
            return {"entities": [each.model_dump() for each in self.entities]}
        if self.span is not None:
            return {"span": self.span.model_dump()}
        return {"span": None} if self.no_answer else None

    @property
    def sha256(self) -> str | None:
        """The hash of the text; None without one."""
        if self.text is None:
            return None
        return hash_text(self.text if self.text_pair is None else Pair(self.text, self.text_pair))

    def wanted(self, owner: str | None, *, digest: str | None = None) -> Wanted:
        """Return the answer that the row means.

        Args:
            owner: The key that got the answer; None: any.
            digest: The version, if the row names one.
        """
        place = 0 if self.place is None and self.text is None else self.place
        name = None if self.model is None else self.model.partition("@")[0]
        return Wanted(self.request, place, self.sha256, name, digest, owner)


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives feedback, and whether its texts are kept, as those of the prediction log are."""

    owner: str = LOCAL
    reviewer: str = LOCAL
    texts: bool = True
    redact: bool = False


def read_feedback(
    row: FeedbackRow, record: Mapping[str, Any] | None, task: Task | None, giver: Giver, *, job_route: str | None = None
) -> Feedback:
    """Return the feedback in a row.

    Args:
        row: The row.
        record: The logged answer that it means; None if the log has none.
        task: What the model can answer; None: the right answer is not compared with it.
        giver: Who gives it.
        job_route: The route in the records of jobs: their answers are found by their text only, because the places of
            their texts repeat in each chunk.

    Raises:
        UnknownAnswer: There is no such answer, and no right answer for the text either.
        InvalidFeedback: It does not fit the answer or the model.
        UndecodableText: The text has lone surrogates.
    """
    for name in ("text", "text_pair"):
        _check_decodable(name, getattr(row, name))
    gold = row.gold
    if record is None and (row.request is not None or gold is None):
        raise _unknown(row)
    if record is not None and record.get("route") == job_route is not None and row.text is None:
        raise InvalidFeedback(
            "the answers of a job are found by their text", found=row.request, hint="Give the text too."
        )
    unit: OffsetUnit = "codepoint" if record is None else record.get("offset_unit", "codepoint")
    if gold is not None:
        if task is not None:
            check_gold(gold, task)
        check_spans(gold, *_text_of_offsets(row, record, unit))
    served = None if record is None else _served(record)
    correct = row.correct if record is None else _correct(row, gold, served)
    kept = _kept_texts(row, record, giver)
    return new_feedback(
        model=str(record["model"]) if record is not None else str(row.model).partition("@")[0],
        digest=None if record is None else str(record["digest"]),
        request=None if record is None else str(record["request"]),
        place=None if record is None else int(record["place"]),
        sha256=str(record["sha256"] if record is not None else row.sha256),
        text=kept.get("text"),
        second=kept.get("second"),
        correct=correct,
        gold=gold,
        comment=_redacted(row.comment, giver) or None,
        reviewer=row.reviewer or giver.reviewer,
        owner=giver.owner,
        offset_unit=unit,
        served=served,
    )


def _unknown(row: FeedbackRow) -> UnknownAnswer:
    return UnknownAnswer(
        "no logged answer is the one meant",
        found=row.request if row.request is not None else row.sha256,
        expected="the X-Request-Id of an answer of this server that you got"
        if row.request is not None
        else "a text that this model answered, or the right answer",
        hint="Answers are in the log after a moment, and for as long as the log keeps them.",
    )


def _served(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer of a record in the form of a right answer; None for scores and vectors."""
    if "entities" in record:
        return {"entities": [_without_score(each) for each in record["entities"]]}
    if "span" in record:
        return {"span": None if record["span"] is None else _without_score(record["span"])}
    return {"labels": record["labels"]} if "labels" in record else None


def _without_score(span: Mapping[str, Any]) -> dict[str, Any]:
    return {name: span[name] for name in ("start", "end", "label") if name in span}


def _correct(row: FeedbackRow, gold: Mapping[str, Any] | None, served: Mapping[str, Any] | None) -> bool | None:
    """Return whether the answer is right: what the row says, or what its right answer implies."""
    if served is None and (gold is not None or row.correct is not None):
        raise InvalidFeedback(
            "the answers of this model cannot be right or wrong", found="a score or a vector", expected="a comment"
        )
    if gold is None or served is None:
        return row.correct
    if gold.keys() != served.keys():
        raise InvalidFeedback(
            f"the answer has no {next(iter(gold))}",
            expected=next(iter(served)),
            hint="Give the kind of answer that the model gives.",
        )
    same = is_same(gold, served)
    if row.correct not in (None, same):
        raise InvalidFeedback(
            f"correct is {'true' if row.correct else 'false'}, but the right answer is "
            f"{'the same as' if same else 'another than'} the one that was given",
            hint="Leave correct out if you give the right answer.",
        )
    return same


def _text_of_offsets(
    row: FeedbackRow, record: Mapping[str, Any] | None, unit: OffsetUnit
) -> tuple[str | None, OffsetUnit]:
    """Return the text that offsets refer to, None if it is not known exactly, and their unit.

    Of pairs, it is the second text. A masked text has as many code points as the original, but not as many bytes.
    """
    if row.text is not None:
        return row.text if row.text_pair is None else row.text_pair, unit
    if record is None or "text" not in record:
        return None, unit
    second = record.get("second")
    text = record["text"] if second is None else second
    is_exact = hash_text(record["text"] if second is None else Pair(record["text"], second)) == record["sha256"]
    return text if is_exact or unit == "codepoint" else None, unit


def _kept_texts(row: FeedbackRow, record: Mapping[str, Any] | None, giver: Giver) -> dict[str, str | None]:
    if not giver.texts:
        return {}
    if record is not None and "text" in record:
        return {"text": record["text"], "second": record.get("second")}
    return {"text": _redacted(row.text, giver), "second": _redacted(row.text_pair, giver)}


def _redacted(text: str | None, giver: Giver) -> str | None:
    return redact(text) if text and giver.redact else text


def _check_decodable(name: str, value: str | None) -> None:
    try:
        (value or "").encode("utf-8")
    except UnicodeEncodeError as error:
        raise UndecodableText(
            f"{name} has a lone surrogate", found=f"position {error.start}", expected="a text in Unicode"
        ) from None
