"""The path of every inference request, whatever its dialect: limits, deadline, queue, answers, metrics.

Prediction, reranking, zero-shot labels and explanations are computed in `Steps`, which `step_runner.py` runs until the
deadline. Before the first step, `admit` estimates from the characters how long a request will take: work that would
start or end too late is refused before it costs anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Annotated, TypeVar, Unpack

from fastapi import Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from glossator.service.api.inference.answer_recording import record_answers
from glossator.service.api.inference.step_runner import offload, run_steps
from glossator.service.api.openapi_document import TIMEOUT_HEADER
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.settings import Settings
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count, length_error, parse_object, read_json_body, validate
from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import Fault, InputError, Overloaded
from glossator.service.inference.composed.explanation import Explanation, passes
from glossator.service.inference.composed.explanation import explain as explain_steps
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument
from glossator.service.inference.composed.reranking import rerank as rerank_steps
from glossator.service.inference.composed.zero_shot import check_zero_shot
from glossator.service.inference.composed.zero_shot import zero_shot as zero_shot_steps
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers, PooledText
from glossator.service.inference.queue.encoding_lanes import Share
from glossator.service.inference.queue.workload import count_characters
from glossator.service.inference.steps import Steps
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DecodeKeywords

INLINE_CHARACTERS = 16_384
"""Requests up to this size are processed on the event loop: a thread would take longer."""
INLINE_PASSES = 64
"""And up to this many passes over the model."""

_SECONDS = TypeAdapter(Annotated[float, Field(gt=0.0)])
_Body = TypeVar("_Body", bound=BaseModel)
_T = TypeVar("_T")
_Text = TypeVar("_Text", bound=Text)


async def predict(
    state: AppState,
    request: Request,
    model: Model,
    name: str,
    texts: Sequence[Text | InputError],
    **options: Unpack[DecodeKeywords],
) -> list[Answer | InputError]:
    """One answer per text, in order. A text that cannot be answered has its error in this list.

    Raises TooManyTexts, ConfigError for options that the task does not have, Overloaded, DeadlineExceeded, and
    ClientDisconnect.
    """
    settings = state.settings
    check_count(texts, settings.max_texts)
    began = time.perf_counter()
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    truncate = bool(options.get("truncate"))
    share = admit(state, request, model, list(map(count_characters, limited)), deadline, truncate=truncate)
    pending, answers = await run_steps(state, request, _predict(model, limited, deadline, options), deadline, share)
    record_answers(state, request, model, name, limited, pending, answers, began)
    return answers


def _predict(
    model: Model, texts: Sequence[Text | InputError], deadline: float, options: DecodeKeywords
) -> Steps[tuple[PendingAnswers, list[Answer | InputError]]]:
    pending = yield from model.pipeline.prepare_steps(texts, **options)
    yield None
    yield model.pipeline.submit(pending, deadline=deadline)
    return pending, pending.result()


async def zero_shot(
    state: AppState,
    request: Request,
    model: Model,
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    hypothesis: str | None,
    multi_label: bool,
) -> list[Answer | InputError]:
    """The scores of labels that the model was not trained on (`Model.zero_shot`), one answer per text.

    Every text is compared with every label, so texts times labels must not exceed the limit on texts.
    """
    settings = state.settings
    check_count(range(max(1, len(texts)) * len(labels)), settings.max_texts)
    check_zero_shot(model.task, labels, hypothesis)
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    if isinstance(model.task, TextEmbedding):
        passes = list(map(count_characters, [*limited, *labels]))
    else:
        passes = [count_characters(text) + len(label) for text in limited for label in labels]
    share = admit(state, request, model, passes, deadline)
    steps = zero_shot_steps(
        model.pipeline, limited, labels, hypothesis=hypothesis, multi_label=multi_label, deadline=deadline
    )
    return await run_steps(state, request, steps, deadline, share)


async def rerank(
    state: AppState,
    request: Request,
    model: Model,
    query: str,
    documents: Sequence[str],
    *,
    top_k: int | None = None,
    label: str | None = None,
    raw: bool = False,
) -> list[RankedDocument | UnrankedDocument]:
    """The documents by their relevance to the query (`Model.rerank`). Raises the error of the query."""
    settings = state.settings
    check_count(documents, settings.max_texts)
    if (error := length_error(query, settings.max_characters)) is not None:
        raise error
    deadline = read_deadline(request, settings)
    limited = replace_too_long(documents, settings.max_characters)
    if isinstance(model.task, TextEmbedding):
        passes = [len(query), *map(count_characters, limited)]
    else:
        passes = [len(query) + count_characters(document) for document in limited]
    share = admit(state, request, model, passes, deadline)
    steps = rerank_steps(model.pipeline, query, limited, top_k=top_k, label=label, deadline=deadline, raw=raw)
    return await run_steps(state, request, steps, deadline, share)


async def pooled_texts(
    state: AppState, request: Request, model: Model, texts: Sequence[Text], *, truncate: bool = False
) -> list[PooledText | InputError]:
    """The logits of each text, not decoded (`Pipeline.pooled_texts`), for dialects that return them."""
    settings = state.settings
    check_count(texts, settings.max_texts)
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    share = admit(state, request, model, list(map(count_characters, limited)), deadline, truncate=truncate)
    steps = model.pipeline.pooled_texts(limited, deadline=deadline, truncate=truncate)
    return await run_steps(state, request, steps, deadline, share)


async def explain(
    state: AppState, request: Request, model: Model, texts: Sequence[Text], answers: Sequence[Answer | InputError]
) -> list[Explanation | None]:
    """How much each part of a text contributes to its answer (`Model.explain`), or None for an invalid text."""
    without_parts = passes(texts)
    check_count(without_parts, state.settings.max_texts)
    deadline = read_deadline(request, state.settings)
    share = admit(state, request, model, without_parts, deadline)
    steps = explain_steps(model.pipeline, texts, answers, deadline=deadline)
    return await run_steps(state, request, steps, deadline, share)


def admit(
    state: AppState,
    request: Request,
    model: Model,
    characters: Sequence[int],
    deadline: float,
    *,
    truncate: bool = False,
) -> Share | None:
    """Admit the passes over the model that a request takes, from the characters of each.

    Returns its share of the encoding lanes, which must go to `run_steps`; None for a small request, which is encoded on
    the event loop. Raises Overloaded if the request would start too late, or end too late even on an idle server.
    """
    is_small = sum(characters) <= INLINE_CHARACTERS and len(characters) <= INLINE_PASSES
    work = model.pipeline.rates.estimate(characters, truncate=truncate)
    first = model.batchers[-1]  # of a cascade: the fast model, which all texts pass
    first.check_duration(work.windows, work.tokens, deadline, work.seconds)
    try:
        model.batcher.admit(work.windows, work.tokens, deadline=deadline)
    except Overloaded as error:
        if is_small:
            state.refusals.note(request.scope, model.batcher, error)
        raise
    if is_small:
        return None
    wait, left = state.lanes.wait(work.seconds), deadline - time.monotonic()
    if wait + work.seconds > left:
        model.batcher.count_refused()
        raise Overloaded(
            "the server is overloaded",
            found=f"{wait:.2f} s of texts that wait to be encoded",
            expected=f"at most {max(0.0, left - work.seconds):.2f} s",
            hint="Retry after the number of seconds in Retry-After.",
            retry_after=max(1, math.ceil(wait)),
        )
    return state.lanes.join(work.seconds)


async def parse_body(request: Request, state: AppState, kind: type[_Body], hint: str) -> _Body:
    """The JSON body of the request as a `kind`. Raises an error with this hint if it does not fit."""
    body = await read_json_body(request, state.settings.max_body_bytes)

    def parse() -> _Body:
        return validate(parse_object(body, hint=hint), kind, hint=hint)

    inline = len(body) <= INLINE_CHARACTERS
    return await offload(state, parse, inline=inline, seconds=parse_seconds(body))


def parse_seconds(body: bytes) -> float:
    """About how long it takes to parse and check a JSON body."""
    return 1e-7 * len(body)


def read_deadline(request: Request, settings: Settings) -> float:
    """The time (`time.monotonic`) until which the request must be answered.

    This is the server's limit, or less if the X-Request-Timeout header says so. Raises InvalidRequest if the header is
    not a number of seconds.
    """
    seconds, header = settings.timeout_seconds, request.headers.get(TIMEOUT_HEADER)
    if header is not None:
        try:
            seconds = min(seconds, _SECONDS.validate_python(header))
        except ValidationError as error:
            (fault,) = list_faults(error)
            fault = Fault(fault.name, fault.message, f"header.{TIMEOUT_HEADER}")
            raise InvalidRequest("invalid header", faults=[fault], hint="Send seconds, for example 2.5.") from None
    return time.monotonic() + seconds


def replace_too_long(texts: Sequence[_Text | InputError], limit: int) -> list[_Text | InputError]:
    """The texts, each one of more than `limit` characters replaced by its error."""
    return [text if isinstance(text, InputError) else _length_error(text, limit) or text for text in texts]


def _length_error(text: Text, limit: int) -> InputError | None:
    sides = text if isinstance(text, Pair) else (text,)
    return next((error for side in sides if (error := length_error(side, limit))), None)


def raise_first_error(answers: Sequence[_T | InputError]) -> list[_T]:
    """The answers, if none is an error; otherwise raise the first error.

    For dialects that cannot report the error of one text. With several texts, the message gets the index of the text.
    """
    found = []
    for index, answer in enumerate(answers):
        if isinstance(answer, InputError):
            if len(answers) > 1:
                answer.message = f"text {index}: {answer.message}"
            raise answer
        found.append(answer)
    return found


def raise_first_unranked(ranked: Sequence[RankedDocument | UnrankedDocument]) -> list[RankedDocument]:
    """The documents, if all are ranked; otherwise raise the error of the first that is not.

    For dialects that cannot report the error of one document. The message gets the index of the document.
    """
    for document in ranked:
        if isinstance(document, UnrankedDocument):
            document.error.message = f"text {document.index}: {document.error.message}"
            raise document.error
    return [document for document in ranked if isinstance(document, RankedDocument)]
