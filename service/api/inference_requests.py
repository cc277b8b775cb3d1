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

from glossator.service.api.openapi_document import TIMEOUT
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.validation_faults import faults
from glossator.service.api.settings import Settings
from glossator.service.api.state import State
from glossator.service.api.transport.json_body import check_count, parse_object, read_json_body, too_long, validated
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


async def ask(
    state: State, request: Request, model: Model, name: str, texts: Sequence[Text | InputError], **asked: Unpack[Asked]
) -> list[Answer | InputError]:
    """One answer a text, in order; a text that cannot be answered has its error in its place.

    Raises TooManyTexts, ConfigError for options that the task does not know, Overloaded, DeadlineExceeded, and
    ClientDisconnect where nobody waits any more.
    """
    settings = state.settings
    check_count(texts, settings.max_texts)
    began = time.perf_counter()
    deadline = deadline_of(request, settings)
    limited = [bounded(text, settings.max_characters) for text in texts]
    start: partial[Pending] = partial(model.start, limited, deadline=deadline, **asked)
    small = sum(_characters(text) for text in texts) <= INLINE_CHARACTERS
    pending = start() if small else await to_thread.run_sync(start, limiter=state.limiter)
    if pending.future is not None:
        await settled(request, pending.future)
    answers = pending.result() if small else await to_thread.run_sync(pending.result, limiter=state.limiter)
    state.metrics.inference(name, pending, answers, time.perf_counter() - began)
    for answer in answers:
        if isinstance(answer, InputError):
            state.metrics.error(answer.code)
    return answers


async def read(request: Request, state: State, kind: type[_Body], hint: str) -> _Body:
    """The body of a request as a model of ours, large ones parsed beside the event loop. Raises what is wrong with it,
    with the way out."""
    body = await read_json_body(request, state.settings.max_body_bytes)

    def parsed() -> _Body:
        return validated(parse_object(body, hint=hint), kind, hint=hint)

    return parsed() if len(body) <= INLINE_CHARACTERS else await to_thread.run_sync(parsed, limiter=state.limiter)


async def fit(
    state: State,
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
    deadline = deadline_of(request, settings)
    limited = [too_long(text, settings.max_characters) or text for text in texts]
    work = partial(model.zero_shot, limited, labels, hypothesis=hypothesis, multi_label=multi_label, deadline=deadline)
    return await to_thread.run_sync(work, limiter=state.limiter)


async def rank(
    state: State,
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
    if (error := too_long(query, settings.max_characters)) is not None:
        raise error
    deadline = deadline_of(request, settings)
    limited = [too_long(text, settings.max_characters) or text for text in documents]
    work = partial(model.rerank, query, limited, top_k=top_k, label=label, deadline=deadline, raw=raw)
    return await to_thread.run_sync(work, limiter=state.limiter)


def deadline_of(request: Request, settings: Settings) -> float:
    """When (`time.monotonic`) the answer is of no use any more: what the server allows, or less where the client says
    so by X-Request-Timeout. Raises InvalidRequest where that is no number of seconds."""
    patience, header = settings.timeout_seconds, request.headers.get(TIMEOUT)
    if header is not None:
        try:
            patience = min(patience, _SECONDS.validate_python(header))
        except ValidationError as error:
            (fault,) = faults(error)
            fault = Fault(fault.name, fault.message, f"header.{TIMEOUT}")
            raise InvalidRequest("the request does not fit the route", faults=[fault]) from None
    return time.monotonic() + patience


def all_ranked(ranked: Sequence[Ranked | Unranked]) -> list[Ranked]:
    """The documents, for dialects that have no place for the error of one; raises the first."""
    for each in ranked:
        if isinstance(each, Unranked):
            each.error.message = f"text {each.index}: {each.error.message}"
            raise each.error
    return [each for each in ranked if isinstance(each, Ranked)]


def good(answers: Sequence[_T | InputError]) -> list[_T]:
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


def bounded(text: Text | InputError, limit: int) -> Text | InputError:
    """The text, or why it is too long; an error that stands in a text's place stays."""
    if isinstance(text, InputError):
        return text
    sides = text if isinstance(text, Pair) else (text,)
    return next((error for side in sides if (error := too_long(side, limit))), text)


async def settled(request: Request, future: Future[Any]) -> None:
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
