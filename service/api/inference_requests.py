"""Texts to answers for a request of any dialect: counted, bounded, queued, dropped when the client leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
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
from glossator.service.inference.composed.reranking import Ranked, Unranked
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, Pending
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import Asked

INLINE_CHARACTERS = 16_384
"""Requests up to this are parsed, encoded and decoded on the event loop: another thread would cost more."""
WATCH_AFTER_SECONDS = 0.1
"""How long an answer may take before the connection is watched for a client that leaves."""

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
    **asked: Unpack[Asked],
) -> list[Answer | InputError]:
    """One answer a text, in order; a text that cannot be answered has its error in its place.

    Raises TooManyTexts, ConfigError for options that the task does not know, Overloaded, DeadlineExceeded, and
    ClientDisconnect where nobody waits any more.
    """
    settings = state.settings
    check_count(texts, settings.max_texts)
    began = time.perf_counter()
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    start: partial[Pending] = partial(model.start, limited, deadline=deadline, **asked)
    small = sum(_characters(text) for text in texts) <= INLINE_CHARACTERS
    pending = start() if small else await to_thread.run_sync(start, limiter=state.limiter)
    if pending.future is not None:
        await wait_or_disconnect(request, pending.future)
    answers = pending.result() if small else await to_thread.run_sync(pending.result, limiter=state.limiter)
    state.metrics.inference(name, pending, answers, time.perf_counter() - began)
    for answer in answers:
        if isinstance(answer, InputError):
            state.metrics.error(answer.code)
    return answers


async def parse_body(request: Request, state: AppState, kind: type[_Body], hint: str) -> _Body:
    """The body of a request as a model of ours, large ones parsed beside the event loop. Raises what is wrong with it,
    with the way out."""
    body = await read_json_body(request, state.settings.max_body_bytes)

    def parsed() -> _Body:
        return validate(parse_object(body, hint=hint), kind, hint=hint)

    return parsed() if len(body) <= INLINE_CHARACTERS else await to_thread.run_sync(parsed, limiter=state.limiter)


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
    """Which of some labels fits each text (`Model.zero_shot`), bounded by texts times labels."""
    settings = state.settings
    check_count(range(len(texts) * len(labels)), settings.max_texts)
    deadline = read_deadline(request, settings)
    limited = replace_too_long(texts, settings.max_characters)
    work = partial(model.zero_shot, limited, labels, hypothesis=hypothesis, multi_label=multi_label, deadline=deadline)
    return await to_thread.run_sync(work, limiter=state.limiter)


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
) -> list[Ranked | Unranked]:
    """The documents by how well they fit the query (`Model.rerank`), bounded as any request; raises what is wrong with
    the query."""
    settings = state.settings
    check_count(documents, settings.max_texts)
    if (error := length_error(query, settings.max_characters)) is not None:
        raise error
    deadline = read_deadline(request, settings)
    limited = replace_too_long(documents, settings.max_characters)
    work = partial(model.rerank, query, limited, top_k=top_k, label=label, deadline=deadline, raw=raw)
    return await to_thread.run_sync(work, limiter=state.limiter)


def read_deadline(request: Request, settings: Settings) -> float:
    """When (`time.monotonic`) the answer is of no use any more: what the server allows, or less where the client says
    so by X-Request-Timeout. Raises InvalidRequest where that is no number of seconds."""
    patience, header = settings.timeout_seconds, request.headers.get(TIMEOUT_HEADER)
    if header is not None:
        try:
            patience = min(patience, _SECONDS.validate_python(header))
        except ValidationError as error:
            (fault,) = list_faults(error)
            fault = Fault(fault.name, fault.message, f"header.{TIMEOUT_HEADER}")
            raise InvalidRequest("the request does not fit the route", faults=[fault]) from None
    return time.monotonic() + patience


def raise_first_unranked(ranked: Sequence[Ranked | Unranked]) -> list[Ranked]:
    """The documents, for dialects that have no place for the error of one; raises the first."""
    for each in ranked:
        if isinstance(each, Unranked):
            each.error.message = f"text {each.index}: {each.error.message}"
            raise each.error
    return [each for each in ranked if isinstance(each, Ranked)]


def raise_first_error(answers: Sequence[_T | InputError]) -> list[_T]:
    """The answers, for dialects that have no place for the error of one text; raises the first, which says which text
    it is where there are several."""
    found = []
    for index, answer in enumerate(answers):
        if isinstance(answer, InputError):
            if len(answers) > 1:
                answer.message = f"text {index}: {answer.message}"
            raise answer
        found.append(answer)
    return found


def replace_too_long(texts: Sequence[_Text | InputError], limit: int) -> list[_Text | InputError]:
    """The texts, each of more than `limit` characters replaced by its error. Errors stay as they are."""
    return [text if isinstance(text, InputError) else _length_error(text, limit) or text for text in texts]


def _length_error(text: Text, limit: int) -> InputError | None:
    sides = text if isinstance(text, Pair) else (text,)
    return next((error for side in sides if (error := length_error(side, limit))), None)


async def wait_or_disconnect(request: Request, future: Future[Any]) -> None:
    """Returns when the future is done, well or not. Raises ClientDisconnect where the client leaves before: its work
    is dropped if it has not begun."""
    waiting = asyncio.wrap_future(future)
    done, _ = await asyncio.wait({waiting}, timeout=WATCH_AFTER_SECONDS)
    if not done:  # most are, and need nobody to watch
        leaving = asyncio.ensure_future(_left(request))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
    if not waiting.done():
        waiting.cancel()
        raise ClientDisconnect
    waiting.exception()  # read here, raised where the answers are


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _characters(text: Text | InputError) -> int:
    if isinstance(text, InputError):
        return 0
    return len(text.first) + len(text.second) if isinstance(text, Pair) else len(text)
