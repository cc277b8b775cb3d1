"""Keeps what the libraries of an export print, log and warn of off the terminal: no user can act on it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """A block that says nothing; its errors pass."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    disabled = root.manager.disable
    root.addHandler(nowhere)  # without a handler, `logging.warning()` would give the process one for good
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.removeHandler(nowhere)
