"""Which build of torch is installed, and how the small one is preferred.

On Linux pip's default torch is a CUDA build, which brings gigabytes of GPU packages. Glossator computes on the CPU, so
the CPU build (local version `+cpu`) is taken where the user's pip can find one: on a configured index, or in a folder
of wheels. Where it cannot, the CUDA build works too. The pin `torch==X` in constraints.txt accepts both.
Standard library only.
"""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from pip_progress import CommandFailed, Progress, megabytes, pip_install

HINT = (
    "  hint: for the CPU build, add the index of CPU wheels that pytorch.org names to PIP_EXTRA_INDEX_URL,\n"
    "  or a folder with such a wheel to PIP_FIND_LINKS, then run `make clean` and make again."
)
_GPU_PACKAGES = ("nvidia-", "cuda-", "triton", "pytorch-triton", "rocm-")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Build:
    """An installed torch: its version, and the GPU packages that it requires itself."""

    version: str
    gpu_packages: list[str]

    @property
    def name(self) -> str:
        """The kind of build, for a person."""
        return "CUDA build" if self.gpu_packages else "CPU build"


def pinned(constraints: Path) -> str:
    """The version of torch in a file of constraints, without a local part."""
    match = re.search(r"^torch==([^+\s]+)", constraints.read_text(encoding="utf-8"), re.M)
    if match is None:
        raise CommandFailed(f"{constraints} has no line torch==VERSION")
    return match[1]


def installed(packages: Path) -> Build | None:
    """The torch in a folder of packages; None if there is none."""
    for found in distributions(path=[str(packages)]):
        if _normalised(found) == "torch":
            # Every GPU package is for Linux alone, where this matters: the markers need no evaluation.
            required = [line for line in found.requires or () if "extra ==" not in line]
            names = {match[0].lower() for match in map(_NAME.match, required) if match}
            return Build(found.version, sorted(name for name in names if name.startswith(_GPU_PACKAGES)))
    return None


def gpu_size(packages: Path) -> tuple[int, int]:
    """The number of GPU packages in a folder of packages, and their size in bytes, torch's included in the size."""
    count = size = 0
    for found in distributions(path=[str(packages)]):
        name = _normalised(found)
        if name == "torch" or name.startswith(_GPU_PACKAGES):
            count += name != "torch"
            size += sum(file.size or 0 for file in found.files or ())
    return count, size


def install_torch(
    python: Path,
    packages: Path,
    version: str,
    progress: Progress,
    *,
    system: str = sys.platform,
    machine: str = platform.machine(),
) -> Build:
    """Installs torch `version` without its requirements, and writes a note if it is a CUDA build.

    An installed CPU build of that version is kept. Raises CommandFailed where pip finds no torch at all.
    """
    choices = [f"torch=={version}"]
    if system == "linux" and machine in {"x86_64", "aarch64"}:
        choices.insert(0, f"torch=={version}+cpu")
    build = installed(packages)
    with progress.stage(f"torch {version}") as stage:
        fetched = "already installed"
        if build is None or build.version.partition("+")[0] != version or build.gpu_packages:
            for choice in choices:
                try:
                    fetched = pip_install(python, packages, ["--no-deps", choice], stage).fetched()
                    break
                except CommandFailed as error:
                    if choice == choices[-1] or "No matching distribution" not in str(error):
                        raise
        build = installed(packages)
        assert build is not None
        stage.detail = f"{build.name}, {fetched}"
    if build.gpu_packages:
        progress.note(
            f"note: pip found no CPU build of torch {version} and took the {build.name}. It works, but it requires "
            f"{len(build.gpu_packages)} GPU packages\n  of several gigabytes, which Glossator does not use.\n{HINT}"
        )
    return build


def size_note(packages: Path) -> str:
    """What the GPU build and its packages take on the disk, and how to get the small build."""
    count, size = gpu_size(packages)
    return f"note: torch and its {count} GPU packages take {megabytes(size)}.\n{HINT}"


def _normalised(found: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", found.metadata["Name"] or "").lower()
