"""The lists of hashes in `deploy/requirements` are complete and match `constraints.txt`."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "requirements"
LISTS = sorted(path.stem for path in FOLDER.glob("*.txt"))
LINE = re.compile(r"([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def listed(name: str) -> dict[str, str]:
    """Version by name; every line of the file is a comment or a pinned package with hashes."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    found = LINE.findall(text)
    assert LINE.sub("", text) == ""
    packages = {package: version for package, version, _ in found}
    assert len(packages) == len(found)
    return packages


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().split("\n")
    pairs = [line.partition("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version.partition(";")[0].strip() for name, _, version in pairs}


@pytest.mark.parametrize("name", [name for name in LISTS if name != "build"])
def test_versions_are_those_of_the_constraints(name: str) -> None:
    pinned = constraints()
    packages = listed(name)
    assert packages
    assert packages == {package: pinned.get(package) for package in packages}


def test_the_build_needs_only_what_it_lists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {canonicalize_name(Requirement(each).name) for each in project["build-system"]["requires"]}
    packages = listed("build")
    assert set(packages) == names
    for each in map(Requirement, project["build-system"]["requires"]):
        assert packages[canonicalize_name(each.name)] in each.specifier


@pytest.mark.parametrize("extra", [None, *(name for name in LISTS if name not in ("base", "build"))])
def test_every_package_that_the_project_needs_has_hashes(extra: str | None) -> None:
    """Followed through the requirements of the packages that are installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else ())]
    needed = closure([Requirement(each) for each in wanted])
    packages = listed("base") | (listed(extra) if extra else {})
    assert needed <= set(packages)


def closure(requirements: list[Requirement]) -> set[str]:
    found: set[tuple[str, str]] = set()
    waiting = [(each, extra) for each in requirements for extra in ("", *each.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        key = (canonicalize_name(requirement.name), extra)
        if key in found or (requirement.marker is not None and not requirement.marker.evaluate({"extra": extra})):
            continue
        found.add(key)
        for line in importlib.metadata.requires(requirement.name) or ():
            inner = Requirement(line)
            if inner.marker is None or inner.marker.evaluate({"extra": extra, "python_version": "3.13"}):
                inner.marker = None
                waiting += [(inner, each) for each in ("", *inner.extras)]
    return {name for name, _ in found}


def test_the_image_installs_only_what_has_a_hash() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    installs = [line for line in text.replace("\\\n", " ").split("&&") if "pip install" in line]
    assert len(installs) == 2
    assert all(option in installs[0] for option in ("--require-hashes", "--no-deps", "--only-binary=:all:"))
    assert all(option in installs[1] for option in ("--no-deps", "--no-build-isolation", " . "))
    extras = re.search(r"^ARG EXTRAS=([a-z,]+)$", text, re.MULTILINE)
    assert extras is not None
    assert {"base", "build", *extras[1].split(",")} <= set(LISTS)
