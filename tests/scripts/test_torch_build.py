"""`scripts/torch_build.py` with the real pip, on small wheels that are named and require what those of torch do."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakeWheel = Callable[..., Path]
Environment = tuple[Path, Path]
Install = Callable[..., tuple[Any, str]]

LINUX = 'platform_system == "Linux"'
CUDA = [
    "filelock",
    f"nvidia-cudnn-cu13==9.20.0.48; {LINUX}",
    f"cuda-toolkit[cublas]==13.0.3; {LINUX}",
    f"triton==3.7.1; {LINUX}",
    'optree>=0.13; extra == "optree"',
    'nvidia-extra; extra == "more"',
]


@pytest.fixture
def install_torch(environment: Environment) -> Install:
    """Installs a version of torch as on an x86-64 Linux machine; the build and what was written."""
    from pip_progress import Progress
    from torch_build import install_torch

    def install(version: str = "2.13.0", system: str = "linux", machine: str = "x86_64") -> tuple[Any, str]:
        stream = io.StringIO()
        build = install_torch(
            *environment, version, Progress(1, stream, line_every=math.inf), system=system, machine=machine
        )
        return build, stream.getvalue()

    return install


def test_the_cpu_build_is_preferred(install_torch: Install, make_wheel: MakeWheel) -> None:
    make_wheel("torch", "2.13.0", CUDA)
    make_wheel("torch", "2.13.0+cpu", ["filelock"])
    make_wheel("torch", "2.13.0+cu130", CUDA)  # which sorts after +cpu
    build, written = install_torch()
    assert (build.version, build.gpu_packages) == ("2.13.0+cpu", [])
    assert written.startswith("[1/1] torch 2.13.0: CPU build, 1 wheel, ")
    assert "note:" not in written


def test_without_a_cpu_build_the_cuda_build_is_installed_with_a_note(
    install_torch: Install, make_wheel: MakeWheel
) -> None:
    make_wheel("torch", "2.13.0", CUDA)
    build, written = install_torch()
    assert build.version == "2.13.0"
    assert build.gpu_packages == ["cuda-toolkit", "nvidia-cudnn-cu13", "triton"]
    assert "torch 2.13.0: CUDA build, 1 wheel, " in written
    assert "note: pip found no CPU build of torch 2.13.0" in written
    assert "3 GPU packages" in written
    assert "PIP_EXTRA_INDEX_URL" in written


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_cpu_builds_under_the_plain_version(
    install_torch: Install, make_wheel: MakeWheel, system: str
) -> None:
    make_wheel("torch", "2.13.0", ["filelock"])
    build, written = install_torch(system=system, machine="arm64")
    assert (build.version, build.gpu_packages) == ("2.13.0", [])
    assert "note:" not in written


def test_an_installed_cpu_build_is_kept(install_torch: Install, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("torch", "2.13.0+cpu", ["filelock"])
    install_torch()
    wheel.unlink()
    build, written = install_torch()
    assert build.version == "2.13.0+cpu"
    assert "CPU build, already installed" in written


def test_an_installed_cuda_build_is_replaced_once_pip_finds_a_cpu_build(
    install_torch: Install, make_wheel: MakeWheel
) -> None:
    make_wheel("torch", "2.13.0", CUDA)
    install_torch()
    make_wheel("torch", "2.13.0+cpu", ["filelock"])
    build, _ = install_torch()
    assert build.version == "2.13.0+cpu"


def test_another_version_is_replaced(install_torch: Install, make_wheel: MakeWheel) -> None:
    make_wheel("torch", "2.12.0+cpu", ["filelock"])
    make_wheel("torch", "2.13.0+cpu", ["filelock"])
    assert install_torch("2.12.0")[0].version == "2.12.0+cpu"
    assert install_torch("2.13.0")[0].version == "2.13.0+cpu"


def test_no_torch_at_all_is_pips_error(install_torch: Install) -> None:
    from pip_progress import CommandFailed

    with pytest.raises(CommandFailed, match=r"No matching distribution found for torch==2\.13\.0$"):
        install_torch()


def test_the_size_is_that_of_torch_and_its_gpu_packages(
    install_torch: Install, make_wheel: MakeWheel, environment: Environment
) -> None:
    from pip_progress import Progress, pip_install
    from torch_build import gpu_size, size_note

    make_wheel("torch", "2.13.0", ["nvidia-cudnn-cu13", "filelock"], size=2_000_000)
    make_wheel("nvidia-cudnn-cu13", "9.20.0.48", ["nvidia-cublas"], size=3_000_000)
    make_wheel("nvidia-cublas", "13.1.0.3", size=4_000_000)
    make_wheel("filelock", "3.0", size=5_000_000)
    install_torch()
    with Progress(1, io.StringIO()).stage("packages") as stage:
        pip_install(*environment, ["torch"], stage)
    packages = environment[1]
    count, size = gpu_size(packages)
    assert count == 2
    assert 9_000_000 <= size < 9_010_000
    assert size_note(packages).startswith("note: torch and its 2 GPU packages take 9 MB.\n")


def test_the_pin_is_the_one_of_the_constraints(tmp_path: Path) -> None:
    from torch_build import pinned

    constraints = tmp_path / "constraints.txt"
    constraints.write_text("tokenizers==0.23.3\ntorch==2.13.0\ntorchvision==0.28.0\n")
    assert pinned(constraints) == "2.13.0"
    constraints.write_text("torch==2.13.0+cpu\n")
    assert pinned(constraints) == "2.13.0"
