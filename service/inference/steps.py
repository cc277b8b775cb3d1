"""Computations in steps, so that a caller can wait for the model in its own way, or give up between two steps."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, wait
from typing import Any, TypeVar

_T = TypeVar("_T")

Steps = Generator[Future[Any] | None, None, _T]
"""A generator that returns the result. It yields a future before it needs its result, and None before it submits work.

A caller that gives up cancels the future that was yielded last, and asks for no more steps.
"""


def finish(steps: Steps[_T]) -> _T:
    """Run all steps in the caller's thread and return the result."""
    while True:
        try:
            future = next(steps)
        except StopIteration as done:
            result: _T = done.value
            return result
        if future is not None:
            wait([future])
