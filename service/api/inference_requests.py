"""The path of every inference request, whatever its dialect: limits, deadline, queue, answers, metrics.

Small requests are parsed, encoded and decoded on the event loop, large ones in a few threads. While the model runs, a
client that disconnects cancels its request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Annotated, Any, TypeVar, Unpack

from anyio import to_thread
from fastapi import Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from glossator.service.api.openapi_document import TIMEOUT_HEADER
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.settings import Settings
from glossator.service.api.state import AppState
from glossator.service.api.transport.json_body import check_count, length_error, parse_object, read_json_body, validate
from glossator.service.errors import Fault, InputError
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DecodeKeywords

INLINE_CHARACTERS = 16_384
"""Requests up to this size are processed on the event loop: a thread would take longer."""
WATCH_AFTER_SECONDS = 0.1
"""How long an answer may take before the connection is watched for a disconnect."""

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
    inline = sum(_characters(text) for text in texts) <= INLINE_CHARACTERS
    pending = await offload(state, partial(model.start, limited, deadline=deadline, **options), inline=inline)
    await wait_for_batches(request, pending)
    answers = await offload(state, pending.result, inline=inline)
    record_answers(state, name, pending, answers, began)
    return answers


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
    check_count(range(len(texts) * len(labels)), settings.max_texts)
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    return await offload(
        state,
        partial(model.zero_shot, limited, labels, hypothesis=hypothesis, multi_label=multi_label, deadline=deadline),
    )


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
    return await offload(
        state, partial(model.rerank, query, limited, top_k=top_k, label=label, deadline=deadline, raw=raw)
    )


async def offload(state: AppState, function: Callable[[], _T], *, inline: bool = False) -> _T:
    """Call the function in one of the threads for large requests, or on the event loop if `inline`."""
    return function() if inline else await to_thread.run_sync(function, limiter=state.limiter)


async def wait_for_batches(request: Request, pending: PendingAnswers) -> None:
    """Return when the batches of a started prediction have run. Raises ClientDisconnect."""
    if pending.future is not None:
        await wait_or_disconnect(request, pending.future)


async def wait_or_disconnect(request: Request, future: Future[Any]) -> None:
    """Return when the future is done, successfully or not.

    Raises ClientDisconnect if the client disconnects first; work that has not begun is then cancelled.
    """
    waiting = asyncio.wrap_future(future)
    done, _ = await asyncio.wait({waiting}, timeout=WATCH_AFTER_SECONDS)
    if not done:  # rare: most answers come sooner
        disconnect = asyncio.ensure_future(_wait_for_disconnect(request))
        try:
            await asyncio.wait({waiting, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnect.cancel()
    if not waiting.done():
        waiting.cancel()
        raise ClientDisconnect
    waiting.exception()  # mark as retrieved; `PendingAnswers.result` raises it


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def record_answers(
    state: AppState,
    name: str,
    pending: PendingAnswers,
    answers: Sequence[Answer | InputError],
    began: float,
    *,
    count_errors: bool = True,
) -> None:
    """Add a prediction that began at `began` (`time.perf_counter`) to the metrics.

    `count_errors=False` leaves out the errors of texts: an error that the route raises is counted with its response.
    """
    state.metrics.inference(name, pending, answers, time.perf_counter() - began)
    for answer in answers:
        if count_errors and isinstance(answer, InputError):
            state.metrics.error(answer.code)


async def parse_body(request: Request, state: AppState, kind: type[_Body], hint: str) -> _Body:
    """The JSON body of the request as a `kind`. Raises an error with this hint if it does not fit."""
    body = await read_json_body(request, state.settings.max_body_bytes)

    def parse() -> _Body:
        return validate(parse_object(body, hint=hint), kind, hint=hint)

    return await offload(state, parse, inline=len(body) <= INLINE_CHARACTERS)


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


def _characters(text: Text | InputError) -> int:
    if isinstance(text, InputError):
        return 0
    return len(text.first) + len(text.second) if isinstance(text, Pair) else len(text)
