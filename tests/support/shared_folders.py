"""Folders that one of the parallel test processes makes and all of them use: trained models, exported bundles."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from glossator.service.files.locks import locked


class _Base(Protocol):
    """pytest.TempPathFactory."""

    def getbasetemp(self) -> Path: ...


def shared_folder(factory: _Base, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of a name, which no test may change. The first process that asks makes it, the others wait.

    Args:
        factory: Its base folder is that of a run of the tests, with a folder below it for each process.
        name: Names the folder and what is in it: the same content in every process.
        make: Fills the empty folder.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared" / name
    folder.parent.mkdir(exist_ok=True)
    made = folder.with_name(f"{name}.made")
    with locked(folder):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a process left that failed
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
