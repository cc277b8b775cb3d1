"""Runs the `Steps` of a request (`service/inference/steps.py`): small ones on the event loop, large ones in threads.

While the model runs, no thread waits. A deadline that passes, or a client that disconnects, ends a request at any time:
while it waits for a thread or for the model, and between two steps. Work that has not begun then never runs, and a step
that runs is the last one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from glossator.service.api.state import AppState
from glossator.service.errors import DeadlineExceeded
from glossator.service.inference.queue.encoding_lanes import Share
from glossator.service.inference.steps import Steps

WATCH_AFTER_SECONDS = 0.1
"""How long an answer may take before the connection is watched for a disconnect."""

_T = TypeVar("_T")


async def run_steps(
    state: AppState, request: Request, steps: Steps[_T], deadline: float, share: Share | None = None
) -> _T:
    """Run steps until their result: in the encoding lanes as a part of `share`, without one on the event loop.

    Raises DeadlineExceeded at the deadline and ClientDisconnect if the client disconnects, without the next step.
    """
    piece: Future[Any] | None = None
    state.in_progress += 1
    try:
        while True:
            if share is None:
                is_done, found = _advance(steps)
            else:
                piece = state.lanes.submit(share, partial(_advance, steps))
                await wait_or_disconnect(request, piece, deadline, at_once=True)
                is_done, found = piece.result()
            if is_done:
                result: _T = found
                return result
            if found is not None:
                await wait_or_disconnect(request, found, deadline, at_once=share is not None)
            elif share is not None:
                await _check_client(request, deadline)
    finally:
        state.in_progress -= 1
        _end(state, steps, share, piece)


def _end(state: AppState, steps: Steps[Any], share: Share | None, piece: Future[Any] | None) -> None:
    """Close the steps, after the piece of them that still runs."""

    def close(piece: Future[Any] | None = None) -> None:
        steps.close()
        if share is not None:
            state.lanes.leave(share)
        if piece is not None and not piece.cancelled() and piece.exception() is None:
            _, found = piece.result()
            if isinstance(found, Future):
                found.cancel()

    if piece is None or piece.done():
        close()
    elif not piece.cancel():
        piece.add_done_callback(close)
    else:
        close()


def _advance(steps: Steps[Any]) -> tuple[bool, Any]:
    """Run one step. Returns False and what it yields, or True and the result."""
    try:
        return False, next(steps)
    except StopIteration as done:
        return True, done.value


async def _check_client(request: Request, deadline: float) -> None:
    """Raise DeadlineExceeded or ClientDisconnect if nobody waits any more."""
    if time.monotonic() > deadline:
        raise deadline_exceeded()
    if await request.is_disconnected():
        raise ClientDisconnect


async def offload(
    state: AppState,
    function: Callable[[], _T],
    *,
    inline: bool = False,
    seconds: float = 0.01,
    deadline: float = math.inf,
) -> _T:
    """Call the function in a thread of the encoding lanes, or on the event loop if `inline`.

    Args:
        state: The state of the app.
        function: The function.
        inline: Whether it takes less time than a thread would.
        seconds: About how long it takes. Long functions wait for short ones.
        deadline: A time of `time.monotonic`.

    Raises:
        DeadlineExceeded: The deadline passed first. The function does not run if it has not begun.
    """
    if inline:
        return function()
    share = state.lanes.join(seconds)
    piece = state.lanes.submit(share, function)
    piece.add_done_callback(lambda _: state.lanes.leave(share))
    left = None if math.isinf(deadline) else max(0.0, deadline - time.monotonic())
    try:
        return await asyncio.wait_for(asyncio.wrap_future(piece), left)
    except TimeoutError:
        if piece.done() and not piece.cancelled() and isinstance(piece.exception(), TimeoutError):
            raise  # the function raised it; one that has just returned is late all the same
        raise deadline_exceeded() from None


async def wait_or_disconnect(request: Request, future: Future[Any], deadline: float, *, at_once: bool = False) -> None:
    """Return when the future is done, successfully or not.

    Raises DeadlineExceeded or ClientDisconnect if the deadline passes or the client disconnects first; work that has
    not begun is then cancelled. The connection is watched after a moment, or `at_once`.
    """
    waiting = asyncio.wrap_future(future)
    left = max(0.0, deadline - time.monotonic())
    done: set[Any] = set()
    if not at_once:
        done, _ = await asyncio.wait({waiting}, timeout=min(WATCH_AFTER_SECONDS, left))
    if not done:
        disconnect = asyncio.ensure_future(_wait_for_disconnect(request))
        left = max(0.0, deadline - time.monotonic())
        try:
            await asyncio.wait({waiting, disconnect}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            has_left = disconnect.done()
            disconnect.cancel()
            if not waiting.done():
                waiting.cancel()
        if waiting.cancelled():
            raise ClientDisconnect if has_left else deadline_exceeded()
    waiting.exception()  # mark as retrieved; the next step raises it


def deadline_exceeded() -> DeadlineExceeded:
    """The error of a request whose deadline passed."""
    return DeadlineExceeded("the deadline passed before the answer was ready", hint="Retry later.")


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
