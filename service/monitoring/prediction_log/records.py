"""The record of one answer. docs/monitoring.md documents its fields."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from glossator.service.bundle.reader import Bundle
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.monitoring.drift.references import References
from glossator.service.monitoring.drift.summaries import summaries_of
from glossator.service.monitoring.prediction_log.redaction import redact
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DEFAULTS, DecodeOptions
from glossator.service.tasks.question_answering import Extraction
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification, Score, Scores
from glossator.service.tasks.token_classification import Entities

LOGGED_SCORES = 5
"""The most probable labels that a record lists, with their probabilities."""
JOB_ROUTE = "/v1/jobs"
"""The route in the records of jobs."""
_DIGITS = 6

Role = Literal["served", "shadow"]
"""Who got an answer: the caller, or nobody but the log."""


class Served(NamedTuple):
    """The answers to one request, as they were given."""

    time: float
    """Seconds since 1970."""
    request: str
    """The id of the request or of the job."""
    model: str
    version: str | None
    """What the caller asked for after the `@`: an alias or a version."""
    digest: str
    route: str
    key: str
    """The name of the caller's API key."""
    seconds: float
    """From the texts to their answers."""
    texts: Sequence[Text | InputError]
    answers: Sequence[Answer | InputError]
    offset_unit: str | None = None
    """The unit of the offsets of entities and spans; None: code points."""
    options: DecodeOptions = DEFAULTS
    """The options that the answers were decoded with."""
    role: Role = "served"
    """`shadow`: a challenger answered texts that another version had answered for the caller."""
    places: Sequence[int] | None = None
    """The numbers of the texts in the request; None: 0, 1, 2, ..."""
    bundle: Bundle | None = None
    """The bundle that answered: summaries are recorded if it has a reference to compare them with."""


def hash_text(text: Text) -> str:
    """Return the SHA-256 of a text in UTF-8, or of the two texts of a pair with a zero byte between them."""
    content = "\0".join(text) if isinstance(text, Pair) else text
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def records_of(served: Served, settings: LogSettings, references: References | None = None) -> Iterator[dict[str, Any]]:
    """Yield the record of each answer. Texts that could not be answered have none.

    `references`: finds the reference of the bundle; None leaves the summaries out.
    """
    bundle = served.bundle
    reference = None if references is None or bundle is None else references.of(bundle)
    common = {
        "time": format_time(served.time),
        "request": served.request,
        "model": served.model,
        "version": served.version,
        "digest": served.digest,
        "route": served.route,
        "key": served.key,
        "seconds": round(served.seconds, _DIGITS),
        **({} if served.role == "served" else {"role": served.role}),
    }
    places = range(len(served.texts)) if served.places is None else served.places
    for place, text, answer in zip(places, served.texts, served.answers, strict=True):
        if isinstance(answer, InputError) or isinstance(text, InputError):
            continue
        yield {
            **common,
            "place": place,
            "sha256": hash_text(text),
            **(_texts(text, settings) if settings.texts else {}),
            **prediction_fields(answer, served.offset_unit),
            "tokens": answer.tokens,
            "windows": answer.windows,
            "truncated": answer.truncated,
            "tier": answer.tier,
            **(
                {}
                if reference is None or bundle is None
                else {"summaries": summaries_of(answer, text, bundle.task, reference.profile)}
            ),
        }


def format_time(seconds: float) -> str:
    """Return a time in ISO 8601, UTC, with microseconds. Later times are greater strings."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _texts(text: Text, settings: LogSettings) -> dict[str, str]:
    sides = dict(zip(("text", "second"), text if isinstance(text, Pair) else (text,), strict=False))
    return {name: redact(side) for name, side in sides.items()} if settings.redact else sides


def prediction_fields(answer: Answer, offset_unit: str | None) -> dict[str, Any]:
    """Return the fields of a record that say what was predicted."""
    found = answer.prediction
    if isinstance(found, Classification):
        return {
            "labels": list(found.labels),
            "scores": [{"label": each.label, "score": _rounded(each.score)} for each in _best(found)],
            "confidence": _rounded(found.score),
        }
    if isinstance(found, Rating):
        return {"score": _rounded(found.score)}
    if isinstance(found, Entities):
        entities = [
            {"start": each.start, "end": each.end, "label": each.label, "score": _rounded(each.score)}
            for each in found.entities
        ]
        return {
            "labels": sorted({each.label for each in found.entities}),
            "entities": entities,
            "confidence": min((_rounded(each.score) for each in found.entities), default=None),
            "offset_unit": offset_unit or "codepoint",
        }
    if isinstance(found, Extraction):
        span = found.answer
        return {
            "span": None if span is None else {"start": span.start, "end": span.end, "score": _rounded(span.score)},
            "confidence": _rounded(found.no_answer_score if span is None else span.score),
            "offset_unit": offset_unit or "codepoint",
        }
    return {}


def _best(found: Classification) -> list[Score]:
    """Return the most probable labels, however many the caller asked for."""
    scores = found.scores
    return scores.best(LOGGED_SCORES) if isinstance(scores, Scores) else list(scores[:LOGGED_SCORES])


def _rounded(score: float) -> float:
    return round(float(score), _DIGITS)
