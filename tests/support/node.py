"""Node and the packages of a folder, installed from its committed lock file when they are not there yet, without their
install scripts. Without node or npm the test is skipped; where GLOSSATOR_REQUIRE_NODE is set it fails."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def node_with_packages(folder: Path) -> str:
    """The node program, the packages of a folder installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _unavailable("node and npm are not both installed")
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".installed-lock"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
        except subprocess.SubprocessError as error:  # offline, or too slow
            _unavailable(f"npm ci: {error}\n{error.stderr}")  # type: ignore[attr-defined]
        stamp.write_text(lock, encoding="utf-8")
    return node


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("GLOSSATOR_REQUIRE_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)
