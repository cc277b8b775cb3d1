"""Write deploy/requirements/: the packages of the image with the SHA-256 of each wheel, for `pip --require-hashes`.

    python3.13 scripts/release/hash_requirements.py

The versions are those of constraints.txt. The hashes are those that the configured package index states; a wheel with
another content is then refused. Uses only the standard library and pip. Run it again after a change of constraints.txt
or of the dependencies, with the Python version of the image.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "requirements"
CONSTRAINTS = ROOT / "constraints.txt"
EXTRAS = ("postgres", "files", "otel")
"""The extras that an image can be built with."""
MACHINES = ("x86_64", "aarch64")
GLIBC_MINORS = range(41, 4, -1)
"""A wheel for an older glibc 2.x runs too; pip in the image prefers the newest."""
HEADER = """\
# {title}
# Made by scripts/release/hash_requirements.py from pyproject.toml and constraints.txt.
"""

Packages = dict[str, tuple[str, set[str]]]
"""Version and hashes by normalised name."""


def main() -> int:
    """Write the files and return the exit code."""
    image = re.search(r"^ARG BASE_IMAGE=python:(\d+\.\d+)", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert image is not None
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if own != image[1]:  # pip evaluates conditions such as python_version for the Python that runs it
        sys.stderr.write(
            f"error: the image has Python {image[1]}, this is {own}\n  hint: python{image[1]} {__file__}\n"
        )
        return 2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dependencies, optional = project["project"]["dependencies"], project["project"]["optional-dependencies"]
    FOLDER.mkdir(exist_ok=True)
    base = resolve(dependencies)
    write("base", "Every image: what `pip install glossator` needs.", base)
    write("build", "To build glossator itself.", resolve(project["build-system"]["requires"]))
    for extra in EXTRAS:
        found = resolve([*dependencies, *optional[extra]])
        more = {name: package for name, package in found.items() if name not in base}
        write(extra, f"What the extra [{extra}] adds to base.txt.", more)
    return 0


def resolve(requirements: Sequence[str]) -> Packages:
    """Return the packages that pip would install into the image, for each kind of machine."""
    packages: Packages = {}
    for machine in MACHINES:
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS]
        platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
        with tempfile.TemporaryDirectory() as folder:
            wanted, report = Path(folder, "wanted.txt"), Path(folder, "report.json")
            wanted.write_text("".join(f"{each}\n" for each in requirements))
            command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
            command += ["--report", str(report), "--target", folder, "--only-binary=:all:"]
            command += ["--constraint", str(CONSTRAINTS), "--requirement", str(wanted)]
            command += [part for each in platforms for part in ("--platform", each)]
            subprocess.run(command, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
            for item in json.loads(report.read_text())["install"]:
                name, version = normalised(item["metadata"]["name"]), item["metadata"]["version"]
                hashed = item["download_info"]["archive_info"]["hashes"]["sha256"]
                packages.setdefault(name, (version, set()))[1].add(hashed)
    return packages


def write(name: str, title: str, packages: Packages) -> None:
    """Write one file of requirements."""
    lines = [HEADER.format(title=title)]
    for package, (version, hashes) in sorted(packages.items()):
        hashed = "".join(f" \\\n    --hash=sha256:{each}" for each in sorted(hashes))
        lines.append(f"{package}=={version}{hashed}\n")
    (FOLDER / f"{name}.txt").write_text("".join(lines))


def normalised(name: str) -> str:
    """Return the name of a package in its one spelling.

    >>> normalised("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
