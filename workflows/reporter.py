"""What a workflow reports while it runs. The command line draws it; a program can show it elsewhere or ignore it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glossator.training.progress import Progress


class Reporter:
    """Receives lines of progress. This base class ignores them; override what you want to show."""

    def stage(self, line: str) -> None:
        """Report that a step begins."""

    def detail(self, line: str) -> None:
        """Report something about the current step."""

    def training(self) -> AbstractContextManager[Progress]:
        """Return a context that receives the batches and epochs of one training."""
        from glossator.training.progress import SilentProgress

        return nullcontext(SilentProgress())


class LineReporter(Reporter):
    """Passes each step to a function that takes a line of text."""

    def __init__(self, show: Callable[[str], None] | None) -> None:
        self._show = show

    def stage(self, line: str) -> None:
        """Report that a step begins."""
        if self._show is not None:
            self._show(line)
