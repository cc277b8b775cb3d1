"""Where benchmarks store their results: one file for each benchmark and kind of machine, all of one format.

`benchmarks/results/NAME/MACHINE.json` holds the values with what is needed to repeat them; `MACHINE.md` next to it is
for readers. A result of another kind of machine lies in another file, so none replaces another.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.inference.runtime.machine import describe_machine

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
RESULTS = Path(os.environ.get("GLOSSATOR_BENCHMARK_RESULTS") or ROOT / "benchmarks" / "results")
"""The folder of the results. The environment variable leads the results of a trial elsewhere."""
PACKAGES = ("glossator", "numpy", "onnxruntime", "tokenizers", "torch", "transformers")
"""Packages whose versions are stored with every result, where they are installed."""
UNKNOWN = "unknown"
"""The kind of machine of an old result that does not name its machine, or does not depend on it."""


class Machine(BaseModel):
    """The machine of a result."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(pattern=r"^[a-z0-9-]+$", description="instruction set for int8 and name of the processor")
    description: str | None = Field(description="processor, instruction sets, CPUs; null where it was not stored")


class StoredResult(BaseModel):
    """A result file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9_-]+$", description="name of the benchmark and of its folder")
    command: str | None = Field(description="what repeats it, from the root of the repository")
    commit: str | None = Field(pattern=r"^[0-9a-f]{40}$", description="of the measured code; null where unknown")
    modified: bool = Field(False, description="whether the code differed from that commit")
    date: datetime.date
    machine: Machine
    versions: dict[str, str]
    rounds: int | None = Field(ge=1, description="repetitions, where the benchmark repeats as a whole")
    values: Any = Field(description="what was measured; its form is that of the benchmark")


def machine_kind(description: str) -> str:
    """The name of a kind of machine, from what `describe_machine` says of it.

    >>> machine_kind("AMD EPYC (avx2 avx512f avx512_vnni avx_vnni), 2 CPUs, ONNX Runtime 1.32.0")
    'vnni-amd-epyc'
    >>> machine_kind("AMD EPYC (avx2 avx512f avx512_vnni), 2 CPUs, ONNX Runtime 1.32.0")
    'avx512vnni-amd-epyc'
    >>> machine_kind("Intel(R) Xeon(R) Processor (avx2 avx512_vnni amx_int8), 2 CPUs, ONNX Runtime 1.32.0")
    'amx-intel-xeon'
    """
    processor, _, rest = re.sub(r"\((?:R|TM)\)", " ", description).partition("(")
    flags = set(rest.partition(")")[0].split())
    words = [word for word in re.findall(r"[a-z0-9]+", processor.lower()) if word not in ("processor", "cpu")]
    if "amx_int8" in flags:
        instructions = "amx"
    elif "avx_vnni" in flags:
        instructions = "vnni"
    elif "avx512_vnni" in flags:  # an older generation
        instructions = "avx512vnni"
    elif "avx2" in flags:
        instructions = "avx2"
    else:
        instructions = "i8mm" if "i8mm" in flags else "other"
    return "-".join([instructions, *words])


def write_result(
    name: str, values: Any, *, report: str | None = None, rounds: int | None = None, folder: Path | None = None
) -> Path:
    """Store the values of a run on this machine, and `report`, the same for readers, next to it.

    Args:
        name: Name of the benchmark.
        values: What was measured; anything that can be written as JSON.
        report: Markdown; None leaves an earlier report as it is.
        rounds: Repetitions; None takes them from `values["rounds"]` where that is a number.
        folder: Folder of all results; None for the repository's.

    Returns:
        The JSON file.
    """
    if rounds is None and isinstance(values, Mapping) and isinstance(values.get("rounds"), int):
        rounds = values["rounds"]
    commit = _git("rev-parse", "HEAD")
    description = describe_machine()[0]
    stored = StoredResult(
        name=name,
        command=_command(),
        commit=commit,
        modified=commit is not None and bool(_git("status", "--porcelain", "--", ":!benchmarks/results")),
        date=datetime.datetime.now(datetime.UTC).date(),
        machine=Machine(kind=machine_kind(description), description=description),
        versions=_versions(),
        rounds=rounds,
        values=json.loads(json.dumps(values)),
    )
    file = result_file(name, folder=folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(stored.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if report is not None:
        write_report(name, report, folder=folder)
    return file


def write_report(name: str, report: str, *, folder: Path | None = None, suffix: str = ".md") -> Path:
    """Write what a reader sees of the result of this machine: Markdown, or a picture of another suffix."""
    file = result_file(name, folder=folder).with_suffix(suffix)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(report.rstrip("\n") + "\n", encoding="utf-8")
    return file


def read_values(name: str, *, folder: Path | None = None) -> Any:
    """The values that are stored for this kind of machine; None if there are none."""
    file = result_file(name, folder=folder)
    return read_result(file).values if file.is_file() else None


def read_newest(name: str, *, folder: Path | None = None) -> StoredResult:
    """The newest result of a benchmark, of whatever machine.

    Raises:
        FileNotFoundError: There is none.
    """
    found = [read_result(file) for file in sorted(((folder or RESULTS) / name).glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"no result of {name!r} in {folder or RESULTS}")
    return max(found, key=lambda result: result.date)


def read_result(file: Path) -> StoredResult:
    """Read and check a result file."""
    return StoredResult.model_validate_json(file.read_text(encoding="utf-8"))


def result_file(name: str, *, folder: Path | None = None) -> Path:
    """The result file of a benchmark on this kind of machine."""
    return (folder or RESULTS) / name / f"{machine_kind(describe_machine()[0])}.json"


def _command() -> str:
    return shlex.join(["python", *map(_without_place, sys.orig_argv[1:])])


def _without_place(word: str) -> str:
    """A path in the project relative to it, and of another absolute path only the name: results name no folders of a
    machine."""
    path = Path(word)
    if not path.is_absolute():
        return word
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def _versions() -> dict[str, str]:
    found = {"python": sys.version.partition(" ")[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str | None:
    """What git prints; None where there is no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
