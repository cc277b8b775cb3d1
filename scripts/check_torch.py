"""Exits with 0 if the torch that is installed needs no CUDA packages, with a way out on stderr otherwise.

With `--installed` it says nothing and only tells whether there is such a torch.
"""

from __future__ import annotations

import sys
from importlib import metadata

from pip._vendor.packaging.requirements import Requirement


def cuda_packages() -> list[str] | None:
    """The CUDA packages that torch would bring on this platform; None where torch is not installed."""
    try:
        requirements = [Requirement(line) for line in metadata.requires("torch") or []]
    except metadata.PackageNotFoundError:
        return None
    wanted = [item.name for item in requirements if item.marker is None or item.marker.evaluate({"extra": ""})]
    return [name for name in wanted if name.startswith(("nvidia-", "cuda-"))]


def main() -> int:
    found = cuda_packages()
    if "--installed" in sys.argv:
        return 1 if found is None or found else 0
    if found:
        sys.stderr.write(
            f"error: pip chose a CUDA build of torch, which needs {len(found)} packages of several gigabytes\n"
            "  Glossator runs on plain CPUs: point PIP_EXTRA_INDEX_URL at PyTorch's index of CPU wheels,\n"
            "  or PIP_FIND_LINKS at a folder with such a wheel, and run make again.\n"
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
